"""Where one table lies, what lies there when it is no table, and what may be told of it."""

import re
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import obstore

from claimx.adapters.locations import local_path, options, told
from claimx.adapters.object_store import remote_store
from claimx.config.tree import Lake, Secret
from claimx.errors import ConfigError

_LOG = "_delta_log"
_SECRET_NAME = re.compile(r"key|secret|token|sas|password", re.IGNORECASE)
_QUERY = re.compile(r"(\w://[^\s?\"'<>()]*)\?[^\s\"'<>()]*")
_ARROW = re.compile(r"\s*(?:\x1b\[[0-9;]*m|\u21b3)+\s*")
"""Between an error and its cause, in colour."""
_FRAMES = re.compile(r"\s+0:\s*(?:<unknown>.*)?\Z", re.DOTALL)
"""Of a library without symbols."""


class Contents(Enum):
    """What lies at a place."""

    NOTHING = "nothing"
    FILES = "files"
    """Files, but no log: something that a new table would take possession of."""
    LOG = "log"
    """A log with files in it: a table, whether it can be read or not."""


class Place(NamedTuple):
    """The place of one table.

    Args:
        uri: as delta-rs takes it.
        root: its directory if it lies on a local disk.
        settings: the lake that it belongs to.
    """

    uri: str
    root: Path | None
    settings: Lake

    @property
    def options(self) -> dict[str, str] | None:
        """The options of its store, secrets revealed: for delta-rs alone."""
        return None if self.root is not None else options(self.settings.storage) or None

    def contents(self) -> Contents:
        """Look at the place itself: delta-rs says "not found" of much that is there.

        Raises:
            Exception: of the store's library, or OSError: it cannot be looked at.
        """
        if self.root is not None:
            return _local_contents(self.root)
        store = remote_store(self.uri, self.settings)
        for prefix, contents in ((_LOG, Contents.LOG), (None, Contents.FILES)):
            if any(obstore.list(store, prefix, chunk_size=1)):
                return contents
        return Contents.NOTHING

    def told(self, error: BaseException) -> str:
        """What may be told of an error: one line, no query of a URL, no secret option."""
        text = " ".join(told(Exception(_ARROW.sub(": ", _FRAMES.sub("", str(error))))).split())
        for name, value in self.settings.storage.items():
            secret = value.reveal() if isinstance(value, Secret) else value
            if secret and (isinstance(value, Secret) or _SECRET_NAME.search(name)):
                text = text.replace(secret, "***")
        return _QUERY.sub(r"\1?***", text)


def place(settings: Lake, name: str) -> Place:
    """The place of a table.

    Raises:
        ConfigError: ``tables_url`` cannot be used.
    """
    root = local_path(settings.tables_url)
    if root is None:
        return Place(f"{settings.tables_url.rstrip('/')}/{name}", None, settings)
    if "%" in str(root):
        raise ConfigError("lake.tables_url: a path with a percent sign is read as another path by delta-rs")
    return Place((root / name).as_uri(), root / name, settings)


def shown(tables_url: str) -> str:
    """The tables root without password and query."""
    if local_path(tables_url) is not None:
        return tables_url
    bare = re.split(r"[?#]", tables_url, maxsplit=1)[0]
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1@", bare)


def _local_contents(root: Path) -> Contents:
    try:
        names = {path.name for path in root.iterdir()}
    except FileNotFoundError:
        return Contents.NOTHING
    if _LOG in names and any((root / _LOG).iterdir()):
        return Contents.LOG
    return Contents.FILES if names - {_LOG} else Contents.NOTHING
