"""The commented claimx.toml: its text, and what its comments say about each key."""

import re
from collections.abc import Mapping
from importlib.resources import files

from claimx.config.leaves import join

_KEY = re.compile(r"#?([a-z_]+) = ")
_TABLE = re.compile(r"\[([a-z_.]+)\]")


def init_text() -> str:
    """What ``claimx config init`` writes: every key, with its default and its meaning."""
    return files("claimx.config").joinpath("claimx.toml").read_text(encoding="utf-8")


def meanings() -> Mapping[str, str]:
    """By path of a key or a table, the comment that stands above it in the file."""
    found: dict[str, str] = {}
    comment: list[str] = []
    table = ""
    for line in init_text().splitlines():
        if line.startswith("# "):
            comment.append(line.removeprefix("# "))
            continue
        if match := _TABLE.fullmatch(line):
            table = match[1]
            found[table] = " ".join(comment)
        elif match := _KEY.match(line):
            found.setdefault(join(table, match[1]), " ".join(comment))
        comment = []
    return found
