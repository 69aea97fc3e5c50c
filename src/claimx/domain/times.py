"""Times as integers: microseconds since 1970-01-01 UTC."""

from datetime import UTC, datetime, timedelta

Micros = int
"""Microseconds since 1970-01-01T00:00:00Z."""

SECOND: Micros = 1_000_000
HOUR: Micros = 3_600 * SECOND
DAY: Micros = 86_400 * SECOND
YEAR_1: Micros = -62_135_596_800 * SECOND
END_OF_TIME: Micros = 253_402_300_800 * SECOND
"""Year 10000. What an offset moves out of the years 1 to 9999 is no time: no table can hold it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: object) -> Micros | None:
    """Read an ISO 8601 time; a naive one is UTC, a seventh digit is cut, anything else is None.

    Source: reference/domain.md 1.2 (``Z``, ``+00:00``, naive, blank instead of ``T``, 100 ns digits).
    """
    if text.__class__ is not str:
        return None
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    since = when - _EPOCH
    micros = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds
    return micros if YEAR_1 <= micros < END_OF_TIME else None


def format_time(when: Micros) -> str:
    """Write ``when`` as ISO 8601 in UTC with six digits and ``Z``."""
    text = (_EPOCH + timedelta(microseconds=when)).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


def to_datetime(when: Micros) -> datetime:
    """Turn microseconds into an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=when)
