"""From what a source has to what the tree wants: one value at a time, so that every problem is found."""

import json
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from claimx.config.entries import Entry, is_reference
from claimx.config.leaves import Leaf
from claimx.config.problems import did_you_mean
from claimx.config.tree import Secret
from claimx.errors import ConfigError

_ELSEWHERE = 'use { env = "NAME" } or { file = "PATH" }'
_SECRET_WORDS = frozenset(
    {"secret", "password", "passphrase", "token", "key", "apikey", "pem", "sas", "credential"}
)
_HARMLESS_ENDS = frozenset({"id", "location", "path", "file", "uri", "url", "endpoint", "ms"})


class UnfitError(ConfigError):
    """A value does not fit its key. Private to the loader, which makes a problem of it.

    Args:
        message: what is wrong, without the value.
        hint: what is allowed.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def converted(leaf: Leaf, entry: Entry, environ: Mapping[str, str]) -> object:
    """The value as the tree wants it.

    Raises:
        UnfitError: it does not fit.
    """
    match leaf.kind:
        case "secret":
            return secret(entry, environ)
        case "list":
            return _plain(leaf, _listed(entry), is_text=entry.is_text)
        case "map" | "value":
            return _plain(leaf, entry.value, is_text=entry.is_text)


def map_value(leaf: Leaf, key: str, entry: Entry, environ: Mapping[str, str]) -> object:
    """The value of one entry of a map: a secret if it is a reference or by its name, else plain.

    Raises:
        UnfitError: the map cannot hold such a value.
    """
    if is_reference(_inline(entry)) or (is_secret_name(key) and isinstance(entry.value, str | Secret)):
        return secret(entry, environ)
    allowed = tuple(kind for kind in typing.get_args(typing.get_args(leaf.type)[1]) if kind is not Secret)
    if not isinstance(entry.value, allowed):
        names = ", ".join(kind.__name__ for kind in allowed)
        raise UnfitError(f"must be one of: {names}", _ELSEWHERE if isinstance(entry.value, Mapping) else "")
    return entry.value


def is_secret_name(key: str) -> bool:
    """Whether an option of a library, by its name, holds a secret."""
    words = key.lower().replace("-", "_").replace(".", "_").split("_")
    return not _SECRET_WORDS.isdisjoint(words) and words[-1] not in _HARMLESS_ENDS


def secret(entry: Entry, environ: Mapping[str, str]) -> Secret:
    """Resolve a secret.

    Raises:
        UnfitError: the source is missing, empty or unreadable.
    """
    value = _inline(entry)
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        source = entry.origin if entry.origin.startswith("env ") else "literal"
        return Secret(_not_empty(value, "is empty"), source)
    if not isinstance(value, Mapping) or not is_reference(value):
        raise UnfitError("must be a text or say where the secret is", _ELSEWHERE)
    ((kind, target),) = value.items()
    if not isinstance(target, str) or not target:
        raise UnfitError(f"{kind} must be a name", _ELSEWHERE)
    return _from_env(target, environ) if kind == "env" else _from_file(target)


def _from_env(name: str, environ: Mapping[str, str]) -> Secret:
    # who writes the secret itself for the name must not find it in a log
    shown = (
        f"environment variable {name}" if name.isascii() and name == name.upper() else "environment variable"
    )
    if name not in environ:
        raise UnfitError(f"the {shown} that it names is not set", 'set it, or use { file = "PATH" }')
    return Secret(_not_empty(environ[name], f"the {shown} that it names is empty"), f"env {name}")


def _from_file(name: str) -> Secret:
    shown = f"file {name}" if name.startswith(("/", ".")) else "file"
    if "${" in name:
        raise UnfitError(f"the {shown} that it names has ${{...}} in its path", "claimx expands no variables")
    try:
        text = Path(name).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "it is not UTF-8 text"
        raise UnfitError(f"the {shown} that it names cannot be read: {reason}", _ELSEWHERE) from exc
    return Secret(_not_empty(text.rstrip("\r\n"), f"the {shown} that it names is empty"), f"file {name}")


def _not_empty(text: str, message: str) -> str:
    if not text.strip():
        raise UnfitError(message, _ELSEWHERE)
    return text


def _inline(entry: Entry) -> object:
    """The value, read as an inline table where ``--set`` gives a reference: ``{ file = "PATH" }``."""
    if (
        entry.origin != "--set"
        or not isinstance(entry.value, str)
        or not entry.value.lstrip().startswith("{")
    ):
        return entry.value
    try:
        table = tomllib.loads(f"value = {entry.value}")
    except tomllib.TOMLDecodeError:
        return entry.value
    return table["value"] if is_reference(table["value"]) else entry.value


def _listed(entry: Entry) -> object:
    if not entry.is_text or not isinstance(entry.value, str):
        return entry.value
    if not entry.value.lstrip().startswith("["):
        return [part.strip() for part in entry.value.split(",") if part.strip()]
    try:
        return json.loads(entry.value)
    except ValueError as exc:
        raise UnfitError("is not a JSON list", 'write ["a", "b"] or a,b') from exc


def _plain(leaf: Leaf, value: object, *, is_text: bool) -> object:
    if typing.get_origin(leaf.type) is Literal:
        return _choice(typing.get_args(leaf.type), value)
    try:
        return msgspec.convert(value, leaf.type, strict=not is_text)
    except msgspec.ValidationError as exc:
        # msgspec names types, limits and places, never the value
        raise UnfitError(
            str(exc).replace("`", "").replace("$[...]", "an element").replace("$[", "element [")
        ) from exc


def _choice(allowed: tuple[str, ...], value: object) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    near = did_you_mean(value, [word for word in allowed if word]) if isinstance(value, str) else ""
    raise UnfitError("is not one of: " + ", ".join(f'"{word}"' for word in allowed), near)
