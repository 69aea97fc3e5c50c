"""The effective settings as lines to print, secrets masked."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from claimx.config.leaves import LEAVES
from claimx.config.load import Loaded
from claimx.config.tree import Secret


class Line(NamedTuple):
    """One key: its value as TOML writes it, secrets as ``"***"``, and where it comes from."""

    key: str
    value: str
    origin: str


def show(loaded: Loaded) -> Iterator[Line]:
    """Every key in the order of the tree, the entries of maps one by one."""
    for path in LEAVES:
        value = _at(loaded, path)
        if isinstance(value, dict) and value:
            for key, entry in value.items():
                yield Line(f"{path}.{key}", _shown(entry), loaded.origins[f"{path}.{key}"])
        else:
            yield Line(path, _shown(value), loaded.origins[path])


def _at(loaded: Loaded, path: str) -> object:
    value: object = loaded.settings
    for step in path.split("."):
        value = getattr(value, step)
    return value


def _shown(value: object) -> str:
    match value:
        case None:
            return "(not set)"
        case Secret():
            return '"***"'
        case _:
            return json.dumps(value)
