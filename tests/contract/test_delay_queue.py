"""One contract for every delay queue: in memory and in SQLite."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.adapters.memory import MemoryDelayQueue
from claimx.domain.tasks import DownloadTask, Origin
from claimx.errors import EngineError
from claimx.ports.delay import DelayQueue, DelayRow

Queue = MemoryDelayQueue | SqliteDelayQueue


@pytest.fixture(params=["memory", "sqlite"])
async def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[[], Queue]]:
    """Give a queue; called again, the same one as a new process finds it."""
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


def row(offset: int, due_at: int, attempt: int = 1, media: str = "1") -> DelayRow:
    task = DownloadTask(
        "e", "PROJECT_FILE_ADDED", "1", media, "https://h/x", Origin("t", 0, offset), 0, attempt=attempt
    )
    return DelayRow("download", task, "file.503", due_at, 0)


async def leased(queue: DelayQueue, now: int) -> list[int]:
    return [taken.row.task.origin.offset for taken in (await queue.lease(now, 100))[0]]


async def test_due_rows_come_oldest_first_and_once(reopen: Callable[[], Queue]) -> None:
    queue = reopen()
    assert await queue.park([row(1, 30), row(2, 10), row(3, 20), row(4, 99)]) == 4
    taken, next_due = await queue.lease(50, 2)
    assert [t.row.task.origin.offset for t in taken] == [2, 3]
    assert next_due == 30
    assert await leased(queue, 50) == [1]
    assert await leased(queue, 50) == []
    assert await queue.count() == 4
    assert await queue.due_before(31) == 3


async def test_a_row_is_deleted_by_its_token_alone(reopen: Callable[[], Queue]) -> None:
    queue = reopen()
    await queue.park([row(1, 10)])
    (taken,), _ = await queue.lease(10, 1)
    stale = taken.lease._replace(token=taken.lease.token + 1)
    assert list(await queue.delete([stale])) == []
    assert list(await queue.delete([taken.lease])) == [taken.lease]
    assert list(await queue.delete([taken.lease])) == []
    assert await queue.count() == 0


async def test_parking_over_a_leased_row_keeps_the_higher_attempt_and_the_later_due(
    reopen: Callable[[], Queue],
) -> None:
    queue = reopen()
    assert await queue.park([row(1, 10, attempt=3)]) == 1
    (taken,), _ = await queue.lease(10, 1)
    assert await queue.park([row(1, 5, attempt=2)]) == 0
    assert list(await queue.delete([taken.lease])) == [], "the token was cleared"
    (again,), _ = await queue.lease(10, 1)
    assert (again.row.task.attempt, again.row.due_at) == (3, 10)
    assert await queue.park([row(1, 77, attempt=4)]) == 0
    assert await leased(queue, 76) == []
    (later,), _ = await queue.lease(77, 1)
    assert later.row.task.attempt == 4


async def test_rows_are_unique_by_origin_and_child(reopen: Callable[[], Queue]) -> None:
    queue = reopen()
    assert await queue.park([row(1, 10, media="1"), row(1, 10, media="2"), row(1, 10, media="1")]) == 2


async def test_a_lease_ends_with_the_process(reopen: Callable[[], Queue]) -> None:
    first = reopen()
    await first.park([row(1, 10), row(2, 10)])
    old, _ = await first.lease(10, 1)
    if isinstance(first, SqliteDelayQueue):
        await first.close()
    second = reopen()
    assert await second.recover() == 2
    assert sorted(await leased(second, 10)) == [1, 2]
    assert list(await second.delete([old[0].lease])) in ([], [old[0].lease])


async def test_a_task_comes_back_as_it_was_parked(reopen: Callable[[], Queue]) -> None:
    queue = reopen()
    parked = row(1, 10)
    parked = DelayRow(
        parked.stage, msgspec.structs.replace(parked.task, file_name="ümlaut \u202e.jpg"), "c", 10, 3
    )
    await queue.park([parked])
    (taken,), _ = await queue.lease(10, 1)
    assert taken.row == parked


def test_a_file_that_is_no_delay_queue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "delay.sqlite"
    path.write_bytes(b"this is not a database, and long enough to be looked at" * 20)
    with pytest.raises(EngineError, match="not a delay queue"):
        SqliteDelayQueue(path).open()
