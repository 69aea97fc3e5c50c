"""From a record of claimx.events.raw to an event: both envelopes, every spelling, one id (design.md 4)."""

from hashlib import sha256

import msgspec

from claimx.domain.times import DAY, Micros, parse_time
from claimx.errors import PoisonError

RECORD_OVERHEAD_BYTES = 1024
"""What a decoded record costs beside its value (measured: 568 B raw, 1,104 B decoded for 500 B of JSON)."""

ENRICHED_TYPES = frozenset(
    {
        "PROJECT_CREATED",
        "PROJECT_FILE_ADDED",
        "PROJECT_MFN_ADDED",
        "CUSTOM_TASK_ASSIGNED",
        "CUSTOM_TASK_COMPLETED",
        "POLICYHOLDER_INVITED",
        "POLICYHOLDER_JOINED",
        "VIDEO_COLLABORATION_INVITE_SENT",
        "VIDEO_COLLABORATION_COMPLETED",
        "PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL",
        "PERSONAL_PROPERTY_TASK_SHARED",
    }
)
"""Types that have a handler. Any other type has its row in claimx_events only."""

EVENT_ID_HEADER = "claimx-event-id"
INGESTED_AT_HEADER = "claimx-ingested-at"
"""Headers by which a replay carries id and time (microseconds, decimal), so that they stay the same."""

Id = int | str | float | None


class Event(msgspec.Struct, gc=False):
    """One decoded record.

    Args:
        ingested_at: microseconds UTC, clamped to the Kafka timestamp + 1 day.
        is_id_given: the sender gave the id, so that the same id may come with another time.
        raw_data: the record's JSON.
        size_bytes: what the record weighs in the intake budget.
    """

    event_id: str
    event_type: str
    project_id: str
    media_id: str | None
    task_assignment_id: str | None
    video_collaboration_id: str | None
    master_file_name: str | None
    ingested_at: Micros
    is_id_given: bool
    raw_data: str
    offset: int
    size_bytes: int

    @property
    def is_enriched(self) -> bool:
        """Whether a handler takes the event; else its row is all its work."""
        return self.event_type in ENRICHED_TYPES


class Malformed(msgspec.Struct):
    """A record that is not an event, with all that the dead letter needs."""

    code: str
    detail: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]
    timestamp: Micros
    offset: int
    size_bytes: int


class Tombstone(msgspec.Struct, gc=False):
    """A record without a value: skipped."""

    offset: int
    size_bytes: int


Item = Event | Malformed | Tombstone


class _Wire(msgspec.Struct, gc=False):
    """The record as sent: snake_case or camelCase, ids as number or string."""

    event_type: str | None = None
    eventType: str | None = None  # noqa: N815
    project_id: Id = None
    projectId: Id = None  # noqa: N815
    media_id: Id = None
    mediaId: Id = None  # noqa: N815
    task_assignment_id: Id = None
    taskAssignmentId: Id = None  # noqa: N815
    video_collaboration_id: Id = None
    videoCollaborationId: Id = None  # noqa: N815
    master_file_name: Id = None
    masterFileName: Id = None  # noqa: N815
    ingested_at: Id = None
    ingestedAt: Id = None  # noqa: N815
    IngestionTime: Id = None
    event_id: Id = None
    eventId: Id = None  # noqa: N815
    trace_id: Id = None
    raw_data: msgspec.Raw | None = None


_wire = msgspec.json.Decoder(_Wire)


def decode(value: bytes, offset: int, timestamp: Micros, headers: list[tuple[str, bytes]] | None) -> Event:
    """Read one record.

    Args:
        value: the record's value, not empty.
        offset: its offset.
        timestamp: its Kafka timestamp; stands in for a missing time.
        headers: its headers, for the id and time of a replay.

    Raises:
        PoisonError: ``event.not_json``, ``event.no_type``, ``event.no_project``, ``event.bad_project``.
    """
    try:
        wire = _wire.decode(value)
        raw_data = value.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PoisonError("event.not_json", str(error)) from error
    if wire.raw_data is not None:
        wire = _with_inner(wire)
    event_type = (wire.event_type or wire.eventType or "").strip()
    if not event_type:
        raise PoisonError("event.no_type", "event_type is missing or blank")
    project_id = clean_id(wire.project_id) or clean_id(wire.projectId)
    if project_id is None:
        raise PoisonError("event.no_project", "project_id is missing or blank")
    if not is_numeric(project_id):
        raise PoisonError("event.bad_project", f"project_id {project_id[:40]!r} is not a number")
    event = Event(
        "",
        event_type,
        project_id,
        clean_id(wire.mediaId if wire.media_id is None else wire.media_id or wire.mediaId),
        clean_id(wire.task_assignment_id or wire.taskAssignmentId),
        clean_id(wire.video_collaboration_id or wire.videoCollaborationId),
        clean_text(wire.master_file_name or wire.masterFileName),
        0,
        False,
        raw_data,
        offset,
        len(value) + RECORD_OVERHEAD_BYTES,
    )
    sent = parse_time(wire.ingested_at or wire.ingestedAt or wire.IngestionTime)
    given = clean_text(wire.event_id) or clean_text(wire.eventId) or clean_text(wire.trace_id)
    if headers:
        given, sent = _from_headers(headers, given, sent)
    if sent is None:
        sent = timestamp
    event.is_id_given = given is not None
    event.event_id = given or make_event_id(event, sent)
    event.ingested_at = min(sent, timestamp + DAY)
    return event


def make_event_id(event: Event, sent_at: Micros) -> str:
    """Make the id, version 1: sha256 over length-prefixed, normalised fields; an absent field differs from any text.

    Args:
        event: its type and ids are read.
        sent_at: the time as sent, not clamped.
    """
    text = _part(event.event_type) + _part(event.project_id) + _part(str(sent_at))
    for value in (
        event.media_id,
        event.task_assignment_id,
        event.video_collaboration_id,
        event.master_file_name,
    ):
        text += "~" if value is None else _part(value)
    return "v1:" + sha256(text.encode()).hexdigest()


def clean_id(value: Id) -> str | None:
    """Normalise an id to a decimal string, or trimmed text; blank and zero are absent.

    >>> clean_id(5395115), clean_id(" 05395115 "), clean_id(0), clean_id("")
    ('5395115', '5395115', None, None)
    """
    if value.__class__ is int:
        return str(value) if value else None
    if value is None:
        return None
    if value.__class__ is float:
        return clean_id(int(value)) if value.is_integer() else str(value)
    text = str(value).strip()
    if is_numeric(text):
        text = text.lstrip("0")
    return text or None


def is_numeric(text: str) -> bool:
    """Whether ``text`` is a decimal number of ASCII digits."""
    return text.isascii() and text.isdigit()


def clean_text(value: object) -> str | None:
    """Trim; blank is absent; a number is its text."""
    if value is None:
        return None
    return str(value).strip() or None


def _part(text: str) -> str:
    return f"{len(text)}:{text}"


def _with_inner(wire: _Wire) -> _Wire:
    """Fill from the envelope's ``raw_data`` (an object, or JSON in a string) what the envelope itself lacks."""
    try:
        raw = bytes(wire.raw_data or b"null")
        inner = _wire.decode(msgspec.json.decode(raw, type=str).encode() if raw[:1] == b'"' else raw)
    except (msgspec.DecodeError, RecursionError):
        return wire
    for name in _Wire.__struct_fields__:
        if not getattr(wire, name):
            setattr(wire, name, getattr(inner, name))
    return wire


def _from_headers(
    headers: list[tuple[str, bytes]], given: str | None, sent: Micros | None
) -> tuple[str | None, Micros | None]:
    for name, content in headers:
        if name == EVENT_ID_HEADER and content:
            given = content.decode(errors="replace")
        elif name == INGESTED_AT_HEADER and content.isdigit():
            sent = int(content)
    return given, sent
