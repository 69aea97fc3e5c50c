"""Every way in which a record of claimx.events.raw has been seen to be written (Source: reference/domain.md 1.1-1.5)."""

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

import msgspec

from claimx.domain.times import Micros, to_datetime
from claimx.sandbox.simulator.happenings import Happening

Fields = dict[str, Any]

_CAMEL = {
    "event_type": "eventType",
    "project_id": "projectId",
    "media_id": "mediaId",
    "task_assignment_id": "taskAssignmentId",
    "video_collaboration_id": "videoCollaborationId",
    "master_file_name": "masterFileName",
    "ingested_at": "ingestedAt",
    "email": "emailAddress",
}


def _iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}"


TIMES: tuple[Callable[[datetime], str], ...] = (
    lambda when: _iso(when) + "Z",
    lambda when: _iso(when) + "+00:00",
    _iso,
    lambda when: f"{when:%Y-%m-%d %H:%M:%S.%f}0",  # 100 ns digits of KQL
    lambda when: f"{when:%Y-%m-%dT%H:%M:%S.%f}Z",
)
"""Ways to write a time of whole milliseconds."""


def _snake(row: Fields) -> Fields:
    return row


def _camel_with_nulls(row: Fields) -> Fields:
    return {**{_CAMEL[name]: value for name, value in row.items()}, "companyId": 9680}


def _camel(row: Fields) -> Fields:
    return {_CAMEL[name]: value for name, value in row.items() if value is not None}


def _poller(row: Fields) -> Fields:
    return {**_camel({**row, "ingested_at": None}), "IngestionTime": row["ingested_at"]}


def _envelope(row: Fields) -> Fields:
    return {**row, "raw_data": _camel(row)}


def _envelope_of_text(row: Fields) -> Fields:
    return {**row, "raw_data": msgspec.json.encode(_camel(row)).decode()}


WITHOUT_ID = (_camel, _camel_with_nulls, _snake, _poller, _envelope, _envelope_of_text)
"""Spellings of one event that all make the same id."""
_WEIGHTS = (45, 30, 8, 5, 8, 4)


def spell(rng: Random, happening: Happening, when: Micros | None, given_id: str | None = None) -> bytes:
    """Write an event in one of the ways.

    Args:
        when: None leaves the time out.
        given_id: an id of the sender's; only the envelopes of an older pipeline have one.
    """
    row = {
        **happening._asdict(),
        "ingested_at": None if when is None else rng.choice(TIMES)(to_datetime(when)),
    }
    if rng.choice((True, False, False)):
        row = {name: str(value) if isinstance(value, int) else value for name, value in row.items()}
    if given_id is None:
        return msgspec.json.encode(rng.choices(WITHOUT_ID, _WEIGHTS)[0](row))
    name = rng.choice(("event_id", "event_id", "trace_id", "eventId"))
    return msgspec.json.encode({name: given_id, **rng.choice((_snake, _envelope))(row)})
