"""How what is known of an event, a media file or a project is told: in order of time, for people and for programs."""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from claimx.domain.event_log import LogLine
from claimx.domain.letters import DeadRecord
from claimx.domain.rows import Value
from claimx.domain.tables import TABLES
from claimx.domain.tasks import CachedFile, DownloadTask
from claimx.domain.times import format_time
from claimx.ops.dlq import Found
from claimx.ops.dlq_view import shown
from claimx.ports.inspection import Cells, Parked

Kind = Literal["event", "media", "project"]
Source = Literal["record", "event", "log", "row", "file", "delay", "dead letter"]

_TIMES = ("uploaded_at", "updated_at", "created_at")


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="claimx.trace.entry/1"):
    """One thing that is known.

    Args:
        at: ISO 8601, UTC; None where nobody noted it.
        source: where it is known from.
        what: in words.
    """

    at: str | None
    source: Source
    what: str
    details: dict[str, Value]


class Trace(msgspec.Struct, kw_only=True):
    """A whole story.

    Args:
        event_ids: the events that it is about.
        notes: what was left out, and why.
    """

    schema: str = "claimx.trace/1"
    kind: Kind
    id: str
    event_ids: list[str]
    entries: list[Entry]
    notes: list[str] = []


def as_json(trace: Trace) -> str:
    """One object."""
    return msgspec.json.encode(trace).decode()


def as_jsonl(trace: Trace) -> Iterator[str]:
    """One line for each entry."""
    return (msgspec.json.encode(entry).decode() for entry in trace.entries)


def as_text(trace: Trace) -> Iterator[str]:
    """One line for each entry, the oldest first."""
    yield f"{trace.kind} {shown(trace.id)}"
    for entry in trace.entries:
        yield f"{entry.at or '-':<27}  {entry.source:<11}  {shown(entry.what)}"
    yield from (f"note: {shown(note)}" for note in trace.notes)


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """In order of time; what has none comes last."""
    return sorted(entries, key=lambda entry: (entry.at is None, entry.at or ""))


def of_record(record: DeadRecord, state: str) -> Entry:
    """A record of Kafka."""
    topic, partition, offset = record.place
    size = len(record.value or b"")
    return Entry(
        at=_time(record.timestamp or None),
        source="record",
        what=f"{record.place}, {size} bytes{state}",
        details={"topic": topic, "partition": partition, "offset": offset, "bytes": size},
    )


def of_event(row: Cells) -> Entry:
    """A row of claimx_events, at the time that the event has."""
    names = ("project_id", "media_id", "task_assignment_id", "video_collaboration_id", "master_file_name")
    about = ", ".join(
        f"{name.removesuffix('_id').replace('_', ' ')} {row[name]}" for name in names if name in row
    )
    written = _time(row.get("created_at"))
    return Entry(
        at=_time(row.get("ingested_at")),
        source="event",
        what=f"{row.get('event_type')}, {about}; its row was written {written}",
        details=_readable({name: value for name, value in row.items() if name != "raw_data"}),
    )


def of_line(line: LogLine) -> Entry:
    """A line of the event log."""
    attempts = "1 attempt" if line.attempts == 1 else f"{line.attempts} attempts"
    parts = [
        f"{line.stage}: {line.outcome}",
        attempts,
        f"{line.api_calls} API calls",
        f"{line.duration_ms} ms",
    ]
    if line.child is not None:
        parts.insert(1, f"of {line.child} from the delay queue")
    if line.error_code is not None:
        parts.append(line.error_code)
    if line.first_origin is not None:
        parts.append(f"a copy of {line.first_origin}")
    details: dict[str, Value] = {
        name: value for name, value in msgspec.structs.asdict(line).items() if value is not None
    }
    return Entry(
        at=format_time(line.processed_at),
        source="log",
        what=", ".join(parts)
        + f" ({line.event_type or 'no event'}, {line.topic}/{line.partition}/{line.offset})",
        details=_readable(details),
    )


def of_row(table: str, row: Cells, events: frozenset[str]) -> Entry:
    """A row of an entity table or of the inventory."""
    key = "/".join(str(row.get(name)) for name in TABLES[table].key)
    writer = row.get("event_id")
    by = "" if writer in events else f", last written by event {writer}"
    at = next((row[name] for name in _TIMES if name in row), None)
    return Entry(at=_time(at), source="row", what=f"{table} {key}{by}", details=_readable(row))


def of_file(row: Cells, size: int | None) -> Entry:
    """A stored file.

    Args:
        size: of the file that is there; None if there is none.
    """
    told = row.get("bytes")
    state = "stored" if size == told else "NOT THERE" if size is None else f"{size} bytes are there"
    return Entry(
        at=_time(row.get("uploaded_at")),
        source="file",
        what=f"{row.get('blob_path')}, {told} bytes: {state}",
        details={"blob_path": row.get("blob_path"), "bytes": told, "stored_bytes": size},
    )


def of_parked(parked: Parked) -> Entry:
    """A row of a delay queue."""
    task = parked.task
    due = "at work now" if parked.is_leased else f"due {format_time(parked.due_at)}"
    return Entry(
        at=format_time(parked.parked_at),
        source="delay",
        what=f"{task.child} waits for {parked.stage}, attempt {task.attempt}, {due}: {parked.code}"
        f" (queue of {parked.instance})",
        details={
            "instance": parked.instance,
            "stage": parked.stage,
            "child": task.child,
            "attempt": task.attempt,
            "code": parked.code,
            "due_at": format_time(parked.due_at),
            "is_leased": parked.is_leased,
            "event_id": task.event_id,
        },
    )


def of_letter(found: Found) -> Entry:
    """A dead letter."""
    letter, state = found.letter, "open" if found.mark is None else found.mark.value
    attempts = f", {_counted(letter.attempts, 'attempt')}" if letter.attempts else ""
    return Entry(
        at=format_time(letter.died_at),
        source="dead letter",
        what=f"{letter.stage}: {letter.code}{attempts}: {state} ({letter.place}, id {letter.id[:12]})",
        details={
            "id": letter.id,
            "state": state,
            "stage": letter.stage,
            "error_class": letter.error_class,
            "code": letter.code,
            "detail": shown(letter.detail),
            "attempts": letter.attempts,
            "event_id": letter.event_id,
            "place": str(letter.place),
        },
    )


def media_of(parked: Parked) -> str | None:
    """The media file that parked work is about."""
    task = parked.task.download if isinstance(parked.task, CachedFile) else parked.task
    return task.media_id if isinstance(task, DownloadTask) else getattr(task, "media_id", None)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _time(when: Value) -> str | None:
    return format_time(when) if isinstance(when, int) else None


def _readable(row: Cells) -> dict[str, Value]:
    """Times as text."""
    return {
        name: format_time(value)
        if isinstance(value, int) and name.endswith(("_at", "_date")) and not isinstance(value, bool)
        else value
        for name, value in row.items()
    }
