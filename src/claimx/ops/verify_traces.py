"""Work that did not end in rows: what was parked, forwarded or given up lies somewhere, by its event (I1)."""

from collections.abc import Iterable, Mapping, Sequence

from claimx.domain.dead_letter import letter_id
from claimx.domain.letters import read_letter
from claimx.domain.outcomes import Outcome
from claimx.domain.tasks import Origin, decode_task
from claimx.errors import PoisonError
from claimx.ops.dlq import Watch
from claimx.ops.verify_records import Range
from claimx.ops.verify_report import Finding, Problem
from claimx.ports.dlq import Span
from claimx.ports.inspection import Absent, DelayFiles, Line, RecordLog

_BAD_ROW = "lake.bad_row"
_ENRICH = "enrich"
_EVENTS, _FILES = "claimx_events", "claimx_attachments"


class DelayIndex:
    """What waits in the delay queues of this host, in a few bytes a row.

    A row may be parked while the lake is being opened, or resolved: so it is filled before and after.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._events: set[int] = set()
        self._work: set[int] = set()

    def fill(self, files: DelayFiles) -> None:
        """Add every row that is there now."""
        self.rows = 0
        for parked in files.rows():
            self.rows += 1
            self._events.add(hash(parked.task.event_id))
            self._work.add(hash((parked.task.event_id, parked.task.child)))

    def has(self, event_id: str | None, child: str | None = None) -> bool:
        """Whether work of an event waits; a child named otherwise than ``enrich`` must wait itself."""
        if child is None or child == _ENRICH:
            return hash(event_id) in self._events
        return hash((event_id, child)) in self._work


class LetterIndex:
    """Which events have dead letters, in a few bytes a letter."""

    def __init__(self) -> None:
        self.letters = 0
        self._events: set[int] = set()
        self._origins: set[int] = set()
        self._ids: set[int] = set()
        self._cut: set[str] = set()

    def fill(self, log: RecordLog, topics: Sequence[str], watch: Watch) -> None:
        """Read every letter up to where the topics end now."""
        spans = log.spans(topics)
        self._cut = {shelf.topic for shelf, span in spans.items() if span.low > 0}
        watch.begin("reading dead letters", sum(span.high - span.low for span in spans.values()))
        for records in log.read(spans):
            if watch.is_stopping:
                return
            watch.advance(len(records))
            for record in records:
                letter = read_letter(record)
                self.letters += 1
                self._ids.add(hash(letter.id))
                if letter.event_id:
                    self._events.add(hash(letter.event_id))
                if letter.origin is not None:
                    self._origins.add(hash(tuple(letter.origin)))

    def has(self, event_id: str | None, origin: Origin) -> bool:
        """Whether there is one of an event, or of a record that is none."""
        if event_id is not None and hash(event_id) in self._events:
            return True
        return hash(tuple(origin)) in self._origins

    def has_row(self, event_id: str, origin: Origin) -> bool:
        """Whether the event's own row was given up."""
        return hash(letter_id(origin, f"row:claimx_events:{event_id}")) in self._ids

    def is_cut(self, topics: Iterable[str]) -> bool:
        """Whether letters of one of the topics were deleted."""
        return not self._cut.isdisjoint(topics)


class Backlog:
    """Events whose work stands on a pending topic, not settled by the stage that takes it."""

    def __init__(self) -> None:
        self._events: set[int] = set()
        self._is_cut = False

    def fill(self, log: RecordLog, found: Sequence[Range], watch: Watch) -> None:
        """Read from the committed offsets up to where the topics end now."""
        ends = log.spans(sorted({each.shelf.topic for each in found})) if found else {}
        spans = {}
        for each in found:
            low, high = ends[each.shelf]
            self._is_cut |= low > (each.committed or 0)
            spans[each.shelf] = Span(max(low, each.committed or 0), high)
        watch.begin("reading pending tasks", sum(max(0, span.high - span.low) for span in spans.values()))
        for records in log.read(spans):
            if watch.is_stopping:
                return
            watch.advance(len(records))
            for record in records:
                self._add(record.value)

    def has(self, event_id: str | None) -> bool:
        """Whether work of an event stands there."""
        return hash(event_id) in self._events

    @property
    def is_cut(self) -> bool:
        """Whether tasks were deleted before they were taken."""
        return self._is_cut

    def _add(self, value: bytes | None) -> None:
        try:
            if value is not None:
                self._events.add(hash(decode_task(value).event_id))
        except PoisonError:
            return


class Traces:
    """Judges lines by what lies where.

    Args:
        letter_topics: by stage, where its dead letters go.
        are_queues_whole: whether every delay queue of the group is on this host.
    """

    def __init__(self, letter_topics: Mapping[str, str], *, are_queues_whole: bool) -> None:
        self.delay = DelayIndex()
        self.letters = LetterIndex()
        self.backlog = Backlog()
        self._letter_topics = letter_topics
        self._are_queues_whole = are_queues_whole

    def judge(self, line: Line) -> tuple[str, Finding]:
        """The name of the check, and what it finds."""
        match line.outcome:
            case Outcome.DEAD_LETTERED.label:
                return "dead letters", self._dead(line)
            case Outcome.FORWARDED.label:
                return "forwarded", self._forwarded(line)
            case _:
                return "parked", self._parked(line)

    def owes(self, absent: Absent) -> Finding:
        """What a missing row means: nothing yet while its event is being worked on, a loss otherwise."""
        is_known, is_provable = self._excused(absent)
        if is_known:
            return Finding()
        if not is_provable:
            return Finding(unprovable=1)
        what = f"its event is {absent.outcome}, and the row is not there"
        problem = Problem(
            check="rows",
            what=what,
            origin=absent.origin,
            event_id=absent.event_id,
            table=absent.table,
            key=absent.key,
        )
        return Finding(problem=problem)

    def _excused(self, absent: Absent) -> tuple[bool, bool]:
        """Whether the row need not be there, and whether that can be told."""
        if absent.table == _EVENTS:  # durable before its line, whatever became of the rest
            is_dead = absent.outcome == Outcome.DEAD_LETTERED.label
            was_buried = is_dead and self.letters.has_row(absent.event_id, absent.origin)
            return was_buried, not (is_dead and self.letters.is_cut(self._letter_topics.values()))
        if absent.outcome == Outcome.COMMITTED.label and absent.table != _FILES:
            return False, True
        is_open = self.delay.has(absent.event_id) or self.backlog.has(absent.event_id)
        is_open = is_open or self.letters.has(absent.event_id, absent.origin)
        return is_open, absent.outcome == Outcome.COMMITTED.label or self._are_queues_whole

    def _parked(self, line: Line) -> Finding:
        if line.went_on or self.delay.has(line.event_id, line.child):
            return Finding(looked_at=1)
        if self.letters.has(line.event_id, line.origin):
            return Finding(looked_at=1)
        if not self._are_queues_whole:
            return Finding(looked_at=1, unprovable=1)
        what = f"parked ({line.error_code}), and in no delay queue, log line or dead letter since"
        return Finding(looked_at=1, problem=_problem("parked", what, line))

    def _forwarded(self, line: Line) -> Finding:
        if line.went_on or self.backlog.has(line.event_id) or self.letters.has(line.event_id, line.origin):
            return Finding(looked_at=1)
        if self.backlog.is_cut:
            return Finding(looked_at=1, unprovable=1)
        what = "forwarded, and neither on a pending topic nor in the event log since"
        return Finding(looked_at=1, problem=_problem("forwarded", what, line))

    def _dead(self, line: Line) -> Finding:
        if self.letters.has(line.event_id, line.origin):
            return Finding(looked_at=1)
        topics = set(self._letter_topics.values())
        if line.error_code != _BAD_ROW:  # a bad row's line does not name the stage that made it
            topics &= {self._letter_topics.get(line.stage, "")}
        if self.letters.is_cut(topics):
            return Finding(looked_at=1, unprovable=1)
        what = f"dead-lettered ({line.error_code}), and there is no such dead letter"
        return Finding(looked_at=1, problem=_problem("dead letters", what, line))


def _problem(check: str, what: str, line: Line) -> Problem:
    named = f"{what}; its work was {line.child}" if line.child else what
    return Problem(check=check, what=named, origin=line.origin, event_id=line.event_id)
