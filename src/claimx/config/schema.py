"""The JSON schema of claimx.toml, for editors: types and limits from the tree, meanings from the commented file."""

import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from claimx.config.leaves import LEAVES, TABLES, Leaf, join
from claimx.config.master import meanings
from claimx.config.tree import Secret

_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_REFERENCES = [
    {
        "type": "object",
        "properties": {kind: {"type": "string", "minLength": 1}},
        "required": [kind],
        "additionalProperties": False,
    }
    for kind in ("env", "file")
]
_SECRET: dict[str, Any] = {"anyOf": [{"type": "string", "writeOnly": True}, *_REFERENCES]}


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12. Nothing is required: the environment may give what the file does not."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "claimx.toml",
        **_table("", meanings()),
    }


def _table(path: str, texts: Mapping[str, str]) -> dict[str, Any]:
    properties = {}
    for name in TABLES[path].__struct_fields__:
        inner = join(path, name)
        properties[name] = _table(inner, texts) if inner in TABLES else _key(LEAVES[inner], texts)
    return _described(
        {"type": "object", "properties": properties, "additionalProperties": False}, texts.get(path, "")
    )


def _key(leaf: Leaf, texts: Mapping[str, str]) -> dict[str, Any]:
    return _described(key_schema(leaf), texts.get(leaf.path, ""))


def key_schema(leaf: Leaf) -> dict[str, Any]:
    """What a key takes, without its meaning."""
    match leaf.kind:
        case "secret":
            return _SECRET
        case "map":
            kinds = typing.get_args(typing.get_args(leaf.type)[1])
            plain = [{"type": _JSON_TYPES[kind]} for kind in kinds if kind is not Secret]
            return {"type": "object", "additionalProperties": {"anyOf": [*plain, *_REFERENCES]}}
        case "value" | "list":
            body = msgspec.json.schema(leaf.type)
            return body if leaf.required else {**body, "default": leaf.default}


def _described(body: dict[str, Any], text: str) -> dict[str, Any]:
    return {"description": text, **body} if text else body
