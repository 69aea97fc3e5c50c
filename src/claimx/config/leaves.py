"""The settings tree as a flat table: one leaf for each key, by its dotted path."""

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec

from claimx.config.tree import Secret, Settings

PREFIX = "CLAIMX_"
Kind: TypeAlias = Literal["value", "list", "secret", "map"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One key.

    Args:
        path: ``kafka.topics.events_raw``.
        type: what ``msgspec.convert`` makes of it.
        kind: ``list`` is read from a variable as JSON or comma separated; a ``map`` has keys of its own.
        required: it has no default.
        default: None where it is required.
    """

    path: str
    type: object
    kind: Kind
    required: bool
    default: object

    @property
    def variable(self) -> str:
        """The environment variable of this key; those of a map's entries begin with it and ``__``."""
        return PREFIX + self.path.upper().replace(".", "__")


def _tables(tree: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, type[msgspec.Struct]]]:
    yield prefix, tree
    for field in msgspec.structs.fields(tree):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _tables(field.type, join(prefix, field.name))


def _kind(annotation: object) -> Kind:
    inner = typing.get_args(annotation)
    if annotation is Secret or Secret in inner:
        return "secret"
    for candidate in (annotation, *inner):
        match typing.get_origin(candidate):
            case origin if origin is dict:
                return "map"
            case origin if origin is tuple:
                return "list"
            case _:
                pass
    return "value"


def _leaf(path: str, field: msgspec.structs.FieldInfo) -> Leaf:
    default = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    return Leaf(path, field.type, _kind(field.type), field.required, None if field.required else default)


def join(table: str, key: str) -> str:
    """The path of a key in a table; the table of everything is the empty path."""
    return f"{table}.{key}" if table else key


TABLES = MappingProxyType(dict(_tables(Settings)))
"""Every table of the tree by its path; the whole tree is the empty path."""
LEAVES = MappingProxyType(
    {
        path: _leaf(path, field)
        for table, struct in TABLES.items()
        for field in msgspec.structs.fields(struct)
        if (path := join(table, field.name)) not in TABLES
    }
)
"""Every key of the tree by its path."""
MAPS = tuple(leaf for leaf in LEAVES.values() if leaf.kind == "map")
"""The keys that are tables of free keys: ``kafka.client`` and ``lake.storage``."""


def leaf_of(path: str) -> Leaf | None:
    """The leaf at this path, or the map that an entry at this path belongs to."""
    if path in LEAVES:
        return LEAVES[path]
    return next((leaf for leaf in MAPS if path.startswith(f"{leaf.path}.")), None)
