"""Steps through a delay queue in memory: which rows they take, and what stays when a dead letter is not acknowledged."""

import asyncio
from collections.abc import Sequence

import pytest

from claimx.adapters.clock import WallClock
from claimx.adapters.memory import MemoryDeadLetters, MemoryDelayQueue
from claimx.config.options import Moment, RetryFilter
from claimx.domain.dead_letter import DeadLetter
from claimx.domain.letters import DeadRecord, Place, read_letter
from claimx.domain.times import SECOND
from claimx.errors import TransientError
from claimx.ops.retries import CODE, ROWS, Nobody, RetryDesk
from claimx.ops.retries_sweep import (
    ChangeReport,
    ListReport,
    carry_out,
    change_text,
    list_text,
    rows_of,
    survey,
    totals_text,
    wanted_of,
)
from claimx.ports.control import DropRetries, ListRetries, Page, RunRetries, Step, Wanted
from claimx.ports.delay import RowKey
from claimx.telemetry.log import configure
from support.delayed import key, row
from support.flows import pipeline_of

LOG = configure("error", "json")
FAR = 9_000_000_000_000_000


class Letters(MemoryDeadLetters):
    """Dead letters that are not acknowledged for some media."""

    def __init__(self, refused: Sequence[bytes] = ()) -> None:
        super().__init__()
        self.refused = refused

    async def put(self, letter: DeadLetter) -> None:
        if any(f'"media_id":"{media.decode()}"'.encode() in letter.value for media in self.refused):
            raise TransientError("kafka.produce", "not acknowledged")
        await super().put(letter)


class Watch:
    """Nobody looks on; ``stops_after`` steps a person has seen enough."""

    def __init__(self, stops_after: int | None = None) -> None:
        self.left = stops_after
        self.done = 0

    @property
    def is_stopping(self) -> bool:
        if self.left is None:
            return False
        self.left -= 1
        return self.left < 0

    def begin(self, title: str, total: int) -> None: ...

    def advance(self, steps: int) -> None:
        self.done += steps


class Desk:
    """A desk, and what is behind it."""

    def __init__(self, rows: int = 0, refused: Sequence[bytes] = ()) -> None:
        self.queue = MemoryDelayQueue()
        self.queue.state.park([row(n, FAR - n * SECOND, media=str(n)) for n in range(rows)])
        self.letters = Letters(refused)
        self.owner = Nobody(self.queue, WallClock())
        self.desk = RetryDesk(self.queue, self.owner, self.letters, WallClock(), LOG)

    async def step(self, command: Step) -> Page:
        return await self.desk.step(command)

    def keys(self) -> set[RowKey]:
        return set(self.queue.state.rows)

    async def drop(self, wanted: Wanted | None = None, watch: Watch | None = None) -> ChangeReport:
        report = ChangeReport(schema="s", through="file")
        await carry_out(self.desk, DropRetries, wanted or Wanted(), report, watch or Watch())
        return report


async def test_many_rows_are_gone_through_step_by_step() -> None:
    desk = Desk(3 * ROWS)
    page = await desk.step(ListRetries())
    assert len(page.rows) == ROWS
    assert page.after == key(ROWS - 1, str(ROWS - 1))
    report = ListReport(through="file")
    await survey(desk.desk, Wanted(), report, 7, Watch())
    assert (report.total, report.by_code) == (3 * ROWS, {"file.503": 3 * ROWS})
    assert [each.media_id for each in report.rows] == [str(3 * ROWS - n) for n in range(1, 8)], "due first"
    assert len([each async for each in rows_of(desk.desk, Wanted(), ROWS + 1, Watch())]) == ROWS + 1
    assert (await desk.drop()).done == 3 * ROWS
    assert desk.keys() == set()
    assert len({letter.id for letter in desk.letters.letters}) == 3 * ROWS


@pytest.mark.parametrize(
    ("asked", "is_taken"),
    [
        (RetryFilter(), True),
        (RetryFilter(stage="download"), True),
        (RetryFilter(stage="enrich"), False),
        (RetryFilter(code="file"), True),
        (RetryFilter(code="file.503"), True),
        (RetryFilter(code="file.5"), False),
        (RetryFilter(project="1"), True),
        (RetryFilter(project="2"), False),
        (RetryFilter(event="e"), True),
        (RetryFilter(event="event"), False),
        (RetryFilter(due=Moment(-10, is_ago=True)), True),
        (RetryFilter(due=Moment(-9, is_ago=True)), False),
        (RetryFilter(due=Moment(60, is_ago=False)), True),
        (RetryFilter(due=Moment(59, is_ago=False)), False),
    ],
    ids=str,
)
def test_a_filter_takes_what_fits_all_of_it(asked: RetryFilter, is_taken: bool) -> None:
    assert wanted_of(asked, 50).takes(row(1, 60)) is is_taken


def test_what_is_parked_after_the_command_began_is_for_the_next_one() -> None:
    assert wanted_of(RetryFilter(), 0).takes(row(1, 60))
    assert not wanted_of(RetryFilter(), -1).takes(row(1, 60))


async def test_a_row_whose_dead_letter_is_not_acknowledged_stays() -> None:
    desk = Desk(4, refused=[b"1", b"3"])
    report = await desk.drop()
    assert (report.done, report.failed, report.reason) == (2, 2, "kafka.produce: not acknowledged")
    assert desk.keys() == {key(1, "1"), key(3, "3")}
    assert list(change_text(report, "dropped")) == [
        "2 rows dropped",
        "2 rows not dropped: kafka.produce: not acknowledged",
    ]
    desk.letters.refused = ()
    assert (await desk.drop()).done == 2
    assert desk.keys() == set()


async def test_a_dropped_row_is_a_dead_letter_of_its_stage_that_says_why() -> None:
    desk = Desk(1)
    await desk.drop()
    (dead,) = desk.letters.letters
    letter = read_letter(DeadRecord(Place("dlq", 0, 0), 0, dead.key, dead.value, dead.headers))
    assert (dead.stage, letter.code, letter.error_class) == ("download", CODE, "PermanentError")
    assert letter.detail == "an operator dropped it while it waited because of file.503"
    assert (letter.origin, letter.child) == (row(0, 0).task.origin, "download:0")


async def test_what_is_being_worked_on_is_left_alone() -> None:
    desk = Desk(3)
    desk.queue.state.lease(FAR, 2, ["download"])
    for kind in (RunRetries, DropRetries):
        page = await desk.step(kind(wanted=Wanted(project="1")))
        assert (len(page.rows), page.leased) == (1, 2)
    assert len(desk.keys()) == 2
    assert len(desk.letters.letters) == 1
    listed = ListReport(through="file")
    await survey(desk.desk, Wanted(), listed, 5, Watch())
    assert (listed.total, listed.leased) == (2, 2)
    assert totals_text(listed) == "2 parked, 2 being worked on; file.503 2"
    assert list(list_text(listed.rows))[1].startswith("being worked on")


async def test_nothing_is_leased_between_a_dead_letter_and_the_end_of_its_row() -> None:
    desk = Desk(1)
    async with asyncio.TaskGroup() as group:
        async with desk.owner.quiet:  # as the retry stage holds it while it leases
            dropping = group.create_task(desk.drop())
            await asyncio.sleep(0.01)
            assert desk.letters.letters == []
            desk.queue.state.lease(FAR, 1, ["download"])
        report = await dropping
    assert (report.done, report.leased) == (0, 1)
    assert desk.letters.letters == [], "it would be done, and a dead letter as well"


class SlowLetters(MemoryDeadLetters):
    """A broker that takes longer than the row has until it is due."""

    async def put(self, letter: DeadLetter) -> None:
        await asyncio.sleep(0.5)
        await super().put(letter)


async def test_the_retry_stage_leases_nothing_while_rows_are_dropped() -> None:
    queue, letters, clock = MemoryDelayQueue(), SlowLetters(), WallClock()
    queue.state.park([row(1, clock.now() + SECOND // 5)])
    pipeline = pipeline_of(delay=queue, dead_letters=letters)
    run = asyncio.create_task(pipeline.run())
    async with asyncio.timeout(10):
        while not pipeline.retry.is_recovered:
            await asyncio.sleep(0.01)
        page = await RetryDesk(queue, pipeline.retry, letters, clock, LOG).step(DropRetries())
    assert (len(page.rows), page.unchanged, len(letters.letters)) == (1, 0, 1)
    assert pipeline.delay_counts.dropped == 1
    assert pipeline.delay_counts.violation(await queue.count()) is None
    pipeline.drain()
    assert await run


async def test_a_drop_whose_operator_is_gone_is_counted_all_the_same() -> None:
    queue = SlowQueue()
    queue.state.park([row(1, FAR)])
    pipeline = pipeline_of(delay=queue)
    await pipeline.retry.recover()
    dropping = asyncio.create_task(pipeline.retry.drop([key(1)]))
    async with asyncio.timeout(10):
        await queue.began.wait()
        dropping.cancel()
        await asyncio.wait([dropping])
        queue.may_end.set()
        while not pipeline.delay_counts.dropped:
            await asyncio.sleep(0)
    assert pipeline.delay_counts.dropped == 1


class SlowQueue(MemoryDelayQueue):
    """A disk that takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_end = asyncio.Event(), asyncio.Event()

    async def drop(self, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        self.began.set()
        await self.may_end.wait()
        return await super().drop(keys)


async def test_only_what_is_due_later_is_made_due() -> None:
    desk = Desk(2)
    desk.queue.state.park([row(7, 5, media="7")])
    page = await desk.step(RunRetries())
    assert ({each.media_id for each in page.rows}, page.unchanged) == ({"0", "1"}, 1)
    assert all(due.due_at <= WallClock().now() for due, _ in desk.queue.state.rows.values())


async def test_a_person_may_end_it_between_two_steps() -> None:
    desk = Desk(3 * ROWS)
    report = await desk.drop(watch=Watch(stops_after=2))
    assert (report.done, report.interrupted) == (2 * ROWS, True)
    assert len(desk.keys()) == ROWS


class Breaks:
    """A process that ends after some steps."""

    def __init__(self, desk: Desk, steps: int) -> None:
        self.desk, self.left = desk, steps

    async def step(self, command: Step) -> Page:
        self.left -= 1
        if self.left < 0:
            raise TransientError("control.broken", "the process has ended")
        return await self.desk.step(command)


async def test_an_end_in_between_is_told_with_what_was_done_and_one_before_as_an_error() -> None:
    report = ChangeReport(schema="s", through="process")
    await carry_out(Breaks(Desk(3 * ROWS), 1), DropRetries, Wanted(), report, Watch())
    assert (report.done, report.stopped_by) == (ROWS, "control.broken: the process has ended")
    assert "run it again" in list(change_text(report, "dropped"))[-1]
    fresh = ChangeReport(schema="s", through="process")
    with pytest.raises(TransientError):
        await carry_out(Breaks(Desk(3), 0), DropRetries, Wanted(), fresh, Watch())


def test_nothing_of_a_row_reaches_a_terminal_raw() -> None:
    page = asyncio.run(Desk(1).step(ListRetries()))
    (shown,) = page.rows
    assert not hasattr(shown, "url")
    evil = type(shown)(
        **{
            **{name: getattr(shown, name) for name in shown.__struct_fields__},
            "event_id": "\x1b[2J",
            "code": "a\nb",
        }
    )
    assert not any("\x1b" in line or "\n" in line for line in list_text([evil]))
