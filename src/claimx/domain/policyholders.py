"""Whom a POLICYHOLDER event describes in its own payload, where it does (design.md 4, Handlers).

The known events hold nothing of the kind; these are the words of the API (reference/domain.md 2.3), in both spellings.
"""

from collections.abc import Iterable, Sequence

import msgspec

EVENT_TYPES = frozenset({"POLICYHOLDER_INVITED", "POLICYHOLDER_JOINED"})

_EMAIL = ("email", "emailAddress", "email_address")
_FIRST_NAME = ("firstName", "first_name")
_LAST_NAME = ("lastName", "last_name")
_PHONE = ("phoneNumber", "phone_number", "phone")
_COUNTRY_CODE = ("phoneCountryCode", "phone_country_code")


class Policyholder(msgspec.Struct, frozen=True):
    """A person as an event describes them, as text."""

    email: str
    first_name: str | None = None
    last_name: str | None = None
    phone_number: str | None = None
    phone_country_code: str | None = None


def policyholder_in(raw_data: str) -> Policyholder | None:
    """Read the person out of a record's JSON, its envelope's ``raw_data`` included; None without an e-mail."""
    payloads = list(_payloads(raw_data))
    email = _first(payloads, _EMAIL)
    if email is None:
        return None
    return Policyholder(
        email,
        _first(payloads, _FIRST_NAME),
        _first(payloads, _LAST_NAME),
        _first(payloads, _PHONE),
        _first(payloads, _COUNTRY_CODE),
    )


def _payloads(text: str) -> Iterable[dict[str, object]]:
    payload = _decoded(text)
    if isinstance(payload, dict):
        yield payload
        inner = payload.get("raw_data")
        inner = _decoded(inner) if isinstance(inner, str) else inner
        if isinstance(inner, dict):
            yield inner


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _first(payloads: Sequence[dict[str, object]], names: Sequence[str]) -> str | None:
    for payload in payloads:
        for name in names:
            value = payload.get(name)
            text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
            if text and text.lower() != "null":
                return text
    return None
