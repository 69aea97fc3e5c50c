"""The delay queue in SQLite: one thread, one file, WAL with synchronous=FULL, group commit.

A park is durable before it is answered: the Kafka offset is committed after it, so a park that a power failure takes
would be a lost event. One process owns the file, so leases live on disk only as tokens, voided at start.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from claimx.adapters.delay_file import is_damage, open_file, translated
from claimx.adapters.delay_table import DelayTable
from claimx.domain.queue_mark import QueueMark
from claimx.domain.receipts import Lease
from claimx.domain.times import Micros
from claimx.errors import ClaimxError, DelayFileError, EngineError, TransientError
from claimx.ports.delay import DelayRow, Leased, Listed, RowKey

T = TypeVar("T")

_MAX_GROUP = 1000

Statement = Callable[[DelayTable], Any]


class _Job(NamedTuple):
    """A statement for the thread, and who waits for its result."""

    statement: Statement
    future: "asyncio.Future[Any]"


class SqliteDelayQueue:
    """Implements ports.delay.DelayQueue.

    Every call is a statement for the thread; what waits together is committed together, with one fsync.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="delay-queue", daemon=True)

    def open(self) -> None:
        """Open or create the file, check it and start the thread. Blocks: it reads the whole file.

        Raises:
            DelayFileError: the file is not a delay queue that this version can use.
        """
        self._connection = open_file(self._path)
        self._table = DelayTable(self._connection)
        self._thread.start()

    async def close(self) -> None:
        """End the thread after what waits is committed, void the tokens of what was left undone, close the file."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    async def recover(self) -> int:
        """Void all tokens, count a crash for each; return the number of rows."""
        return await self._run(DelayTable.recover)

    async def park(self, rows: Sequence[DelayRow]) -> int:
        """Insert or update rows; durable when it returns."""
        return await self._run(partial(DelayTable.park, rows=rows))

    async def lease(
        self, now: Micros, limit: int, stages: Collection[str]
    ) -> tuple[Sequence[Leased], Micros | None]:
        """Take due rows, oldest due first."""
        return await self._run(partial(DelayTable.lease, now=now, limit=limit, stages=stages))

    async def delete(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        """Delete the rows that still carry these tokens."""
        return await self._run(partial(DelayTable.delete, leases=leases))

    async def drop(self, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        """Delete rows that are not leased."""
        return await self._run(partial(DelayTable.drop, keys=keys))

    async def make_due(self, keys: Sequence[RowKey], now: Micros) -> Sequence[RowKey]:
        """Let rows be due that are not leased."""
        return await self._run(partial(DelayTable.make_due, keys=keys, now=now))

    async def list_rows(self, limit: int, after: RowKey | None = None) -> Sequence[Listed]:
        """Rows in the order of their keys."""
        return await self._run(partial(DelayTable.list_rows, limit=limit, after=after))

    async def count(self) -> int:
        """Rows that are there."""
        return await self._run(DelayTable.count)

    async def stages(self) -> Mapping[str, int]:
        """Rows that are there, by stage."""
        return await self._run(DelayTable.stages)

    async def due_before(self, when: Micros) -> int:
        """Rows that are due before ``when``."""
        return await self._run(partial(DelayTable.due_before, when=when))

    async def mark(self) -> QueueMark:
        """The identity as of the last commit; asks no disk."""
        return self._table.mark

    async def _run(self, statement: Callable[[DelayTable], T]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(statement, future))
        return await future

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            group = [job]
            while len(group) < _MAX_GROUP and not self._jobs.empty():
                following = self._jobs.get()
                if following is None:
                    self._jobs.put(None)
                    break
                group.append(following)
            self._commit(group)
        with suppress(
            sqlite3.Error
        ):  # else the next run takes what this one left undone for a crash: no harm
            self._connection.execute("BEGIN IMMEDIATE")
            self._table.release()
            self._connection.execute("COMMIT")

    def _commit(self, group: Sequence[_Job]) -> None:
        wanted = [job for job in group if not job.future.cancelled()]
        table = self._table
        try:
            table.begin()
            results = [job.statement(table) for job in wanted]
            table.commit()
        except (sqlite3.Error, DelayFileError) as error:
            self._fail(wanted, _verdict(error, self._path))
        except BaseException as bug:
            self._fail(wanted, EngineError(f"{self._path}: a bug in the delay queue: {type(bug).__name__}"))
            raise
        else:
            _tell([job.future for job in wanted], results)

    def _fail(self, group: Sequence[_Job], error: ClaimxError) -> None:
        """Undo the group and let nobody wait for ever; a rollback that fails is undone when the file is opened."""
        with suppress(sqlite3.Error):
            self._table.rollback()
        _tell([job.future for job in group], [error] * len(group))


def _verdict(error: sqlite3.Error | DelayFileError, path: Path) -> ClaimxError:
    if isinstance(error, DelayFileError):
        return error
    if is_damage(error):
        return translated(error, path)
    return TransientError("delay.disk", f"{path.name}: {error}")


def _tell(futures: Sequence["asyncio.Future[Any]"], results: Sequence[object]) -> None:
    """Hand results to the loop, all of them in one call: waking it for each costs more than the row."""
    if futures:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            futures[0].get_loop().call_soon_threadsafe(_set, futures, results)


def _set(futures: Sequence["asyncio.Future[Any]"], results: Sequence[object]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue
        if isinstance(result, ClaimxError):
            future.set_exception(result)
        else:
            future.set_result(result)
