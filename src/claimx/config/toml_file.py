"""Reads claimx.toml, and finds the line of each key, which tomllib does not tell."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from claimx.config.leaves import join
from claimx.config.problems import Problem

_TABLE = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_.-])+)\s*=""")
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """What the file says.

    Args:
        name: as the user named it.
        table: nested values; empty if the file cannot be read.
        lines: the line of each path.
        problems: why it cannot be read.
    """

    name: str
    table: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def where(self, path: str) -> str:
        """``file:line`` of a path, or of the nearest table that holds it."""
        while path:
            if path in self.lines:
                return f"{self.name}:{self.lines[path]}"
            path = path.rpartition(".")[0]
        return self.name


def read(path: Path) -> TomlFile:
    """Read and parse the file. A file that cannot be used comes back empty, with its problem."""
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        return TomlFile(
            name, problems=(Problem(name, "", f"cannot be read: {exc.strerror}", "name another with -c"),)
        )
    except UnicodeDecodeError:
        return TomlFile(name, problems=(Problem(name, "", "is not UTF-8 text"),))
    return parse(name, text)


def parse(name: str, text: str) -> TomlFile:
    """Parse the text of a file called ``name``."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        at = _AT_LINE.search(str(exc))
        where = f"{name}:{at[1]}" if at else name
        return TomlFile(name, problems=(Problem(where, "", f"is not TOML: {_AT_LINE.sub('', str(exc))}"),))
    lines: dict[str, int] = {}
    for number, path in _paths(text):
        lines.setdefault(path, number)
    return TomlFile(name, table, lines)


def _paths(text: str) -> Iterator[tuple[int, str]]:
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            table = _bare(match[1])
            yield number, table
        elif match := _KEY.match(line):
            yield number, join(table, _bare(match[1]))


def _bare(key: str) -> str:
    return key.replace('"', "").replace("'", "").replace(" ", "")
