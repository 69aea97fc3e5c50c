"""Dead letters as an operator reads them, and how one goes back (design.md 4). ``dead_letter`` writes them."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from claimx.domain.dead_letter import Header, letter_id
from claimx.domain.events import EVENT_ID_HEADER, INGESTED_AT_HEADER, RECORDED_AT_HEADER, clean_id
from claimx.domain.tasks import DownloadTask, Origin, Task, decode_task, encode_task, to_keep
from claimx.domain.times import Micros, parse_time
from claimx.errors import PermanentError, PoisonError

REPLAYED_FROM_HEADER = "claimx-replayed-from"
"""Where the dead letter lies: topic/partition/offset."""
_OURS = "claimx-"


class Place(NamedTuple):
    """Where a dead letter lies."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class DeadRecord(NamedTuple):
    """A record of a dead-letter topic, as it lies there.

    Args:
        timestamp: of Kafka, microseconds.
        value: None is a tombstone, which we never write.
    """

    place: Place
    timestamp: Micros
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class Letter(msgspec.Struct, frozen=True):
    """A dead letter. Whatever its record does not say is blank: other programs may write to the topic too.

    Args:
        id: folds repeats; made from its place if the record has none.
        died_at: the last failure, else Kafka's timestamp.
        origin: the first raw record, or what the record was read as.
        is_reference: the value was too large for the topic: only its digest is kept.
    """

    record: DeadRecord
    id: str
    died_at: Micros
    first_failed_at: Micros | None
    stage: str
    error_class: str
    code: str
    detail: str
    attempts: int | None
    child: str
    event_id: str
    project_id: str
    media_id: str
    origin: Place | None
    is_reference: bool

    @property
    def place(self) -> Place:
        """Where it lies."""
        return self.record.place


class Outgoing(NamedTuple):
    """What a replay puts on a topic."""

    key: bytes | None
    value: bytes
    headers: Sequence[Header]


class _Glimpse(msgspec.Struct):
    """What tasks and both spellings of events have in common."""

    project_id: int | str | None = None
    projectId: int | str | None = None  # noqa: N815  # as sent
    media_id: int | str | None = None
    mediaId: int | str | None = None  # noqa: N815  # as sent
    download: "_Glimpse | None" = None


_glimpse = msgspec.json.Decoder(_Glimpse)


def read_letter(record: DeadRecord) -> Letter:
    """Read a record of a dead-letter topic. Where a header stands twice, the last one is ours."""
    said = {name: content.decode(errors="replace") for name, content in record.headers}
    seen = _glimpse_of(record.value or b"")
    child = said.get("claimx-child", "")
    kind, _, name = child.partition(":")
    return Letter(
        record=record,
        id=said.get("claimx-id") or letter_id(Origin(*record.place), ""),
        died_at=_time(said, "claimx-last-failure") or record.timestamp,
        first_failed_at=_time(said, "claimx-first-failure"),
        stage=said.get("claimx-stage", ""),
        error_class=said.get("claimx-error-class", ""),
        code=said.get("claimx-error-code", ""),
        detail=said.get("claimx-detail", ""),
        attempts=_number(said.get("claimx-attempts")),
        child=child,
        event_id=said.get(EVENT_ID_HEADER, ""),
        project_id=clean_id(seen.project_id or seen.projectId) or _key(record.key),
        media_id=clean_id(seen.media_id or seen.mediaId) or (name if kind in {"download", "upload"} else ""),
        origin=_origin(said),
        is_reference="claimx-value-sha256" in said and not record.value,
    )


def event_again(letter: Letter) -> Outgoing:
    """Put a record of events.dlq back: key, value and headers as they came, id and time in headers of ours.

    Raises:
        PermanentError: ``letter.reference``, ``letter.tombstone``: there is no value to put back.
    """
    value, headers = _value(letter), _theirs(letter)
    said = dict(letter.record.headers)
    headers += [(name, said[name]) for name in (EVENT_ID_HEADER, INGESTED_AT_HEADER) if name in said]
    stamp = parse_time(said.get("claimx-source-timestamp", b"").decode(errors="replace"))
    if stamp is not None:
        headers.append((RECORDED_AT_HEADER, str(stamp).encode()))
    return Outgoing(letter.record.key, value, [*headers, _replayed_from(letter)])


def task_again(letter: Letter, now: Micros) -> Outgoing:
    """Put a task back as if it were never tried: attempt 1, nothing asked for, its age from now on.

    Raises:
        PermanentError: ``letter.reference``, ``letter.tombstone``; PoisonError: ``task.malformed``, ``task.version``.
    """
    value = _value(letter)
    try:
        task = _fresh(to_keep(decode_task(value)), now)
    except RecursionError as error:
        raise PoisonError("task.malformed", "nested too deeply") from error
    return Outgoing(
        letter.record.key,
        encode_task(task),
        [*_theirs(letter), (EVENT_ID_HEADER, task.event_id.encode()), _replayed_from(letter)],
    )


def _fresh(task: Task, now: Micros) -> Task:
    if isinstance(task, DownloadTask):
        task = msgspec.structs.replace(task, refresh_count=0)
    return msgspec.structs.replace(task, attempt=1, asked=0, first_tried_at=now)


def _value(letter: Letter) -> bytes:
    value = letter.record.value
    if letter.is_reference:
        raise PermanentError(
            "letter.reference", "the value was too large for the topic: only a digest is kept"
        )
    if value is None:
        raise PermanentError("letter.tombstone", "the record has no value")
    return value


def _theirs(letter: Letter) -> list[Header]:
    return [(name, content) for name, content in letter.record.headers if not name.startswith(_OURS)]


def _replayed_from(letter: Letter) -> Header:
    return REPLAYED_FROM_HEADER, str(letter.place).encode()


def _glimpse_of(value: bytes) -> _Glimpse:
    try:
        return _glimpse.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Glimpse()


def _key(key: bytes | None) -> str:
    """Keys are project ids; a key of another kind says nothing."""
    return key.decode() if key and key.isdigit() else ""


def _time(said: dict[str, str], name: str) -> Micros | None:
    return parse_time(said.get(name))


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _origin(said: dict[str, str]) -> Place | None:
    partition, offset = (
        _number(said.get("claimx-source-partition")),
        _number(said.get("claimx-source-offset")),
    )
    topic = said.get("claimx-source-topic")
    return None if topic is None or partition is None or offset is None else Place(topic, partition, offset)
