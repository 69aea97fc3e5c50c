"""From JSON values to cells: whatever an answer holds, a cell of the right type or None comes out, never an exception.

Source: reference/domain.md 3.2; design.md 4 (small print).
"""

import re
from decimal import Decimal, InvalidOperation
from math import isfinite

from claimx.domain.answers import Json
from claimx.domain.events import clean_id
from claimx.domain.tasks import without_query
from claimx.domain.times import Micros, parse_time

_INT64 = range(-(2**63), 2**63)
_LONGEST_NUMBER = 64
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_REAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_TRUE = frozenset({"true", "1", "yes"})
_NO_STATEMENT = frozenset({"", "null"})


def text(value: Json) -> str | None:
    """Trim; a number is its text; blank, booleans, lists and objects are None. Lone surrogates become U+FFFD."""
    if isinstance(value, str):
        return encodable(value.strip()) or None
    number = _number_text(value)
    if number is None or not isinstance(value, float):
        return number
    return number.removesuffix(".0")


def contact_text(value: Json) -> str | None:
    """Trim a text of a person's details, where the API writes the word ``null`` for nothing."""
    cell = text(value)
    return None if cell is None or cell.lower() == "null" else cell


def id_text(value: Json) -> str | None:
    """Normalise an id: numbers and strings mean the same; blank, zero, booleans, lists and objects are None."""
    if isinstance(value, str):
        return clean_id(encodable(value))
    if _number_text(value) is None or not isinstance(value, int | float):
        return None
    return clean_id(value)


def integer(value: Json) -> int | None:
    """Read a whole number of 64 bits; anything else is None."""
    if isinstance(value, str):
        cell = value.strip()
        number = int(cell) if _INTEGER.fullmatch(cell) else None
    elif isinstance(value, float):
        number = int(value) if value.is_integer() else None
    else:
        number = value if isinstance(value, int) and not isinstance(value, bool) else None
    return number if number is not None and number in _INT64 else None


def boolean(value: Json) -> bool | None:
    """Read a truth: ``true``, ``1``, ``yes`` are true, other texts false; blank, ``null``, lists, objects are None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        return None if word in _NO_STATEMENT else word in _TRUE
    if isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return value != 0
    return None


def real(value: Json) -> float | None:
    """Read a finite number."""
    digits = value.strip() if isinstance(value, str) else _number_text(value)
    if digits is None or len(digits) > _LONGEST_NUMBER or not _REAL.fullmatch(digits):
        return None
    number = float(digits)
    return number if isfinite(number) else None


def decimal_text(value: Json) -> str | None:
    """Write a number as decimal text, with the digits that were sent."""
    digits = value.strip() if isinstance(value, str) else _number_text(value)
    if digits is None or len(digits) > _LONGEST_NUMBER or not _REAL.fullmatch(digits):
        return None
    try:
        return str(Decimal(digits))
    except InvalidOperation:
        return None


def time(value: Json) -> Micros | None:
    """Read an ISO 8601 time, a naive one as UTC; anything else is None."""
    return parse_time(value)


def link(value: Json) -> str | None:
    """Keep a URL without its query."""
    cell = text(value) if isinstance(value, str) else None
    return without_query(cell) or None if cell else None


def encodable(value: str) -> str:
    """Replace lone surrogates, so that the text can be written as UTF-8."""
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number_text(value: Json) -> str | None:
    """Write a finite number; a boolean is none, nor is an integer of absurd length."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if value.bit_length() <= _LONGEST_NUMBER * 3 else None
    return repr(value) if isinstance(value, float) and isfinite(value) else None
