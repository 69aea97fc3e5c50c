"""Moving a group on topics in memory: what it skips and repeats, and what is refused."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from claimx.cli.failures import UsageError
from claimx.cli.offsets import where_to
from claimx.config.options import Moment, OffsetsGoal
from claimx.domain.queue_mark import QueueMark, encode
from claimx.domain.times import SECOND
from claimx.errors import OperationError
from claimx.ops.offsets import Group, Setting, set_text, show, show_text
from claimx.ports.dlq import Shelf, Span
from claimx.ports.inspection import Committed
from claimx.ports.offsets import Member

RAW, REPLAY = "raw", "replay"
INGEST = Group("ingest", "claimx.ingest", (RAW, REPLAY))
MARK = encode("claimx-0", QueueMark("abc123", 42))
A, B = Shelf(RAW, 0), Shelf(RAW, 1)


class Kafka:
    """Implements ports.offsets.OffsetsAdmin: raw has two partitions, replay one."""

    def __init__(self, members: Sequence[Member] | None = ()) -> None:
        self.ends = {A: Span(10, 100), B: Span(0, 50), Shelf(REPLAY, 0): Span(0, 0)}
        self.offsets = {A: Committed(60, MARK)}
        self.who = members
        self.moved: Mapping[Shelf, Committed] = {}

    def shelves(self, topics: Sequence[str]) -> Sequence[Shelf]:
        return [shelf for shelf in self.ends if shelf.topic in topics]

    def spans(self, shelves: Sequence[Shelf]) -> Mapping[Shelf, Span]:
        return {shelf: self.ends[shelf] for shelf in shelves}

    def first_at(self, when: int, shelves: Sequence[Shelf]) -> Mapping[Shelf, int]:
        return {shelf: min(when // SECOND, self.ends[shelf].high) for shelf in shelves}

    def committed(self, group: str, shelves: Sequence[Shelf]) -> Mapping[Shelf, Committed]:
        return {shelf: each for shelf, each in self.offsets.items() if shelf in shelves}

    def members(self, group: str) -> Sequence[Member] | None:
        return self.who

    def move(self, group: str, offsets: Mapping[Shelf, Committed]) -> None:
        self.moved = offsets


def goal(**changes: Any) -> OffsetsGoal:
    return OffsetsGoal(**({"stage": "ingest", "topic": RAW} | changes))


def planned(kafka: Kafka, wish: OffsetsGoal) -> Setting:
    setting = Setting(kafka, INGEST, wish, 80 * SECOND)
    setting.plan()
    return setting


@pytest.mark.parametrize(
    ("changes", "moves"),
    [
        ({"to": "earliest"}, [(60, 10, 0, 50), (0, 0, 0, 0)]),
        ({"to": "latest"}, [(60, 100, 40, 0), (0, 50, 50, 0)]),
        ({"to": Moment(20 * SECOND, is_ago=True)}, [(60, 60, 0, 0), (0, 50, 50, 0)]),
        ({"to": Moment(30 * SECOND, is_ago=False)}, [(60, 30, 0, 30), (0, 30, 30, 0)]),
        ({"to": 75, "partition": 0}, [(60, 75, 15, 0)]),
        ({"to": 100, "partition": 0}, [(60, 100, 40, 0)]),
        ({"to": "latest", "partition": 1}, [(0, 50, 50, 0)]),
    ],
    ids=str,
)
def test_what_is_skipped_and_what_comes_again_is_counted(
    changes: dict[str, Any], moves: list[tuple[int, int, int, int]]
) -> None:
    kafka = Kafka()
    setting = planned(kafka, goal(**changes))
    report = setting.report
    assert [(m.before, m.after, m.skipped, m.repeated) for m in report.partitions] == moves
    assert (report.skipped, report.repeated) == (sum(m[2] for m in moves), sum(m[3] for m in moves))
    assert kafka.moved == {}, "a plan changes nothing"
    setting.run()
    assert [each.offset for each in kafka.moved.values()] == [m[1] for m in moves]


def test_what_an_entry_tells_of_a_delay_queue_outlives_the_move() -> None:
    kafka = Kafka()
    planned(kafka, goal(to="earliest")).run()
    assert kafka.moved == {A: Committed(10, MARK), B: Committed(0, "")}


def test_the_question_counts_and_wants_the_groups_name() -> None:
    question = planned(Kafka(), goal(to="latest")).question()
    assert question.text == "claimx.ingest: 90 records will be skipped, 0 received again"
    assert question.expected == "claimx.ingest"


@pytest.mark.parametrize(
    ("changes", "text", "hint"),
    [
        ({"topic": "other"}, "other is no topic of ingest", "raw, replay"),
        ({"topic": None}, "ingest has several topics", "--topic: raw, replay"),
        ({"partition": 9}, "raw has no partition 9", "claimx offsets show"),
        ({"to": 5}, "raw has 2 partitions: which one is to go to 5?", "--partition"),
        ({"to": 9, "partition": 0}, r"raw\[0\] has no offset 9", "10 up to 100"),
        ({"to": 101, "partition": 0}, r"raw\[0\] has no offset 101", "10 up to 100"),
    ],
    ids=str,
)
def test_what_is_not_there_is_refused(changes: dict[str, Any], text: str, hint: str) -> None:
    with pytest.raises(OperationError, match=text) as caught:
        planned(Kafka(), goal(**changes))
    assert hint in caught.value.hint


def test_a_group_with_members_is_left_alone_and_they_are_named() -> None:
    kafka = Kafka([Member("claimx-0.ingest", "10.0.0.7")])
    with pytest.raises(OperationError, match=r"has members: claimx-0\.ingest on 10\.0\.0\.7"):
        planned(kafka, goal())
    planned(kafka, goal(dry_run=True))
    kafka.who = ()
    setting = planned(kafka, goal())
    kafka.who = [Member("late", "h")]
    with pytest.raises(OperationError, match="late on h"):
        setting.run()
    assert kafka.moved == {}


def test_show_tells_lag_who_committed_and_what_is_out_of_range() -> None:
    kafka = Kafka([Member("claimx-0.ingest", "h")])
    report = show(kafka, [INGEST])
    (group,) = report.groups
    first, second, _ = group.partitions
    assert (group.lag, group.members) == (40 + 50, ["claimx-0.ingest on h"])
    assert (first.committed, first.lag, first.instance, first.sequence) == (60, 40, "claimx-0", 42)
    assert (second.committed, second.lag, second.instance) == (None, 50, None)
    assert report.is_good
    kafka.offsets = {A: Committed(3, ""), B: Committed(51, "")}
    sick = show(kafka, [INGEST])
    assert not sick.is_good
    assert [each.lag for each in sick.groups[0].partitions] == [90, 0, 0]
    text = "\n".join(show_text(sick))
    assert "raw[0]: the committed offset 3 has left the log: 7 records are gone" in text
    assert "raw[1]: the committed offset 51 is beyond the end" in text


def test_text_is_a_table_with_what_follows_from_it() -> None:
    lines = list(set_text(planned(Kafka(), goal(to=Moment(30 * SECOND, is_ago=False))).report))
    assert lines[0].split() == ["topic", "partition", "before", "after", "skipped", "repeated"]
    assert lines[1].split() == ["raw", "0", "60", "30", "0", "30"]
    assert lines[3:] == [
        "skipped: 30 records that claimx.ingest will never receive",
        "repeated: 30 records come again; their rows and files fold by their keys",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("earliest", "earliest"),
        ("latest", "latest"),
        ("120455", 120_455),
        ("2h", Moment(7_200 * SECOND, is_ago=True)),
        ("1970-01-01T00:00:30Z", Moment(30 * SECOND, is_ago=False)),
    ],
)
def test_a_place_is_a_word_an_offset_a_time_or_an_age(text: str, place: object) -> None:
    assert where_to(text) == place


@pytest.mark.parametrize("text", ["first", "-1", "", "12x", "1" * 19])
def test_anything_else_is_no_place(text: str) -> None:
    with pytest.raises(UsageError):
        where_to(text)
