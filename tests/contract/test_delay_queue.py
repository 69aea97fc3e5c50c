"""One contract for every delay queue: in memory and in SQLite."""

import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.adapters.memory import MemoryDelayQueue
from claimx.domain.crashes import SUSPECT
from claimx.ports.delay import LOOK_AGAIN, DelayQueue
from support.delayed import STAGES, key, of_stage, row

Queue = MemoryDelayQueue | SqliteDelayQueue
Reopen = Callable[[], Queue]


@pytest.fixture(params=["memory", "sqlite"])
async def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reopen]:
    """Give a queue; called again, the same one as a new process finds it after a death of the one before."""
    memory, opened = MemoryDelayQueue(), []

    def make() -> Queue:
        if request.param == "memory":
            return MemoryDelayQueue(memory.state)
        queue = SqliteDelayQueue(tmp_path / "state" / "delay.sqlite")
        queue.open()
        opened.append(queue)
        return queue

    yield make
    for queue in opened:
        await queue.close()


async def leased(queue: DelayQueue, now: int) -> list[int]:
    return [taken.row.task.origin.offset for taken in (await queue.lease(now, 100, STAGES))[0]]


async def test_due_rows_come_oldest_first_and_once(reopen: Reopen) -> None:
    queue = reopen()
    assert await queue.park([row(1, 30), row(2, 10), row(3, 20), row(4, 99)]) == 4
    taken, look_at = await queue.lease(50, 2, STAGES)
    assert [t.row.task.origin.offset for t in taken] == [2, 3]
    assert look_at == 30
    assert await leased(queue, 50) == [1]
    assert await queue.lease(50, 100, STAGES) == ([], 99)
    assert await queue.count() == 4
    assert await queue.due_before(31) == 3


async def test_an_empty_queue_has_nothing_to_look_at_again(reopen: Reopen) -> None:
    assert await reopen().lease(50, 2, STAGES) == ([], None)


async def test_a_row_is_deleted_by_its_token_alone(reopen: Reopen) -> None:
    queue = reopen()
    await queue.park([row(1, 10)])
    (taken,), _ = await queue.lease(10, 1, STAGES)
    stale = taken.lease._replace(token=taken.lease.token + 1)
    assert list(await queue.delete([stale])) == []
    assert list(await queue.delete([taken.lease])) == [taken.lease]
    assert list(await queue.delete([taken.lease])) == []
    assert await queue.count() == 0


async def test_parking_over_a_leased_row_keeps_the_higher_attempt_and_the_later_due(reopen: Reopen) -> None:
    queue = reopen()
    assert await queue.park([row(1, 10, attempt=3)]) == 1
    (taken,), _ = await queue.lease(10, 1, STAGES)
    assert await queue.park([row(1, 5, attempt=2)]) == 0
    assert list(await queue.delete([taken.lease])) == [], "the token was cleared"
    (again,), _ = await queue.lease(10, 1, STAGES)
    assert (again.row.task.attempt, again.row.due_at) == (3, 10)
    assert await queue.park([row(1, 77, attempt=4)]) == 0
    assert await leased(queue, 76) == []
    (later,), _ = await queue.lease(77, 1, STAGES)
    assert later.row.task.attempt == 4


async def test_rows_are_unique_by_origin_and_child(reopen: Reopen) -> None:
    queue = reopen()
    assert await queue.park([row(1, 10, media="1"), row(1, 10, media="2"), row(1, 10, media="1")]) == 2


async def test_a_lease_ends_with_the_process(reopen: Reopen) -> None:
    first = reopen()
    await first.park([row(1, 10), row(2, 10)])
    old, _ = await first.lease(10, 1, STAGES)
    second = reopen()
    assert await second.recover() == 2
    assert list(await second.delete([old[0].lease])) == []
    assert sorted(await leased(second, 10)) == [1, 2]


async def test_a_task_comes_back_as_it_was_parked(reopen: Reopen) -> None:
    queue, parked = reopen(), row(1, 10)
    task = msgspec.structs.replace(parked.task, file_name="ümlaut \u202e.jpg")
    parked = dataclasses.replace(parked, task=task, code="c", parked_at=3)
    await queue.park([parked])
    (taken,), _ = await queue.lease(10, 1, STAGES)
    assert taken.row == parked


async def test_rows_of_a_stage_that_nobody_asks_for_stay_and_wake_nobody(reopen: Reopen) -> None:
    queue = reopen()
    await queue.park([of_stage("painting", row(1, 10)), row(2, 20)])
    assert await leased(queue, 50) == [2]
    assert await queue.lease(50, 100, STAGES) == ([], None)
    assert await queue.stages() == {"painting": 1, "download": 1}
    (taken,), _ = await queue.lease(50, 100, ["painting"])
    assert taken.row.stage == "painting"


# ---- crashes ----


async def crash(reopen: Reopen, now: int, times: int) -> Queue:
    """Lease what is due and die, so often."""
    queue = reopen()
    for _ in range(times):
        await queue.recover()
        await queue.lease(now, 1000, STAGES)
        queue = reopen()
    await queue.recover()
    return queue


async def test_a_row_that_was_leased_when_the_process_died_has_one_crash_more(reopen: Reopen) -> None:
    queue = reopen()
    await queue.park([row(1, 10), row(2, 99)])
    for crashes in (1, 2, 3):
        queue = await crash(reopen, 10, 1)
        assert [listed.crashes for listed in await queue.list_rows(9)] == [crashes, 0]
    queue = await crash(reopen, 10, 2)
    assert [listed.crashes for listed in await queue.list_rows(9)] == [SUSPECT, 0]
    (taken,), _ = await queue.lease(10, 9, STAGES)
    assert taken.crashes == SUSPECT


async def test_a_start_that_is_done_again_counts_no_crash_twice(reopen: Reopen) -> None:
    queue = reopen()
    await queue.park([row(1, 10)])
    queue = await crash(reopen, 10, 1)
    await queue.recover()
    assert [listed.crashes for listed in await queue.list_rows(9)] == [1]


async def test_a_pass_that_ended_clears_the_crashes(reopen: Reopen) -> None:
    await reopen().park([row(1, 10)])
    queue = await crash(reopen, 10, 2)
    (taken,), _ = await queue.lease(10, 9, STAGES)
    assert taken.crashes == 2
    await queue.park([row(1, 10, attempt=2)])
    (taken,), _ = await queue.lease(10, 9, STAGES)
    assert taken.crashes == 0


async def test_leases_that_a_closed_queue_leaves_are_no_crash(reopen: Reopen) -> None:
    first = reopen()
    await first.park([row(1, 10)])
    await first.lease(10, 1, STAGES)
    await first.close()
    second = reopen()
    assert await second.recover() == 1
    (taken,), _ = await second.lease(10, 1, STAGES)
    assert taken.crashes == 0


async def test_after_two_crashes_a_row_is_worked_on_alone(reopen: Reopen) -> None:
    await reopen().park([row(n, n) for n in range(1, 151)])
    queue = await crash(reopen, 200, 1)
    taken, look_at = await queue.lease(200, 1000, STAGES)
    assert [t.row.due_at for t in taken] == list(range(1, 101)), "a hundred at once after one"
    assert look_at == 200 + LOOK_AGAIN
    assert await queue.lease(201, 1000, STAGES) == ([], 201 + LOOK_AGAIN)
    await queue.delete([taken[0].lease])
    assert await leased(queue, 202) == [101]
    queue = reopen()
    await queue.recover()
    twice, _ = await queue.lease(300, 1000, STAGES)
    assert sorted(t.crashes for t in twice) == [1] * 49 + [2]
    (suspect,) = [t for t in twice if t.crashes == 2]
    await queue.park([row(500, 150)])
    assert await leased(queue, 300) == [500], "neighbours without a crash do not wait"
    await queue.delete([suspect.lease])
    assert await leased(queue, 300) == [3]


# ---- an operator ----


async def test_a_dropped_row_is_gone_unless_it_is_being_worked_on(reopen: Reopen) -> None:
    queue = reopen()
    await queue.park([row(1, 10), row(2, 20), row(3, 30)])
    (taken,), _ = await queue.lease(10, 1, STAGES)
    assert list(await queue.drop([key(1), key(2), key(9), key(2)])) == [key(2)]
    assert await queue.count() == 2
    assert list(await queue.delete([taken.lease])) == [taken.lease]


async def test_rows_are_made_due_unless_they_are_due_or_being_worked_on(reopen: Reopen) -> None:
    queue = reopen()
    await queue.park([row(1, 10), row(2, 90), row(3, 20), row(4, 95)])
    await queue.lease(10, 1, STAGES)
    assert list(await queue.make_due([key(1), key(2), key(3), key(9)], 50)) == [key(2)]
    assert await leased(queue, 50) == [3, 2]


async def test_rows_are_listed_by_key_page_by_page(reopen: Reopen) -> None:
    queue = reopen()
    other = dataclasses.replace(row(3, 30), code="api.5xx")
    await queue.park([row(5, 50), other, row(2, 20, media="2"), row(2, 20), of_stage("enrich", row(4, 40))])
    await queue.lease(20, 1, STAGES)
    everything = [listed.row.key for listed in await queue.list_rows(9)]
    assert everything == [key(2, "1"), key(2, "2"), key(3), key(4), key(5)]
    pages, after = [], None
    while page := await queue.list_rows(2, after):
        pages.append(len(page))
        after = page[-1].row.key
    assert pages == [2, 2, 1]
    assert [listed.is_leased for listed in await queue.list_rows(9)].count(True) == 1


# ---- identity ----


async def test_the_mark_counts_rows_ever_inserted_and_survives(reopen: Reopen) -> None:
    queue = reopen()
    before = await queue.mark()
    await queue.park([row(1, 10), row(2, 20)])
    await queue.park([row(1, 30)])
    (taken,), _ = await queue.lease(20, 1, STAGES)
    await queue.delete([taken.lease])
    assert await queue.mark() == (before.queue_id, before.sequence + 2)
    again = reopen()
    assert await again.mark() == await queue.mark()
    await again.park([row(3, 10)])
    assert (await again.mark()).sequence == before.sequence + 3
