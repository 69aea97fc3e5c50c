"""The ids that an event must have before anything is asked."""

from claimx.domain.events import is_numeric
from claimx.errors import PermanentError


def required(value: str | None, code: str) -> str:
    """Return a numeric id.

    Raises:
        PermanentError: ``code``, the id is missing or not a number.
    """
    found = optional(value, code)
    if found is None:
        raise PermanentError(code, "the event has no id for it")
    return found


def optional(value: str | None, code: str) -> str | None:
    """Return a numeric id, or None.

    Raises:
        PermanentError: ``code``, the id is not a number.
    """
    if value is not None and not is_numeric(value):
        raise PermanentError(code, f"{value[:40]!r} is not a number")
    return value
