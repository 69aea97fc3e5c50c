"""A replay on topics in memory: what is marked and what is not when something gives way."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import pytest

from claimx.config.options import LetterFilter, PurgeOptions, ReplayOptions
from claimx.domain.dead_letter import DeadLetter
from claimx.domain.letter_marks import Mark, Marks
from claimx.domain.letters import DeadRecord, Outgoing, Place
from claimx.errors import OperationError, TransientError
from claimx.ops.dlq import Desk, select
from claimx.ops.dlq_purge import Purge
from claimx.ops.dlq_replay import Kind, Replay, ReplayReport, Target, replay_text
from claimx.ports.dlq import Shelf, Span
from support.letters import NOW, enrichment

TARGETS = {"dlq": Target("pending", Kind.TASK)}
DOWN = TransientError("kafka.unreachable", "broker")


class Topic:
    """Implements the ports of ops.dlq on lists: one topic of two partitions."""

    def __init__(self, letters: Sequence[DeadLetter]) -> None:
        self.records = [
            DeadRecord(Place("dlq", n % 2, n // 2), NOW, each.key, each.value, each.headers)
            for n, each in enumerate(letters)
        ]
        self.stored: dict[Shelf, Marks] = {}
        self.sent: list[Outgoing] = []
        self.refuses: set[bytes] = set()
        self.sends_left = self.stores_left = 1000
        self.too_long: list[Shelf] = []

    def spans(self, topics: Sequence[str]) -> Mapping[Shelf, Span]:
        return {
            Shelf("dlq", n): Span(0, sum(each.place.partition == n for each in self.records)) for n in (0, 1)
        }

    def read(self, spans: Mapping[Shelf, Span]) -> Iterator[Sequence[DeadRecord]]:
        for each in self.records:
            span = spans[Shelf("dlq", each.place.partition)]
            yield [each] if span.low <= each.place.offset < span.high else []

    def load(self, spans: Mapping[Shelf, Span]) -> Mapping[Shelf, Marks]:
        return {shelf: Marks(self.stored[shelf].runs if shelf in self.stored else ()) for shelf in spans}

    def fits(self, spans: Mapping[Shelf, Span], marks: Mapping[Shelf, Marks]) -> Sequence[Shelf]:
        return self.too_long

    def store(self, spans: Mapping[Shelf, Span], marks: Mapping[Shelf, Marks]) -> None:
        self.stores_left -= 1
        if self.stores_left < 0:
            raise DOWN
        for shelf, each in marks.items():
            self.stored.setdefault(shelf, Marks()).merge(each)

    def send(self, records: Sequence[tuple[str, Outgoing]]) -> Sequence[str | None]:
        self.sends_left -= 1
        if self.sends_left < 0:
            raise DOWN
        taken = [record for _, record in records if record.key not in self.refuses]
        self.sent += taken
        return [None if record in taken else "MSG_SIZE_TOO_LARGE" for _, record in records]

    def delete_below(self, offsets: Mapping[Shelf, int]) -> bool:
        self.deleted = dict(offsets)
        return True

    def now(self) -> int:
        return NOW

    @property
    def marked(self) -> int:
        return sum(run.end - run.start for each in self.stored.values() for run in each.runs)


class Watch:
    """Asks for the end after so many steps."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.is_stopping = False
        self._left = stop_after

    def begin(self, title: str, total: int) -> None: ...

    def advance(self, steps: int) -> None:
        self._left -= steps
        self.is_stopping = self._left <= 0


def replay(
    topic: Topic, options: ReplayOptions | None = None, asked: LetterFilter | None = None
) -> ReplayReport:
    selection = select(asked or LetterFilter(), NOW)
    options = options or ReplayOptions(rate_per_s=20)
    desk = Desk(topic, topic, ["dlq"], Watch())
    work = Replay(desk, TARGETS, topic, options)
    work.plan(selection)
    return work.run(selection, topic)


def test_a_broker_that_goes_away_stops_it_and_what_was_done_stays_done() -> None:
    topic = Topic([enrichment(n) for n in range(30)])
    topic.sends_left = 2
    report = replay(topic)
    assert (report.replayed, topic.marked, len(topic.sent)) == (20, 20, 20)
    assert report.stopped_by == "kafka.unreachable: broker"
    assert not report.is_whole
    assert list(replay_text(report))[-1] == "stopped: kafka.unreachable: broker; run it again to go on"
    topic.sends_left = 100
    assert replay(topic).replayed == 10
    assert [each.key for each in topic.sent] == [each.key for each in topic.records]


def test_what_was_produced_and_could_not_be_marked_is_not_called_replayed() -> None:
    topic = Topic([enrichment(n) for n in range(30)])
    topic.stores_left = 1
    report = replay(topic)
    assert (report.replayed, topic.marked, len(topic.sent)) == (10, 10, 20)
    topic.stores_left = 100
    assert replay(topic).replayed == 20
    assert len(topic.sent) == 40


def test_what_the_broker_refuses_stays_open_with_all_its_repeats() -> None:
    topic = Topic([enrichment(n) for n in (1, 2, 3, 1, 2, 3, 4)])
    topic.refuses = {b"1002"}
    report = replay(topic)
    assert (report.replayed, report.repeats, report.failed) == (3, 2, 1)
    assert [(each.place, each.reason) for each in report.failures] == [("dlq/1/0", "MSG_SIZE_TOO_LARGE")]
    assert topic.marked == 5
    topic.refuses = set()
    assert replay(topic).replayed == 1
    assert topic.marked == 7


def test_the_end_that_a_person_asks_for_leaves_no_batch_half_marked() -> None:
    topic = Topic([enrichment(n) for n in range(50)])
    selection, watch = select(LetterFilter(), NOW), Watch()
    desk = Desk(topic, topic, ["dlq"], watch)
    work = Replay(desk, TARGETS, topic, ReplayOptions(rate_per_s=20))
    work.plan(selection)
    watch._left = 20
    report = work.run(selection, topic)
    assert report.interrupted
    assert report.replayed == topic.marked == len(topic.sent) == 20


def test_marks_that_would_not_fit_are_refused_before_anything_is_done() -> None:
    topic = Topic([enrichment(n) for n in range(4)])
    topic.too_long = [Shelf("dlq", 1)]
    for work in (
        Replay(Desk(topic, topic, ["dlq"], Watch()), TARGETS, topic, ReplayOptions()),
        Purge(Desk(topic, topic, ["dlq"], Watch()), PurgeOptions()),
    ):
        with pytest.raises(
            OperationError, match=r"dlq\[1\]: what would be done lies too scattered"
        ) as refused:
            work.plan(select(LetterFilter(), NOW))
        assert "offset 0" in refused.value.hint
    assert (topic.sent, topic.marked) == ([], 0)


def test_a_filter_may_take_any_order_and_max_ends_it() -> None:
    topic = Topic([enrichment(n) for n in range(40)])
    asked = LetterFilter(project="1007")
    assert replay(topic, asked=asked).replayed == 1
    assert replay(topic, ReplayOptions(limit=5)).replayed == 5
    assert topic.marked == 6
    assert replay(topic, ReplayOptions()).replayed == 34


def test_a_purge_of_a_filter_deletes_only_in_its_topics_and_below_the_oldest_open_letter() -> None:
    topic = Topic([enrichment(n) for n in range(10)])
    purge = Purge(Desk(topic, topic, ["dlq"], Watch()), PurgeOptions())
    selection = select(LetterFilter(project="1000"), NOW)
    purge.plan(selection)
    assert [question.expected for question in purge.questions()] == ["dlq"]
    report = purge.run(selection, topic)
    assert (report.purged, report.deleted, topic.deleted) == (1, 1, {Shelf("dlq", 0): 1})
    assert topic.stored[Shelf("dlq", 0)].at(0) is Mark.PURGED
    nothing = Purge(Desk(topic, topic, ["dlq"], Watch()), PurgeOptions())
    nothing.plan(select(LetterFilter(project="none"), NOW))
    assert nothing.is_empty


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        (LetterFilter(ids=("nothing0",)), 0),
        (LetterFilter(event="event-00"), 4),
        (LetterFilter(code="api"), 4),
        (LetterFilter(code="api.5xx"), 4),
        (LetterFilter(code="api.5"), 0),
        (LetterFilter(error_class="TRANSIENTERROR"), 4),
        (LetterFilter(media="2", project="1001"), 1),
        (LetterFilter(stage="ingest"), 0),
    ],
)
def test_a_filter_takes_what_it_says(asked: LetterFilter, taken: int) -> None:
    topic = Topic([enrichment(n) for n in range(4)])
    found = Desk(topic, topic, ["dlq"], Watch()).scan(select(asked, NOW))
    assert len(list(itertools.islice(found, 10))) == taken
