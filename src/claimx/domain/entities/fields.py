"""Reading an answer's object field by field, and the stamps that every row carries."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from claimx.domain.answers import Json
from claimx.domain.rows import Value
from claimx.domain.times import Micros

Body = Mapping[str, Json]
Field = tuple[str, str, Callable[[Json], Value]]
"""Column, key in the answer, coercion."""


class Said(NamedTuple):
    """Who said it and when: the event that asked, and the clock of the source."""

    event_id: str
    at: Micros


def pick(body: Body, fields: Iterable[Field]) -> dict[str, Value]:
    """Read the fields of one object."""
    return {column: coerced(body.get(key)) for column, key, coerced in fields}


def child(body: Body, key: str) -> Body:
    """Return the object under ``key``; an empty one if there is none."""
    inner = body.get(key)
    return inner if isinstance(inner, dict) else {}


def children(body: Body, key: str) -> list[Body]:
    """List the objects under ``key``, one object alone included; anything else in the list is left out."""
    inner = body.get(key)
    if isinstance(inner, dict):
        return [inner]
    return [item for item in inner if isinstance(item, dict)] if isinstance(inner, list) else []


def partial(said: Said) -> dict[str, Value]:
    """Stamp a row that speaks for no column of the API."""
    return {"event_id": said.event_id, "created_at": said.at, "updated_at": said.at}


def full(said: Said) -> dict[str, Value]:
    """Stamp a row that an answer gave: ``said.at`` is its ``fetched_at``."""
    return {**partial(said), "last_enriched_at": said.at, "fetched_at": said.at}
