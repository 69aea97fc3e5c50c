"""A twin of every port, in memory: for unit tests, and for the simulation, which wraps them with luck and death.

The classes named ``...State`` hold what is durable and are synchronous; the adapters around them outlive nothing.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from claimx.domain.dead_letter import DeadLetter
from claimx.domain.event_log import LogLine
from claimx.domain.events import Event
from claimx.domain.receipts import Lease
from claimx.domain.rows import Row, Value, key_of, merge_values
from claimx.domain.tables import TABLES
from claimx.domain.tasks import Origin
from claimx.domain.times import Micros
from claimx.errors import PermanentError, RowsRejectedError
from claimx.ports.delay import DelayRow, Leased

Key = tuple[Value, ...]


class LakeState:
    """The tables. Every write is one atomic commit."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.rows: dict[str, dict[Key, Mapping[str, Value]]] = {name: {} for name in TABLES}
        self.log: list[LogLine] = []
        self.versions: dict[str, int] = {}

    def insert_events(self, events: Sequence[Event]) -> None:
        """Insert events that are not there."""
        for event in events:
            self.events.setdefault(event.event_id, event)
        self._committed("claimx_events")

    def upsert(self, table: str, rows: Sequence[Row]) -> None:
        """Merge rows by the policies of the table."""
        declared, there = TABLES[table], self.rows[table]
        for row in rows:
            key = key_of(declared, row)
            there[key] = merge_values(declared, there.get(key, {}), row.values)
        self._committed(table)

    def append(self, lines: Sequence[LogLine]) -> None:
        """Append to the event log."""
        self.log.extend(lines)
        self._committed("claimx_event_log")

    def _committed(self, table: str) -> None:
        self.versions[table] = self.versions.get(table, 0) + 1


class MemoryLake:
    """Implements ports.lake.Lake."""

    def __init__(self, state: LakeState | None = None) -> None:
        self.state = state or LakeState()

    async def merge_events(self, events: Sequence[Event], written_at: Micros) -> None:
        """Insert the events that are not there yet."""
        del written_at
        for event in events:
            check_text(event.raw_data)
        self.state.insert_events(events)

    async def merge(self, table: str, rows: Sequence[Row]) -> None:
        """Upsert rows."""
        for row in rows:
            for value in row.values.values():
                check_text(value)
        self.state.upsert(table, rows)

    async def append_log(self, lines: Sequence[LogLine]) -> None:
        """Append lines."""
        self.state.append(lines)


def check_text(value: object) -> None:
    """Refuse text that no table can hold.

    Raises:
        RowsRejectedError: a lone surrogate.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise RowsRejectedError(error.reason) from error


class DelayState:
    """The rows of a delay queue, by (origin, child), each with the token that holds it."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Origin, str], tuple[DelayRow, int | None]] = {}
        self.last_token = 0

    def recover(self) -> int:
        """Void all tokens."""
        self.rows = {key: (row, None) for key, (row, _) in self.rows.items()}
        return len(self.rows)

    def park(self, rows: Sequence[DelayRow]) -> int:
        """Insert or update."""
        inserted = 0
        for row in rows:
            key = (row.task.origin, row.task.child)
            old = self.rows.get(key)
            inserted += old is None
            self.rows[key] = (row if old is None else later(old[0], row), None)
        return inserted

    def lease(self, now: Micros, limit: int) -> tuple[list[Leased], Micros | None]:
        """Take due rows, oldest due first."""
        free = sorted((row.due_at, *key) for key, (row, token) in self.rows.items() if token is None)
        taken = []
        for due_at, origin, child in free[:limit]:
            if due_at <= now:
                self.last_token += 1
                row, _ = self.rows[origin, child]
                self.rows[origin, child] = (row, self.last_token)
                taken.append(Leased(row, Lease(origin, child, self.last_token), 1024))
        rest = free[len(taken) :]
        return taken, rest[0][0] if rest else None

    def delete(self, leases: Sequence[Lease]) -> list[Lease]:
        """Delete the rows that still carry these tokens."""
        gone = [lease for lease in leases if self.token(lease) == lease.token]
        for lease in gone:
            del self.rows[lease.origin, lease.child]
        return gone

    def token(self, lease: Lease) -> int | None:
        """The token that the leased row carries now."""
        row = self.rows.get((lease.origin, lease.child))
        return None if row is None else row[1]


def later(old: DelayRow, new: DelayRow) -> DelayRow:
    """What parking over an existing row makes of it: the higher attempt, the later due."""
    task = new.task if new.task.attempt >= old.task.attempt else old.task
    return DelayRow(new.stage, task, new.code, max(old.due_at, new.due_at), old.parked_at)


class MemoryDelayQueue:
    """Implements ports.delay.DelayQueue."""

    def __init__(self, state: DelayState | None = None) -> None:
        self.state = state or DelayState()

    async def recover(self) -> int:
        """Void all tokens; return the number of rows."""
        return self.state.recover()

    async def park(self, rows: Sequence[DelayRow]) -> int:
        """Insert or update rows."""
        return self.state.park(rows)

    async def lease(self, now: Micros, limit: int) -> tuple[Sequence[Leased], Micros | None]:
        """Take due rows."""
        return self.state.lease(now, limit)

    async def delete(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        """Delete leased rows."""
        return self.state.delete(leases)

    async def count(self) -> int:
        """Rows that are there."""
        return len(self.state.rows)

    async def due_before(self, when: Micros) -> int:
        """Rows that are due before ``when``."""
        return sum(row.due_at < when for row, _ in self.state.rows.values())


class MemoryDeadLetters:
    """Implements ports.dead_letters.DeadLetters."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    async def put(self, letter: DeadLetter) -> None:
        """Keep a letter."""
        self.letters.append(letter)


class MemoryFileStore:
    """Implements ports.files.FileStore."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def put(self, key: str, content: bytes | Path) -> None:
        """Keep the content; a path is a key of the spool that the test gave."""
        self.files[key] = content if isinstance(content, bytes) else str(content).encode()


class MemoryFile:
    """Implements ports.files.RemoteFile."""

    def __init__(self, content: bytes, content_type: str | None = None, chunk: int = 1 << 16) -> None:
        self.length: int | None = len(content)
        self.content_type = content_type
        self._content = content
        self._chunk = chunk

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Give the content in pieces."""
        for start in range(0, len(self._content), self._chunk):
            yield self._content[start : start + self._chunk]


class MemoryFileHost:
    """Implements ports.files.FileHost."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    @asynccontextmanager
    async def open(self, url: str) -> AsyncGenerator[MemoryFile, None]:
        """Open a file by its URL."""
        content = self._files.get(url)
        if content is None:
            raise PermanentError("file.unknown", "no such file")
        yield MemoryFile(content)


class _MemorySpoolFile:
    def __init__(self, spool: "MemorySpool", path: Path) -> None:
        self._spool = spool
        self._path = path
        self._chunks: list[bytes] = []

    async def write(self, chunk: bytes) -> None:
        """Append."""
        self._chunks.append(chunk)

    async def finish(self) -> Path:
        """Give it its name."""
        self._spool.files[self._path] = b"".join(self._chunks)
        return self._path

    async def abandon(self) -> None:
        """Forget it."""
        self._chunks.clear()


class MemorySpool:
    """Implements ports.files.Spool."""

    def __init__(self) -> None:
        self.files: dict[Path, bytes] = {}
        self._made = 0

    async def create(self, name: str) -> _MemorySpoolFile:
        """Begin a file."""
        self._made += 1
        return _MemorySpoolFile(self, Path(f"{name}.{self._made}"))

    async def remove(self, path: Path) -> None:
        """Remove a file."""
        self.files.pop(path, None)
