"""One source's values, flattened to the paths of the tree; what does not fit the tree is a problem."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from claimx.config.leaves import LEAVES, MAPS, TABLES, join, leaf_of
from claimx.config.problems import Problem, did_you_mean


@dataclass(frozen=True, slots=True)
class Entry:
    """One configured value.

    Args:
        value: as the source has it: text from variables and ``--set``, else a TOML value.
        origin: ``file:line``, ``env NAME``, ``--set`` or ``sandbox``.
        is_text: the source knows only text, so ``"64"`` is a number where one is wanted.
    """

    value: object
    origin: str
    is_text: bool = False


_MAP_NAMES = frozenset(leaf.path for leaf in MAPS)

Found = tuple[str, Entry] | Problem
Where = Callable[[str], str]


def is_reference(value: object) -> bool:
    """Whether a value is ``{ env = ... }`` or ``{ file = ... }``: a secret that stands elsewhere."""
    return isinstance(value, Mapping) and len(value) == 1 and set(value) <= {"env", "file"}


def flatten(table: Mapping[str, object], where: Where, path: str = "") -> Iterator[Found]:
    """Every value of a nested table by its path.

    Args:
        table: as TOML reads it.
        where: the place of a path, for messages.
        path: of the table itself.
    """
    for key, value in table.items():
        inner = join(path, key)
        if inner in TABLES:
            if isinstance(value, Mapping):
                yield from flatten(value, where, inner)
            else:
                yield Problem(where(inner), inner, "must be a table", f"write [{inner}] and its keys below")
        elif inner in LEAVES:
            yield from _leaf(inner, value, where)
        else:
            yield Problem(where(inner), inner, "unknown key", _unknown_hint(path, key))


def _leaf(path: str, value: object, where: Where) -> Iterator[Found]:
    if LEAVES[path].kind != "map":
        yield path, Entry(value, where(path))
    elif isinstance(value, Mapping):
        yield from _map_entries(path, value, where)
    else:
        yield Problem(where(path), path, "must be a table", f"write [{path}] and its keys below")


def _map_entries(path: str, table: Mapping[str, object], where: Where) -> Iterator[Found]:
    """Entries of a map. An unquoted ``a.b.c = 1`` is nested in TOML; here it is the one key ``a.b.c``."""
    for key, value in table.items():
        inner = join(path, key)
        if isinstance(value, Mapping) and value and not is_reference(value):
            yield from _map_entries(inner, value, where)
        else:
            yield inner, Entry(value, where(inner))


def _unknown_hint(path: str, key: str) -> str:
    siblings = {
        name.removeprefix(f"{path}.") for name in (*LEAVES, *TABLES) if name and _parent(name) == path
    }
    if near := did_you_mean(key, sorted(siblings)):
        return near
    elsewhere = sorted(name for name in LEAVES if name.rpartition(".")[2] == key)
    if elsewhere:
        return f"did you mean {elsewhere[0]}?"
    return "known here: " + ", ".join(sorted(siblings))


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def set_values(sets: tuple[str, ...]) -> Iterator[Found]:
    """The values of ``--set key=value``; an unknown key is a problem."""
    for number, text in enumerate(sets, 1):
        path, equals, value = text.partition("=")
        path = path.strip()
        if not equals:
            yield Problem(
                "--set",
                "",
                f"the {number}. --set must be KEY=VALUE",
                "for example --set kafka.group_id=trial",
            )
        elif path not in _MAP_NAMES and leaf_of(path) is not None:
            yield path, Entry(value, "--set", is_text=True)
        elif path in _MAP_NAMES or path in TABLES:
            yield Problem("--set", path, "is a table", f"name one key in it, as in --set {path}.KEY=VALUE")
        else:
            yield Problem("--set", path, "unknown key", _unknown_hint(*_split(path)))


def _split(path: str) -> tuple[str, str]:
    table, _, key = path.rpartition(".")
    return (table, key) if table in TABLES else ("", path)
