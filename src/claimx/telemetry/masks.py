"""What of a field's value may be shown, by its type and by its name: the net under all that is logged."""

import json
from collections.abc import Collection, Mapping
from enum import Enum
from functools import lru_cache
from itertools import islice
from math import isfinite

from claimx.config.tree import Secret
from claimx.domain.redaction import MASK, harmless, redacted
from claimx.errors import ClaimxError

_LONGEST = 2000
_LONGEST_ERROR = 300
_DEEPEST = 5
_MOST_ITEMS = 100
_MORE = "…"
_SECRET_NAMES = (
    "token",
    "secret",
    "passw",
    "authorization",
    "cookie",
    "signature",
    "credential",
    "api_key",
    "apikey",
)


def shown(name: str, value: object, depth: int = 0) -> object:
    """Return what JSON can say of a value, and may.

    A foreign error's text is redacted in full, and so is what a traceback says of one. A text of ours loses what says
    itself that it is secret. Bytes are never shown.
    """
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        if _is_secret(name):
            return MASK
        return redacted(value, _LONGEST_ERROR) if name == "exc_value" else _text(value)
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    return _compound(name, value, depth)


def _compound(name: str, value: object, depth: int) -> object:
    match value:
        case Secret():
            return MASK
        case BaseException():
            return shown_error(value)
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case Enum():
            return shown(name, value.value, depth)
        case Collection():
            return _several(name, value, depth + 1) if depth < _DEEPEST else _MORE
        case _:
            return _text(str(value))


def _several(name: str, value: Collection[object], depth: int) -> object:
    first = list(islice(value, _MOST_ITEMS))
    if isinstance(value, Mapping):
        return {_text(str(key)): shown(str(key), value[key], depth) for key in first}
    told = [shown(name, each, depth) for each in first]
    return [*told, _MORE] if len(value) > _MOST_ITEMS else told


def shown_error(error: BaseException) -> str:
    """One line of an error. Our own say nothing secret; the texts of foreign ones may hold anything."""
    if isinstance(error, ClaimxError):
        return _text(str(error))
    said = redacted(str(error), _LONGEST_ERROR)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def printable(text: str) -> str:
    """Show what is not printable by its escape: nothing that a server named moves a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)


def _text(text: str) -> str:
    text = harmless(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + _MORE


@lru_cache(1000)
def _is_secret(name: str) -> bool:
    low = name.lower()
    return any(word in low for word in _SECRET_NAMES)
