"""Where the lake lies: a path, ``file://``, ``s3://``, ``abfss://`` or ``az://``, and the options of its store."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from claimx.config.tree import Secret

_DEBUG = "\n\nDebug source"
_STATUS = re.compile(r"status code: \d{3}[^:<\n]*")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_MAX_CHARS = 300


def local_path(url: str) -> Path | None:
    """The local directory that a URL or plain path names, or None for a remote one."""
    if "://" not in url:
        return Path(url).absolute()
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def options(storage: Mapping[str, str | Secret]) -> dict[str, str]:
    """The store's options with their secrets revealed: for the client library alone."""
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in storage.items()}


def is_panic(error: BaseException) -> bool:
    """Whether a Rust library panicked: its exception is no ``Exception``, and each library has a class of its own."""
    return any(kind.__name__ == "PanicException" for kind in type(error).__mro__)


def told(error: BaseException) -> str:
    """What obstore or delta-rs says of a failure, less the store's answer, of which only status and code are kept.

    S3 repeats the request that it refused, session token and all.
    """
    text = str(error).partition(_DEBUG)[0]
    status = _STATUS.search(text)
    if status is None:
        return text.partition("<")[0].strip()[:_MAX_CHARS]
    code = _CODE.search(text, status.end())
    known = text[: status.end()] + (f", {code[1]}" if code else "")
    return known[-_MAX_CHARS:]
