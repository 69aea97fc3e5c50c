"""One key of the settings, explained: what it means, what it takes, and how it is set."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from claimx.config.leaves import LEAVES, TABLES, Leaf, leaf_of
from claimx.config.master import meanings
from claimx.config.schema import key_schema

_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
    "minItems": "items at least",
    "pattern": "matches",
}


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One key.

    Args:
        takes: its JSON schema.
        default: None where there is none, and for a secret.
    """

    key: str
    meaning: str
    takes: dict[str, Any]
    default: Any
    is_required: bool
    variable: str


class _Line(Explained, frozen=True, kw_only=True, tag_field="schema", tag="claimx.config.explain/1"):
    """One key as a line of its own."""


class _All(msgspec.Struct, frozen=True, tag_field="schema", tag="claimx.config.explain/1"):
    """Keys as one object."""

    keys: list[Explained]


def keys_of(name: str) -> list[str]:
    """The keys that a name means: itself, an entry of a table of free keys, or all that lie in a table."""
    if name in LEAVES:
        return [name]
    if name in TABLES:
        return [path for path in LEAVES if path.startswith(f"{name}.")]
    leaf = leaf_of(name)
    return [] if leaf is None else [leaf.path]


def explained(key: str) -> Explained:
    """Explain a key that there is."""
    leaf = LEAVES[key]
    takes = {name: value for name, value in key_schema(leaf).items() if name != "default"}
    return Explained(
        key=key,
        meaning=meanings().get(key, ""),
        takes=takes,
        default=leaf.default if leaf.kind in {"value", "list"} else None,
        is_required=leaf.required,
        variable=leaf.variable + ("__<KEY>" if leaf.kind == "map" else ""),
    )


def as_json(found: list[Explained]) -> str:
    """One JSON object."""
    return msgspec.json.encode(_All(found)).decode()


def as_jsonl(found: list[Explained]) -> Iterator[str]:
    """One JSON object for each key."""
    for each in found:
        yield msgspec.json.encode(_Line(**msgspec.structs.asdict(each))).decode()


def as_text(each: Explained) -> Iterator[str]:
    """Some lines for people."""
    yield each.key
    yield f"  {each.meaning}"
    yield f"  takes     {_taken(LEAVES[each.key], each.takes)}"
    if each.is_required:
        yield "  default   none: it is required"
    elif each.default is None:
        yield "  default   not set"
    else:
        yield f"  default   {json.dumps(each.default)}"
    yield f"  variable  {each.variable}"
    yield f"  option    --set {each.key}{'.KEY' if LEAVES[each.key].kind == 'map' else ''}=VALUE"


def _taken(leaf: Leaf, body: dict[str, Any]) -> str:
    match leaf.kind:
        case "secret":
            return '{ env = "NAME" } or { file = "PATH" }'
        case "map":
            return "a table of keys of your own"
        case "list" | "value":
            return _described(body)


def _described(body: dict[str, Any]) -> str:
    if "anyOf" in body:
        return " or ".join(_described(each) for each in body["anyOf"])
    if "enum" in body:
        return ", ".join(json.dumps(each) for each in body["enum"])
    limits = [f"{words} {body[name]}" for name, words in _LIMITS.items() if name in body]
    items = f" of {_described(body['items'])}" if isinstance(body.get("items"), dict) else ""
    kind = str(body.get("type", "anything")).replace("null", "nothing")
    return ", ".join([f"{kind}{items}", *limits])
