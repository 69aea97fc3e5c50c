"""The delay queue in SQLite: one thread, one file, WAL with synchronous=FULL, group commit.

A park is durable before it is answered: the Kafka offset is committed after it, so a park that a power failure takes
would be a lost event. One process owns the file, so leases live on disk only as tokens, voided at start.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from claimx.domain.receipts import Lease
from claimx.domain.tasks import Origin, decode_task, encode_task
from claimx.domain.times import Micros
from claimx.errors import ClaimxError, EngineError, PoisonError, TransientError
from claimx.ports.delay import DelayRow, Leased

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS delayed (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, child TEXT NOT NULL,
    stage TEXT NOT NULL, task BLOB NOT NULL, attempt INTEGER NOT NULL, code TEXT NOT NULL,
    due_at INTEGER NOT NULL, parked_at INTEGER NOT NULL, token INTEGER,
    PRIMARY KEY (topic, partition, "offset", child)
) STRICT;
CREATE INDEX IF NOT EXISTS delayed_due ON delayed (due_at) WHERE token IS NULL;
PRAGMA user_version = 1;
"""
_INSERT = "INSERT INTO delayed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING"
_AT = 'topic = ? AND partition = ? AND "offset" = ? AND child = ?'
_UPDATE = f"""
UPDATE delayed SET token = NULL, stage = ?, task = CASE WHEN ? >= attempt THEN ? ELSE task END,
    attempt = max(attempt, ?), code = ?, due_at = max(due_at, ?) WHERE {_AT}
"""  # noqa: S608  # made of constants
_DUE = """
SELECT topic, partition, "offset", child, stage, task, code, due_at, parked_at
FROM delayed WHERE token IS NULL AND due_at <= ? ORDER BY due_at LIMIT ?
"""
_TAKE = f"UPDATE delayed SET token = ? WHERE {_AT}"  # noqa: S608  # made of constants
_DELETE = f"DELETE FROM delayed WHERE {_AT} AND token = ?"  # noqa: S608  # made of constants
_ROW_BYTES = 1024
_MAX_GROUP = 1000
_VERSION = 1

Statement = Callable[[sqlite3.Connection], T]


class SqliteDelayQueue:
    """Implements ports.delay.DelayQueue.

    Every call is a statement for the thread; what waits together is committed together, with one fsync.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[tuple[Statement[object], Future[object]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="delay-queue", daemon=True)
        self._token = 0

    def open(self) -> None:
        """Open or create the file and start the thread.

        Raises:
            EngineError: the file is not a delay queue that this version can read.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version not in {0, _VERSION}:
                raise EngineError(
                    f"{self._path}: delay queue of version {version}; this claimx reads {_VERSION}"
                )
            self._connection.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise EngineError(f"{self._path}: not a delay queue: {error}") from error
        self._thread.start()

    async def close(self) -> None:
        """End the thread after what waits is committed, and close the file."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    async def recover(self) -> int:
        """Void all tokens; return the number of rows."""
        return await self._run(_recover)

    async def park(self, rows: Sequence[DelayRow]) -> int:
        """Insert or update rows; durable when it returns."""
        return await self._run(partial(_park, rows=rows))

    async def lease(self, now: Micros, limit: int) -> tuple[Sequence[Leased], Micros | None]:
        """Take due rows, oldest due first."""
        return await self._run(partial(self._lease, now=now, limit=limit))

    async def delete(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        """Delete the rows that still carry these tokens."""
        return await self._run(partial(_delete, leases=leases))

    async def count(self) -> int:
        """Rows that are there."""
        return await self._run(partial(_number, query="SELECT count(*) FROM delayed"))

    async def due_before(self, when: Micros) -> int:
        """Rows that are due before ``when``."""
        query = "SELECT count(*) FROM delayed WHERE due_at < ?"
        return await self._run(partial(_number, query=query, values=(when,)))

    def _lease(
        self, connection: sqlite3.Connection, now: Micros, limit: int
    ) -> tuple[list[Leased], Micros | None]:
        taken = []
        for topic, partition, offset, child, stage, task, code, due_at, parked_at in connection.execute(
            _DUE, (now, limit)
        ).fetchall():
            self._token += 1
            lease = Lease(Origin(topic, partition, offset), child, self._token)
            connection.execute(
                _TAKE,
                (self._token, topic, partition, offset, child),
            )
            row = DelayRow(stage, decode_task(task), code, due_at, parked_at)
            taken.append(Leased(row, lease, len(task) + _ROW_BYTES))
        (next_due,) = connection.execute("SELECT min(due_at) FROM delayed WHERE token IS NULL").fetchone()
        return taken, next_due

    async def _run(self, statement: Statement[T]) -> T:
        future: Future[T] = Future()
        self._jobs.put((statement, future))  # type: ignore[arg-type]
        return await asyncio.wrap_future(future)

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

    def _commit(self, group: Sequence[tuple[Statement[object], Future[object]]]) -> None:
        wanted = [(statement, future) for statement, future in group if future.set_running_or_notify_cancel()]
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            results = [statement(connection) for statement, _ in wanted]
            connection.execute("COMMIT")
        except (sqlite3.Error, PoisonError) as error:
            self._fail(wanted, _translated(error, self._path))
        except BaseException as bug:
            self._fail(wanted, EngineError(f"{self._path}: a bug in the delay queue: {type(bug).__name__}"))
            raise
        else:
            for (_, future), result in zip(wanted, results, strict=True):
                future.set_result(result)

    def _fail(self, group: Sequence[tuple[Statement[object], Future[object]]], error: ClaimxError) -> None:
        """Undo the group and let nobody wait for ever; a rollback that fails is undone when the file is opened."""
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        for _, future in group:
            future.set_exception(error)


def _translated(error: Exception, path: Path) -> ClaimxError:
    if isinstance(error, PoisonError):
        return EngineError(f"{path}: a row of the delay queue cannot be read by this version: {error.code}")
    return TransientError("delay.disk", f"{path.name}: {error}")


def _recover(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE delayed SET token = NULL WHERE token IS NOT NULL")
    return _number(connection, "SELECT count(*) FROM delayed")


def _park(connection: sqlite3.Connection, rows: Sequence[DelayRow]) -> int:
    inserted = 0
    for row in rows:
        task, encoded = row.task, encode_task(row.task)
        key = (*task.origin, task.child)
        new = (*key, row.stage, encoded, task.attempt, row.code, row.due_at, row.parked_at)
        if connection.execute(_INSERT, new).rowcount:
            inserted += 1
        else:
            changed = (row.stage, task.attempt, encoded, task.attempt, row.code, row.due_at, *key)
            connection.execute(_UPDATE, changed)
    return inserted


def _delete(connection: sqlite3.Connection, leases: Sequence[Lease]) -> list[Lease]:
    return [
        lease
        for lease in leases
        if connection.execute(_DELETE, (*lease.origin, lease.child, lease.token)).rowcount
    ]


def _number(connection: sqlite3.Connection, query: str, values: tuple[object, ...] = ()) -> int:
    (number,) = connection.execute(query, values).fetchone()
    return int(number)
