"""The work that stages hand on: what a pending topic, a delay row and a dead letter carry, as versioned JSON."""

from typing import NamedTuple

import msgspec

from claimx.domain.events import RECORD_OVERHEAD_BYTES, Event
from claimx.domain.outcomes import RetryLater, Wait
from claimx.domain.policyholders import EVENT_TYPES, Policyholder, policyholder_in
from claimx.domain.times import Micros
from claimx.errors import PoisonError

VERSION = 1


class Origin(NamedTuple):
    """Where the first raw record lies: rows, delay rows and dead letters fold by it."""

    topic: str
    partition: int
    offset: int


class EnrichmentTask(msgspec.Struct, frozen=True, tag="enrichment", tag_field="kind"):
    """Ask the API for what an event is about. Times are microseconds UTC.

    Args:
        attempt: counted passes, from 1.
        asked: times the thing was not visible yet.
        first_tried_at: when the first pass began; the age of the item counts from here.
        seen: media that the project showed already, where the event names none; None if no event says that there is more.
    """

    event_id: str
    event_type: str
    project_id: str
    ingested_at: Micros
    origin: Origin
    first_tried_at: Micros
    media_id: str | None = None
    task_assignment_id: str | None = None
    video_collaboration_id: str | None = None
    master_file_name: str | None = None
    policyholder: Policyholder | None = None
    seen: tuple[str, ...] | None = ()
    attempt: int = 1
    asked: int = 0
    v: int = VERSION

    @property
    def child(self) -> str:
        """The name of this work within its origin."""
        return "enrich"


class ProjectTask(msgspec.Struct, frozen=True, tag="project", tag_field="kind"):
    """Fetch a project whose row an event's rows refer to: the pre-flight of that event. Times are microseconds UTC."""

    event_id: str
    event_type: str
    project_id: str
    origin: Origin
    first_tried_at: Micros
    attempt: int = 1
    asked: int = 0
    v: int = VERSION

    @property
    def child(self) -> str:
        """The name of this work within its origin."""
        return f"project:{self.project_id}"


class DownloadTask(msgspec.Struct, frozen=True, tag="download", tag_field="kind"):
    """Fetch one media file.

    Args:
        is_url_cut: the URL has lost its query (delay rows, dead letters): it must be asked for again.
        refresh_count: times the URL was asked for again.
    """

    event_id: str
    event_type: str
    project_id: str
    media_id: str
    url: str
    origin: Origin
    first_tried_at: Micros
    file_name: str | None = None
    file_type: str | None = None
    is_url_cut: bool = False
    refresh_count: int = 0
    attempt: int = 1
    asked: int = 0
    v: int = VERSION

    @property
    def child(self) -> str:
        """The name of this work within its origin."""
        return f"download:{self.media_id}"


class CachedFile(msgspec.Struct, frozen=True, tag="upload", tag_field="kind"):
    """A downloaded file on its way to the files root.

    Args:
        path: the name of the spool file, or None while the bytes are in memory.
        size_bytes: length of the content.
        sha256: hex digest of the content.
    """

    download: DownloadTask
    size_bytes: int
    sha256: str
    content_type: str | None = None
    path: str | None = None
    attempt: int = 1
    v: int = VERSION

    @property
    def child(self) -> str:
        """The name of this work within its origin."""
        return f"upload:{self.download.media_id}"

    @property
    def event_id(self) -> str:
        """The event that the file came from."""
        return self.download.event_id

    @property
    def event_type(self) -> str:
        """Type of the event that the file came from."""
        return self.download.event_type

    @property
    def project_id(self) -> str:
        """Project of the file."""
        return self.download.project_id

    @property
    def origin(self) -> Origin:
        """Where the first raw record lies."""
        return self.download.origin

    @property
    def first_tried_at(self) -> Micros:
        """When the download was first tried."""
        return self.download.first_tried_at

    @property
    def asked(self) -> int:
        """Times the media was not visible yet."""
        return self.download.asked


Task = EnrichmentTask | ProjectTask | DownloadTask | CachedFile


class _Stamp(msgspec.Struct):
    """What any version of a message has."""

    v: int = 0


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Task] = msgspec.json.Decoder(Task)
_stamps = msgspec.json.Decoder(_Stamp)


def enrichment_task(event: Event, origin: Origin, now: Micros) -> EnrichmentTask:
    """Make the first task of an event."""
    return EnrichmentTask(
        event_id=event.event_id,
        event_type=event.event_type,
        project_id=event.project_id,
        ingested_at=event.ingested_at,
        origin=origin,
        first_tried_at=now,
        media_id=event.media_id,
        task_assignment_id=event.task_assignment_id,
        video_collaboration_id=event.video_collaboration_id,
        master_file_name=event.master_file_name,
        policyholder=policyholder_in(event.raw_data) if event.event_type in EVENT_TYPES else None,
    )


def project_task(task: EnrichmentTask, now: Micros, project_id: str | None = None) -> ProjectTask:
    """Make the pre-flight of an event.

    Args:
        project_id: another project than the event's, which its rows refer to.
    """
    return ProjectTask(
        event_id=task.event_id,
        event_type=task.event_type,
        project_id=project_id or task.project_id,
        origin=task.origin,
        first_tried_at=now,
    )


def media_of(task: Task) -> str | None:
    """The file that a task is about; None where it is about no file, or about all of a project."""
    match task:
        case CachedFile():
            return task.download.media_id
        case ProjectTask():
            return None
        case _:
            return task.media_id


def stage_of(task: Task) -> str:
    """Name the stage that works on a kept task; a file that waits for its upload goes back to the download."""
    return "enrich" if isinstance(task, EnrichmentTask | ProjectTask) else "download"


def encode_task(task: Task) -> bytes:
    """Write a task as JSON, its signed URL included: for pending topics only."""
    return _encoder.encode(task)


def decode_task(value: bytes) -> Task:
    """Read a task; unknown fields are ignored.

    Raises:
        PoisonError: ``task.malformed``, not a task of a version that we know.
    """
    try:
        task = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refuse_newer("task", stamped(value), VERSION)
        raise PoisonError("task.malformed", str(error)) from error
    refuse_newer("task", task.v, VERSION)
    return task


def stamped(value: bytes) -> int:
    """Read the version of a message whose other fields do not fit, for a newer one may have other fields; else 0."""
    try:
        return _stamps.decode(value).v
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0


def refuse_newer(what: str, version: int, known: int) -> None:
    """Refuse a message that a newer claimx wrote.

    Raises:
        PoisonError: ``<what>.version``.
    """
    if version > known:
        raise PoisonError(f"{what}.version", f"version {version} is newer than {known}")


class TaskRecord(msgspec.Struct, gc=False):
    """A record of a pending topic."""

    task: Task
    offset: int
    size_bytes: int


def read_task(kinds: tuple[type[Task], ...], value: bytes, offset: int) -> TaskRecord:
    """Read a record of the pending topic whose tasks are of these kinds.

    Raises:
        PoisonError: ``task.malformed``, ``task.version``; ``task.wrong_topic``, a task of another stage.
    """
    task = decode_task(value)
    if not isinstance(task, kinds):
        raise PoisonError("task.wrong_topic", f"{type(task).__name__} is not for this topic")
    return TaskRecord(task, offset, len(value) + RECORD_OVERHEAD_BYTES)


def without_query(url: str) -> str:
    """Cut query, fragment and user off a URL, be it ever so malformed: the only form in which one is kept."""
    head = url.partition("?")[0].partition("#")[0]
    scheme, slashes, rest = head.partition("//")
    host, slash, path = rest.partition("/")
    return scheme + slashes + host.rpartition("@")[2] + slash + path


def to_keep(task: Task) -> Task:
    """Make the form of a task that a delay row or a dead letter may hold: no signature, and back to the download.

    A file that waits for its upload is not kept: it is downloaded again.
    """
    if isinstance(task, CachedFile):
        task = msgspec.structs.replace(task.download, attempt=task.attempt)
    if isinstance(task, DownloadTask):
        return msgspec.structs.replace(task, url=without_query(task.url), is_url_cut=True)
    return task


def retried(task: Task, verdict: RetryLater) -> Task:
    """Count what the failed pass costs the task."""
    match verdict.wait:
        case Wait.ATTEMPT:
            return msgspec.structs.replace(task, attempt=task.attempt + 1)
        case Wait.NOT_VISIBLE if not isinstance(task, CachedFile):
            return msgspec.structs.replace(task, asked=task.asked + 1)
        case _:
            return task


def first_tried(task: Task, now: Micros) -> Task:
    """Let the age of a task count from now."""
    if isinstance(task, CachedFile):
        return msgspec.structs.replace(task, download=first_tried(task.download, now))
    return msgspec.structs.replace(task, first_tried_at=now)


def aged_less(task: Task, waited: Micros) -> Task:
    """Let the age of a task stand still for the time that a circuit made it wait."""
    if isinstance(task, CachedFile):
        return msgspec.structs.replace(task, download=aged_less(task.download, waited))
    return msgspec.structs.replace(task, first_tried_at=task.first_tried_at + waited)
