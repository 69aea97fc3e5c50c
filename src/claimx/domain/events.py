"""From a record of claimx.events.raw to an event: both envelopes, every spelling, one id (design.md 4)."""

import re
from collections.abc import Callable, Sequence
from hashlib import sha256

import msgspec

from claimx.domain.times import DAY, END_OF_TIME, HOUR, YEAR_1, Micros, parse_time
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
RECORDED_AT_HEADER = "claimx-recorded-at"
"""By which the replay of a record that was no event carries its Kafka timestamp (microseconds, decimal)."""

MAX_LABEL = 512
"""Characters that an event's type or given id may have: they are keys of memories that must stay small."""
MAX_ID_DIGITS = 18
_MICROS = re.compile(rb"-?[0-9]{1,18}")

Id = int | str | float | None
Headers = Sequence[tuple[str, bytes | None]]


class Event(msgspec.Struct, gc=False):
    """One decoded record.

    Args:
        ingested_at: microseconds UTC, clamped to the Kafka timestamp + 1 day.
        is_id_given: the same id may come with another time: the sender gave the id, or the time was clamped.
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


_NOTHING = msgspec.Raw()


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
    raw_data: msgspec.Raw = _NOTHING  # not `Raw | None`: msgspec then takes null and nothing else


_wire = msgspec.json.Decoder(_Wire)


def decode(value: bytes, offset: int, timestamp: Micros, headers: Headers | None) -> Event:
    """Read one record.

    Args:
        value: the record's value, not empty.
        offset: its offset.
        timestamp: its Kafka timestamp; stands in for a missing time. Zero or less is none: nothing is clamped then.
        headers: its headers, for the id and time of a replay.

    Raises:
        PoisonError: ``event.not_json``, ``event.bad_field``, ``event.no_type``, ``event.bad_type``,
            ``event.no_project``, ``event.bad_project``, ``event.bad_id``.
    """
    try:
        wire = _wire.decode(value)
        raw_data = value.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        code = "event.bad_field" if isinstance(error, msgspec.ValidationError) else "event.not_json"
        raise PoisonError(code, str(error)) from error
    if wire.raw_data is not _NOTHING:
        wire = _with_inner(wire, bytes(wire.raw_data))
    event_type = clean_text(wire.event_type or wire.eventType) or clean_text(wire.eventType)
    project_id = _either(wire.project_id, wire.projectId)
    if event_type is None or project_id is None or len(event_type) > MAX_LABEL or not is_numeric(project_id):
        raise _unusable(event_type, project_id)
    media, task = wire.mediaId, wire.taskAssignmentId
    video, name = wire.videoCollaborationId, wire.masterFileName
    event = Event(
        "",
        event_type,
        project_id,
        None if wire.media_id is media is None else _either(wire.media_id, media),
        None if wire.task_assignment_id is task is None else _either(wire.task_assignment_id, task),
        None if wire.video_collaboration_id is video is None else _either(wire.video_collaboration_id, video),
        None
        if wire.master_file_name is name is None
        else clean_text(wire.master_file_name) or clean_text(name),
        0,
        False,
        raw_data,
        offset,
        len(value) + RECORD_OVERHEAD_BYTES,
    )
    sent = parse_time(wire.ingestedAt if wire.ingested_at is None else wire.ingested_at)
    if sent is None:
        sent = _sent_at(wire)
    given = None if wire.event_id is wire.eventId is wire.trace_id is None else _given(wire)
    if headers:
        given, sent = _from_headers(headers, given, sent)
    _identify(event, given, sent, timestamp)
    return event


def recorded_at(headers: Headers, otherwise: Micros) -> Micros:
    """The Kafka timestamp that a replayed record had when it first came; ``otherwise`` if it carries none."""
    for name, content in headers:
        if name == RECORDED_AT_HEADER and content and _MICROS.fullmatch(content):
            when = int(content)
            otherwise = when if YEAR_1 <= when < END_OF_TIME else otherwise
    return otherwise


def make_event_id(event: Event, sent_at: Micros) -> str:
    """Make the id, version 1: sha256 over length-prefixed, normalised fields; an absent field differs from any text.

    Args:
        event: its type and ids are read.
        sent_at: the time as sent, not clamped.
    """
    kind, project, sent = event.event_type, event.project_id, str(sent_at)
    media, task = event.media_id, event.task_assignment_id
    video, name = event.video_collaboration_id, event.master_file_name
    text = (
        f"{len(kind)}:{kind}{len(project)}:{project}{len(sent)}:{sent}"
        f"{'~' if media is None else f'{len(media)}:{media}'}"
        f"{'~' if task is None else f'{len(task)}:{task}'}"
        f"{'~' if video is None else f'{len(video)}:{video}'}"
        f"{'~' if name is None else f'{len(name)}:{name}'}"
    )
    return "v1:" + sha256(text.encode()).hexdigest()


def clean_id(value: Id) -> str | None:
    """Normalise an id to a decimal string, or trimmed text; blank and zero are absent.

    >>> clean_id(5395115), clean_id(" 05395115 "), clean_id(0), clean_id("")
    ('5395115', '5395115', None, None)
    """
    if value is None:
        return None
    if value.__class__ is int:
        return str(value) if value else None
    if value.__class__ is float:
        return clean_id(int(value)) if value.is_integer() else str(value)
    text = str(value).strip()
    if text.isascii() and text.isdigit():
        text = text.lstrip("0")
    return text or None


def is_numeric(text: str) -> bool:
    """Whether ``text`` is a decimal number of at most 18 ASCII digits: an id that fits 64 bits."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS


def clean_text(value: object) -> str | None:
    """Trim; blank is absent; a number is its text."""
    if value is None:
        return None
    return str(value).strip() or None


def _unusable(event_type: str | None, project_id: str | None) -> PoisonError:
    if event_type is None:
        return PoisonError("event.no_type", "event_type is missing or blank")
    if len(event_type) > MAX_LABEL:
        return PoisonError("event.bad_type", f"event_type is longer than {MAX_LABEL} characters")
    if project_id is None:
        return PoisonError("event.no_project", "project_id is missing or blank")
    return PoisonError("event.bad_project", f"project_id {project_id[:40]!r} is not a number")


def _either(snake: Id, camel: Id) -> str | None:
    """Clean the first of two spellings that has a value."""
    if snake is None:
        return None if camel is None else clean_id(camel)
    return clean_id(snake) or clean_id(camel)


def _sent_at(wire: _Wire) -> Micros | None:
    """Read the first time that is one."""
    times = (parse_time(text) for text in (wire.ingested_at, wire.ingestedAt, wire.IngestionTime))
    return next((time for time in times if time is not None), None)


def _given(wire: _Wire) -> str | None:
    """Read the id that the sender gave; zero is none."""
    for value in (wire.event_id, wire.eventId, wire.trace_id):
        text = clean_text(value) if value else None
        if text is not None and text != "0":
            return text
    return None


def _identify(event: Event, given: str | None, sent: Micros | None, timestamp: Micros) -> None:
    if sent is None:
        sent = min(max(timestamp, 0), END_OF_TIME - 1)
    if given is None:
        event.event_id = make_event_id(event, sent)
    elif len(given) <= MAX_LABEL:
        event.event_id = given
        event.is_id_given = True
    else:
        raise PoisonError("event.bad_id", f"event_id is longer than {MAX_LABEL} characters")
    if sent > timestamp + HOUR and timestamp > 0:
        event.is_id_given = (
            True  # another copy of it may have been clamped, or will be: the time is no way to find it
        )
        sent = min(sent, timestamp + DAY)
    event.ingested_at = sent


_MEANINGS: tuple[tuple[tuple[str, ...], Callable[[Id], object]], ...] = (
    (("event_type", "eventType"), clean_text),
    (("project_id", "projectId"), clean_id),
    (("media_id", "mediaId"), clean_id),
    (("task_assignment_id", "taskAssignmentId"), clean_id),
    (("video_collaboration_id", "videoCollaborationId"), clean_id),
    (("master_file_name", "masterFileName"), clean_text),
    (("ingested_at", "ingestedAt", "IngestionTime"), parse_time),
    (("event_id", "eventId", "trace_id"), clean_text),
)


def _with_inner(wire: _Wire, raw: bytes) -> _Wire:
    """Fill from the envelope's ``raw_data`` (an object, or JSON in a string) what the envelope says in no spelling."""
    try:
        inner = _wire.decode(msgspec.json.decode(raw, type=str).encode() if raw[:1] == b'"' else raw)
    except (msgspec.DecodeError, RecursionError):
        return wire
    for names, cleaned in _MEANINGS:
        if not _says(wire, names, cleaned):
            for name in names:
                setattr(wire, name, getattr(inner, name))
    return wire


def _says(wire: _Wire, names: tuple[str, ...], cleaned: Callable[[Id], object]) -> bool:
    for name in names:
        value = getattr(wire, name)
        if value and cleaned(value) is not None:
            return True
    return False


def _from_headers(
    headers: Headers, given: str | None, sent: Micros | None
) -> tuple[str | None, Micros | None]:
    for name, content in headers:
        if name == EVENT_ID_HEADER and content:
            given = clean_text(content.decode(errors="replace")) or given
        elif name == INGESTED_AT_HEADER and content and _MICROS.fullmatch(content):
            when = int(content)
            sent = when if YEAR_1 <= when < END_OF_TIME else sent
    return given, sent
