"""The one envelope of every dead letter (design.md 4)."""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from claimx.domain.events import Event, Malformed
from claimx.domain.tasks import Origin, Task, encode_task, to_keep
from claimx.domain.times import Micros, format_time

Header = tuple[str, bytes]

_QUERY = re.compile(rb"(https?:\\?/\\?/[^\s\"'<>?]*)\?[^\s\"'<>]*", re.IGNORECASE)


class Failure(NamedTuple):
    """Why something was given up."""

    error_class: str
    code: str
    detail: str


class DeadLetter(msgspec.Struct, frozen=True):
    """One given-up record or task.

    Args:
        stage: ``ingest``, ``enrich``, ``download`` or ``upload``: it names the topic.
        id: deterministic from origin and child, so that a repeat folds.
        value: the record's bytes verbatim, or the task as JSON.
    """

    stage: str
    id: str
    key: bytes | None
    value: bytes
    headers: Sequence[Header]


def code_of(letter: DeadLetter) -> str:
    """Why it was given up."""
    return dict(letter.headers).get("claimx-error-code", b"").decode(errors="replace")


def letter_id(origin: Origin, child: str) -> str:
    """Make the id of a dead letter."""
    text = f"{origin.topic}\n{origin.partition}\n{origin.offset}\n{child}"
    return sha256(text.encode()).hexdigest()[:32]


def of_record(stage: str, record: Malformed, origin: Origin, now: Micros) -> DeadLetter:
    """Bury a record that cannot be read: key, value and headers as they came, ours added.

    The record of a pending topic may hold a signed URL: its queries are cut, whatever else stands there.

    Args:
        stage: the stage whose topic it stood on.
    """
    value = record.value if stage == "ingest" else _QUERY.sub(rb"\1", record.value)
    id_, failure = letter_id(origin, ""), Failure("PoisonError", record.code, record.detail)
    ours = _headers(
        **_why(stage, id_, origin, failure, now),
        source_timestamp=format_time(record.timestamp),
        attempts="1",
        first_failure=format_time(now),
    )
    return DeadLetter(stage, id_, record.key, value, [*record.headers, *ours])


def of_event(event: Event, origin: Origin, failure: Failure, now: Micros) -> DeadLetter:
    """Bury an event whose row the lake can never take: the record's value, ours as headers."""
    id_ = letter_id(origin, f"row:claimx_events:{event.event_id}")
    ours = _headers(
        **_why("ingest", id_, origin, failure, now),
        attempts="1",
        first_failure=format_time(now),
        event_id=event.event_id,
        ingested_at=str(event.ingested_at),
    )
    return DeadLetter("ingest", id_, event.project_id.encode(), event.raw_data.encode(errors="replace"), ours)


def of_task(stage: str, task: Task, child: str, failure: Failure, now: Micros) -> DeadLetter:
    """Bury a task: as it would have stood on its topic, less the signed query.

    Args:
        child: the name of the work or row that failed.
    """
    origin, kept = task.origin, to_keep(task)
    id_ = letter_id(origin, child)
    ours = _headers(
        **_why(stage, id_, origin, failure, now),
        child=child,
        attempts=str(task.attempt),
        first_failure=format_time(task.first_tried_at),
        event_id=task.event_id,
        url_refresh_attempted=str(bool(getattr(kept, "refresh_count", 0))).lower(),
    )
    return DeadLetter(stage, id_, task.project_id.encode(), encode_task(kept), ours)


def _why(stage: str, id_: str, origin: Origin, failure: Failure, now: Micros) -> dict[str, str]:
    return {
        "id": id_,
        "source_topic": origin.topic,
        "source_partition": str(origin.partition),
        "source_offset": str(origin.offset),
        "stage": stage,
        "error_class": failure.error_class,
        "error_code": failure.code,
        "detail": failure.detail,
        "last_failure": format_time(now),
    }


def _headers(**fields: str) -> list[Header]:
    return [
        (f"claimx-{name.replace('_', '-')}", text[:2000].encode(errors="replace"))
        for name, text in fields.items()
    ]
