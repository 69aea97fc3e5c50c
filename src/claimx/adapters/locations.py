"""Where the lake lies: a path, ``file://``, ``s3://`` or ``abfss://``, and the options of its store."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from claimx.config.tree import Secret


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
