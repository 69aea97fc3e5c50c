"""What ``claimx verify`` and ``claimx trace`` look at: everything that is durable, read-only."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from claimx.domain.event_log import LogLine
from claimx.domain.letters import DeadRecord
from claimx.domain.rows import Value
from claimx.domain.tasks import Origin, Task
from claimx.domain.times import Micros
from claimx.ports.dlq import Shelf, Span


class Period(NamedTuple):
    """From ``since`` up to ``until``, not included; None is open."""

    since: Micros | None = None
    until: Micros | None = None

    def has(self, when: Micros) -> bool:
        """Whether a moment lies within."""
        return (self.since is None or when >= self.since) and (self.until is None or when < self.until)


class Line(NamedTuple):
    """What a line of claimx_event_log says of one record or one leased row.

    Args:
        went_on: another line tells what became of the work that this one left: from the delay queue, or of a pending topic.
    """

    origin: Origin
    event_id: str | None
    outcome: str
    stage: str
    child: str | None
    error_code: str | None
    went_on: bool = False


class Absent(NamedTuple):
    """A row that a settled event owes to a table, and that is not there.

    Args:
        key: the merge key of the row.
        outcome: of the line that says it is settled; ``origin`` is that line's.
    """

    table: str
    key: str
    event_id: str
    outcome: str
    origin: Origin


class Twice(NamedTuple):
    """A merge key that a table has more than once."""

    table: str
    key: str
    rows: int


class Stored(NamedTuple):
    """A row of the inventory.

    Args:
        size: bytes; None where the row does not say.
    """

    media_id: str
    path: str
    size: int | None
    sha256: str | None


class Misfit(NamedTuple):
    """A file and its row in claimx_attachments that do not fit.

    Args:
        media_id: None: there is no row.
        what: for people.
    """

    path: str
    media_id: str | None
    what: str


class Parked(NamedTuple):
    """A row of a delay queue.

    Args:
        instance: the process whose queue it is in.
        due_at: when it is tried again; ``is_leased``: a process is at it.
    """

    instance: str
    stage: str
    task: Task
    code: str
    due_at: Micros
    parked_at: Micros
    is_leased: bool


class Committed(NamedTuple):
    """What a group has committed of a partition."""

    offset: int
    metadata: str


class LakeAudit(Protocol):
    """The lake as it was at one moment: the event log first, then the tables that its lines speak of.

    Every method raises LakeError when the lake cannot be read.
    """

    def pin(self) -> None:
        """Take that moment.

        Raises:
            TablesAbsentError: a table is not there.
        """
        ...

    def days(self, period: Period) -> Sequence[date]:
        """The days on which lines were written."""
        ...

    def count(self, day: date, period: Period) -> int:
        """Lines of a day."""
        ...

    def told(self, shelf: Shelf, offsets: Span, since: Micros | None) -> Mapping[int, Line]:
        """The lines of records, by offset.

        Args:
            since: lines that are older than a day before it may be left out.
        """
        ...

    def unfinished(self, day: date, period: Period) -> Iterator[Line]:
        """Lines of records that were parked, forwarded or dead-lettered, and of leased rows that were dead-lettered."""
        ...

    def parked_again(self, period: Period) -> Iterator[Line]:
        """The last line of each piece of work from the delay queue, where it says that it was parked again."""
        ...

    def absent(self, day: date, period: Period) -> Iterator[Absent]:
        """What the settled events of a day owe and do not have; what was dead-lettered owes its event's row only."""
        ...

    def twice(self, table: str) -> Iterator[Twice]:
        """Keys that a table has more than once."""
        ...

    def repeated_lines(self) -> int:
        """Lines of records beyond the first of each: work that was done again."""
        ...

    def row_count(self, table: str) -> int:
        """Rows of a table."""
        ...

    def sample(self, number: int) -> Sequence[Stored]:
        """Rows of the inventory, drawn at random."""
        ...


class FileAudit(Protocol):
    """The files root.

    Every method raises TransientError or AuthError ``store.*`` when it cannot be read.
    """

    def misfits(self, written_before: Micros) -> Iterator[Misfit]:
        """Compare names and sizes with the inventory.

        Args:
            written_before: a younger file may still wait for its row.
        """
        ...

    def digest(self, path: str) -> tuple[int, str] | None:
        """Length and sha256 of a file's content; None: there is no file."""
        ...

    def size(self, path: str) -> int | None:
        """Length of a file; None: there is none."""
        ...


class Positions(Protocol):
    """Where groups and records are. Raises TransientError ``kafka.unreachable``, AuthError ``kafka.refused``."""

    def present(self, topics: Sequence[str]) -> Sequence[str]:
        """Those of the topics that are there."""
        ...

    def committed(self, group: str, shelves: Sequence[Shelf]) -> Mapping[Shelf, Committed]:
        """What each partition that has a committed offset has."""
        ...

    def first_at(self, when: Micros, shelves: Sequence[Shelf]) -> Mapping[Shelf, int]:
        """The first offset whose record came at ``when`` or later; a partition is left out where the broker cannot tell."""
        ...


class RecordLog(Protocol):
    """Topics, read without touching anybody's place in them; ``ports.dlq.LetterLog`` is one."""

    def spans(self, topics: Sequence[str]) -> Mapping[Shelf, Span]:
        """What each partition holds now, between its watermarks."""
        ...

    def read(self, spans: Mapping[Shelf, Span]) -> Iterator[Sequence[DeadRecord]]:
        """Records in order of offset within a partition."""
        ...


class DelayFiles(Protocol):
    """The delay queues of this host."""

    @property
    def instances(self) -> Sequence[str]:
        """The processes of this host: each has one, or has lost it."""
        ...

    def rows(self) -> Iterator[Parked]:
        """Every row, as of one moment for each queue.

        Raises:
            EngineError: a file is no delay queue that this version can read.
        """
        ...


Cells = Mapping[str, Value]
"""A row of a table; nulls left out."""


class Story(Protocol):
    """What the lake tells of events, media files and projects. Every method raises LakeError or TablesAbsentError."""

    def rows(self, table: str, column: str, values: Sequence[str], limit: int) -> Sequence[Cells]:
        """Rows of a table where the column, as text, is one of the values."""
        ...

    def events_like(self, beginning: str, limit: int) -> Sequence[str]:
        """Ids that begin so: of rows of claimx_events, and of lines of the log."""
        ...

    def lines(self, event_ids: Sequence[str], media_id: str | None, limit: int) -> Sequence[LogLine]:
        """The log lines of events, and of the work on a file, in order of time."""
        ...
