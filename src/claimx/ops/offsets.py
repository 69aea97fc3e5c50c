"""``claimx offsets``: where each stage's group is in its topics, and how it is moved while nothing runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from claimx.config.options import Moment, OffsetsGoal, Question
from claimx.domain.queue_mark import read
from claimx.domain.times import Micros
from claimx.errors import OperationError
from claimx.ports.dlq import Shelf, Span
from claimx.ports.inspection import Committed
from claimx.ports.offsets import OffsetsAdmin

_STOP = "stop every claimx that consumes with this group; a killed one counts until its session times out"


class Group(NamedTuple):
    """What one stage consumes."""

    stage: str
    name: str
    topics: Sequence[str]


class PartitionView(msgspec.Struct, frozen=True, kw_only=True):
    """A partition, for programs.

    Args:
        committed: the offset of the first record that is not settled; None: nothing was committed yet.
        low, high: offsets that the partition holds: from low up to high, not included.
        lag: records from the committed offset on; without one all that are there.
        problem: what keeps a run from going on here.
        instance, queue_id, sequence: who committed last, and its delay queue as of then.
    """

    topic: str
    partition: int
    committed: int | None
    low: int
    high: int
    lag: int
    problem: str | None = None
    instance: str | None = None
    queue_id: str | None = None
    sequence: int | None = None


class GroupView(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="claimx.offsets.group/1"):
    """The group of one stage, for programs.

    Args:
        members: client ids and hosts of its consumers; None: the broker does not tell.
    """

    stage: str
    group: str
    members: list[str] | None
    lag: int
    partitions: list[PartitionView]


class ShowReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``claimx offsets show`` found."""

    schema: str = "claimx.offsets.show/1"
    groups: list[GroupView]

    @property
    def is_good(self) -> bool:
        """Whether every group can go on where it is."""
        return all(each.problem is None for group in self.groups for each in group.partitions)


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one partition.

    Args:
        before: where a run would go on now.
        skipped: offsets whose records will not be received by this group any more.
        repeated: offsets whose records will be received again.
    """

    topic: str
    partition: int
    before: int
    after: int
    skipped: int
    repeated: int


class SetReport(msgspec.Struct, kw_only=True):
    """What ``claimx offsets set`` did."""

    schema: str = "claimx.offsets.set/1"
    stage: str
    group: str
    dry_run: bool = False
    cancelled: bool = False
    skipped: int = 0
    repeated: int = 0
    partitions: list[Move] = []


def show(admin: OffsetsAdmin, groups: Sequence[Group]) -> ShowReport:
    """Look at every group."""
    return ShowReport(groups=[_group(admin, each) for each in groups])


class Setting:
    """One move of a group.

    Args:
        now: to pin an age.
    """

    def __init__(self, admin: OffsetsAdmin, group: Group, goal: OffsetsGoal, now: Micros) -> None:
        self.report = SetReport(stage=group.stage, group=group.name, dry_run=goal.dry_run)
        self._admin = admin
        self._group = group
        self._goal = goal
        self._now = now
        self._before: Mapping[Shelf, Committed] = {}

    def plan(self) -> SetReport:
        """Say what would be done; nothing is changed.

        Raises:
            OperationError: the group has members, or the topic, the partition or the offset is none of its own.
        """
        shelves = self._shelves()
        if not self._goal.dry_run:
            self._must_be_empty()
        spans = self._admin.spans(shelves)
        after = self._after(shelves, spans)
        self._before = self._admin.committed(self._group.name, shelves)
        for shelf in shelves:
            where = self._before.get(shelf)
            before = spans[shelf].low if where is None else where.offset
            move = Move(
                topic=shelf.topic,
                partition=shelf.partition,
                before=before,
                after=after[shelf],
                skipped=max(0, after[shelf] - before),
                repeated=max(0, before - max(after[shelf], spans[shelf].low)),
            )
            self.report.partitions.append(move)
            self.report.skipped += move.skipped
            self.report.repeated += move.repeated
        return self.report

    def question(self) -> Question:
        """What must be confirmed."""
        report = self.report
        return Question(
            f"{report.group}: {report.skipped:,} records will be skipped, {report.repeated:,} received again",
            report.group,
        )

    def run(self) -> None:
        """Commit. What the entries tell of delay queues is kept: their rows are still there.

        Raises:
            OperationError: the group has members by now.
        """
        self._must_be_empty()
        kept = {shelf: each.metadata for shelf, each in self._before.items()}
        self._admin.move(
            self._group.name,
            {
                shelf: Committed(each.after, kept.get(shelf, ""))
                for each in self.report.partitions
                for shelf in (Shelf(each.topic, each.partition),)
            },
        )

    def _shelves(self) -> list[Shelf]:
        goal, topics = self._goal, self._group.topics
        if goal.topic is None and len(topics) > 1:
            raise OperationError(f"{goal.stage} has several topics", f"give --topic: {', '.join(topics)}")
        topic = goal.topic or topics[0]
        if topic not in topics:
            raise OperationError(
                f"{topic} is no topic of {goal.stage}", f"its topics are: {', '.join(topics)}"
            )
        shelves = [
            shelf
            for shelf in self._admin.shelves([topic])
            if goal.partition is None or shelf.partition == goal.partition
        ]
        if not shelves:
            raise OperationError(
                f"{topic} has no partition {goal.partition}", "claimx offsets show names them"
            )
        if isinstance(goal.to, int) and len(shelves) > 1:
            raise OperationError(
                f"{topic} has {len(shelves)} partitions: which one is to go to {goal.to}?", "give --partition"
            )
        return shelves

    def _must_be_empty(self) -> None:
        members = self._admin.members(self._group.name)
        if members:
            named = ", ".join(f"{each.client_id} on {each.host}" for each in members)
            raise OperationError(f"{self._group.name} has members: {named}", _STOP)

    def _after(self, shelves: Sequence[Shelf], spans: Mapping[Shelf, Span]) -> Mapping[Shelf, int]:
        match self._goal.to:
            case "earliest":
                return {shelf: span.low for shelf, span in spans.items()}
            case "latest":
                return {shelf: span.high for shelf, span in spans.items()}
            case Moment() as moment:
                return self._admin.first_at(moment.at(self._now), shelves)
            case int() as offset:
                ((shelf, span),) = spans.items()
                if not span.low <= offset <= span.high:
                    raise OperationError(
                        f"{shelf} has no offset {offset}", f"it holds {span.low} up to {span.high}"
                    )
                return {shelf: offset}


def show_text(report: ShowReport) -> Iterator[str]:
    """For people: a table for each group."""
    for group in report.groups:
        members = "members not told" if group.members is None else f"{len(group.members)} members"
        yield f"{group.stage}  group {group.group}  lag {group.lag:,}  {members}"
        for member in group.members or ():
            yield f"  member {member}"
        rows = [
            (
                each.topic,
                str(each.partition),
                "-" if each.committed is None else str(each.committed),
                str(each.low),
                str(each.high),
                str(each.lag),
                each.instance or "-",
                "-" if each.sequence is None else str(each.sequence),
            )
            for each in group.partitions
        ]
        head = ("topic", "partition", "committed", "low", "high", "lag", "instance", "parked")
        yield from _table(head, rows)
        for each in group.partitions:
            if each.problem is not None:
                yield f"  problem: {each.topic}[{each.partition}]: {each.problem}"


def set_text(report: SetReport) -> Iterator[str]:
    """Before and after, for people."""
    rows = [
        tuple(map(str, (each.topic, each.partition, each.before, each.after, each.skipped, each.repeated)))
        for each in report.partitions
    ]
    yield from _table(("topic", "partition", "before", "after", "skipped", "repeated"), rows)
    if report.skipped:
        yield f"skipped: {report.skipped:,} records that {report.group} will never receive"
    if report.repeated:
        yield f"repeated: {report.repeated:,} records come again; their rows and files fold by their keys"


def _group(admin: OffsetsAdmin, group: Group) -> GroupView:
    shelves = admin.shelves(group.topics)
    committed, spans = admin.committed(group.name, shelves), admin.spans(shelves)
    members = admin.members(group.name)
    partitions = [_partition(shelf, spans[shelf], committed.get(shelf)) for shelf in shelves]
    return GroupView(
        stage=group.stage,
        group=group.name,
        members=None if members is None else sorted(f"{each.client_id} on {each.host}" for each in members),
        lag=sum(each.lag for each in partitions),
        partitions=partitions,
    )


def _partition(shelf: Shelf, span: Span, committed: Committed | None) -> PartitionView:
    entry = None if committed is None else read(committed.metadata)
    offset = span.low if committed is None else committed.offset
    return PartitionView(
        topic=shelf.topic,
        partition=shelf.partition,
        committed=None if committed is None else committed.offset,
        low=span.low,
        high=span.high,
        lag=max(0, span.high - max(offset, span.low)),
        problem=_problem(offset, span),
        instance=None if entry is None else entry[0],
        queue_id=None if entry is None else entry[1].queue_id,
        sequence=None if entry is None else entry[1].sequence,
    )


def _problem(offset: int, span: Span) -> str | None:
    if offset < span.low:
        return f"the committed offset {offset} has left the log: {span.low - offset:,} records are gone"
    if offset > span.high:
        return f"the committed offset {offset} is beyond the end: was the topic made anew?"
    return None


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        first, *rest = zip(row, widths, strict=True)
        cells = (f"{cell:>{width}}" for cell, width in rest)
        yield f"  {first[0]:<{first[1]}}  {'  '.join(cells)}".rstrip()
