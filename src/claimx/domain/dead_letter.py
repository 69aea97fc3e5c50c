"""The one envelope of every dead letter (design.md 4)."""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from claimx.domain.events import Malformed
from claimx.domain.tasks import Origin, Task, encode_task, to_keep
from claimx.domain.times import Micros, format_time
from claimx.errors import ItemError

Header = tuple[str, bytes]


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


def letter_id(origin: Origin, child: str) -> str:
    """Make the id of a dead letter."""
    text = f"{origin.topic}\n{origin.partition}\n{origin.offset}\n{child}"
    return sha256(text.encode()).hexdigest()[:32]


def of_record(record: Malformed, origin: Origin, now: Micros) -> DeadLetter:
    """Bury a record that is not an event: key, value and headers as they came, ours added."""
    ours = _headers(
        id=letter_id(origin, ""),
        source_topic=origin.topic,
        source_partition=str(origin.partition),
        source_offset=str(origin.offset),
        source_timestamp=format_time(record.timestamp),
        stage="ingest",
        error_class="PoisonError",
        error_code=record.code,
        detail=record.detail,
        attempts="1",
        first_failure=format_time(now),
        last_failure=format_time(now),
    )
    return DeadLetter("ingest", letter_id(origin, ""), record.key, record.value, [*record.headers, *ours])


def of_task(stage: str, task: Task, child: str, error: ItemError, now: Micros) -> DeadLetter:
    """Bury a task: as it would have stood on its topic, less the signed query.

    Args:
        child: the name of the work or row that failed.
    """
    origin, kept = task.origin, to_keep(task)
    ours = _headers(
        id=letter_id(origin, child),
        source_topic=origin.topic,
        source_partition=str(origin.partition),
        source_offset=str(origin.offset),
        stage=stage,
        child=child,
        error_class=type(error).__name__,
        error_code=error.code,
        detail=error.detail,
        attempts=str(task.attempt),
        first_failure=format_time(task.first_tried_at),
        last_failure=format_time(now),
        event_id=task.event_id,
        url_refresh_attempted=str(bool(getattr(kept, "refresh_count", 0))).lower(),
    )
    return DeadLetter(stage, letter_id(origin, child), task.project_id.encode(), encode_task(kept), ours)


def _headers(**fields: str) -> list[Header]:
    return [
        (f"claimx-{name.replace('_', '-')}", text[:2000].encode(errors="replace"))
        for name, text in fields.items()
    ]
