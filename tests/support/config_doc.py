"""docs/configuration.md, from the settings tree and the commented claimx.toml: ``python -m support.config_doc``."""

import json
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec

from claimx.config.leaves import LEAVES, TABLES, Leaf
from claimx.config.master import meanings

DOC = Path(__file__).parents[2] / "docs" / "configuration.md"
_HEAD = """\
# Configuration

Every key of claimx.toml, written by `tests/support/config_doc.py` from the code. What wins: defaults < file < environment
< `--set`. A key `section.name` is the variable `CLAIMX_SECTION__NAME`; a secret is `{ env = "NAME" }`, `{ file = "PATH" }` or the
variable with `_FILE` behind it. `claimx config show` prints what holds and where it comes from, `claimx config check` every
problem at once, `claimx config schema` the JSON schema for editors.
"""


def rendered() -> str:
    """One table for each section."""
    texts = meanings()
    lines = [_HEAD]
    for table in TABLES:
        leaves = [leaf for leaf in LEAVES.values() if leaf.path.rpartition(".")[0] == table]
        if not table or not leaves:
            continue
        lines += [f"## [{table}]\n", texts.get(table, ""), ""]
        lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
        lines += [_line(leaf, texts.get(leaf.path, "")) for leaf in leaves]
        lines.append("")
    return "\n".join(lines)


def _line(leaf: Leaf, meaning: str) -> str:
    name = leaf.path.rpartition(".")[2]
    meaning = meaning.replace("<", "&lt;")
    return f"| `{name}` | {'; '.join(_kinds(leaf))} | {_default(leaf)} | {meaning} |"


def _default(leaf: Leaf) -> str:
    if leaf.required:
        return "required"
    if leaf.kind in {"secret", "map"} or leaf.default is None:
        return "not set"
    return f"`{json.dumps(leaf.default)}`"


def _kinds(leaf: Leaf) -> Iterator[str]:
    match leaf.kind:
        case "secret":
            yield "secret"
        case "map":
            yield "table of free keys"
        case "list":
            yield "list"
        case "value":
            body = msgspec.json.schema(leaf.type)
            parts = [body, *body.get("anyOf", [])]
            for part in parts:
                yield from _limits(part)


def _limits(part: dict[str, typing.Any]) -> Iterator[str]:
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    if "enum" in part:
        yield " or ".join(f"`{value}`" if value else "empty" for value in part["enum"])
    elif part.get("type") in names:
        yield names[part["type"]]
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    yield from (f"{sign} {part[key]}" for key, sign in signs.items() if key in part)


if __name__ == "__main__":
    DOC.write_text(rendered())
