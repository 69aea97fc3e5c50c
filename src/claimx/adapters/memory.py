"""A twin of every port, in memory: for unit tests, and for the simulation, which wraps them with luck and death.

The classes named ``...State`` hold what is durable and are synchronous; the adapters around them outlive nothing.
"""

import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from claimx.domain.crashes import SUSPECT, room
from claimx.domain.dead_letter import DeadLetter
from claimx.domain.event_log import LogLine
from claimx.domain.events import Event
from claimx.domain.queue_mark import QueueMark
from claimx.domain.receipts import Lease
from claimx.domain.rows import Row, Value, key_of, merge_values
from claimx.domain.tables import TABLES
from claimx.domain.times import Micros
from claimx.errors import PermanentError, RowsRejectedError
from claimx.ports.delay import LOOK_AGAIN, DelayRow, Leased, Listed, RowKey

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

    def fetched_at(self, project_ids: Sequence[str]) -> dict[str, Micros]:
        """The clock of each project's row that has one."""
        there = self.rows["claimx_projects"]
        found = {project_id: there.get((project_id,), {}).get("fetched_at") for project_id in project_ids}
        return {project_id: at for project_id, at in found.items() if isinstance(at, int)}

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

    async def projects_fetched_at(self, project_ids: Sequence[str]) -> Mapping[str, Micros]:
        """The clock of each project's row that has one."""
        return self.state.fetched_at(project_ids)


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
    """The rows of a delay queue, by key, each with the token that holds it; and the crashes of those that have any."""

    def __init__(self) -> None:
        self.rows: dict[RowKey, tuple[DelayRow, int | None]] = {}
        self.crashes: dict[RowKey, int] = {}
        self.last_token = 0
        self.mark = QueueMark(secrets.token_hex(8), 0)

    def recover(self) -> int:
        """Void all tokens, and count a crash for each."""
        for key, (_, token) in self.rows.items():
            if token is not None:
                self.crashes[key] = min(self.crashes.get(key, 0) + 1, SUSPECT)
        self.release()
        return len(self.rows)

    def release(self) -> None:
        """Void all tokens at the end of a run."""
        self.rows = {key: (row, None) for key, (row, _) in self.rows.items()}

    def park(self, rows: Sequence[DelayRow]) -> int:
        """Insert or update."""
        inserted = 0
        for row in rows:
            old = self.rows.get(row.key)
            inserted += old is None
            self.rows[row.key] = (row if old is None else later(old[0], row), None)
            self.crashes.pop(row.key, None)
        self.mark = self.mark._replace(sequence=self.mark.sequence + inserted)
        return inserted

    def lease(self, now: Micros, limit: int, stages: Collection[str]) -> tuple[list[Leased], Micros | None]:
        """Take due rows, oldest due first; those with crashes a few at a time."""
        held = Counter(self.crashes.get(key, 0) for key, (_, token) in self.rows.items() if token is not None)
        taken: list[Leased] = []
        later_on: list[Micros] = []
        for due_at, key, crashes in self._free(stages):
            has_room = room(crashes, held[crashes], limit) > 0
            if due_at <= now and has_room and len(taken) < limit:
                held[crashes] += 1
                taken.append(self._take(key))
            else:
                later_on.append(due_at if has_room else max(due_at, now + LOOK_AGAIN))
        return taken, min(later_on, default=None)

    def _free(self, stages: Collection[str]) -> list[tuple[Micros, RowKey, int]]:
        return sorted(
            (row.due_at, key, self.crashes.get(key, 0))
            for key, (row, token) in self.rows.items()
            if token is None and row.stage in stages
        )

    def _take(self, key: RowKey) -> Leased:
        self.last_token += 1
        row, _ = self.rows[key]
        self.rows[key] = (row, self.last_token)
        return Leased(row, Lease(*key, self.last_token), 1024, self.crashes.get(key, 0))

    def delete(self, leases: Sequence[Lease]) -> list[Lease]:
        """Delete the rows that still carry these tokens."""
        return [lease for lease in leases if self._remove(RowKey(lease.origin, lease.child), lease.token)]

    def drop(self, keys: Sequence[RowKey]) -> list[RowKey]:
        """Delete rows that are not leased."""
        return [key for key in keys if self._remove(key, None)]

    def _remove(self, key: RowKey, token: int | None) -> bool:
        if key not in self.rows or self.rows[key][1] != token:
            return False
        del self.rows[key]
        self.crashes.pop(key, None)
        return True

    def make_due(self, keys: Sequence[RowKey], now: Micros) -> list[RowKey]:
        """Let rows be due that are not leased."""
        changed = []
        for key in keys:
            row, token = self.rows.get(key, (None, None))
            if row is not None and token is None and row.due_at > now:
                self.rows[key] = (replace(row, due_at=now), None)
                changed.append(key)
        return changed

    def list_rows(self, limit: int, after: RowKey | None) -> list[Listed]:
        """Rows in the order of their keys."""
        keys = sorted(key for key in self.rows if after is None or key > after)
        return [
            Listed(self.rows[key][0], self.rows[key][1] is not None, self.crashes.get(key, 0))
            for key in keys[:limit]
        ]


def later(old: DelayRow, new: DelayRow) -> DelayRow:
    """What parking over an existing row makes of it: the higher attempt, the later due."""
    task = new.task if new.task.attempt >= old.task.attempt else old.task
    return DelayRow(new.stage, task, new.code, max(old.due_at, new.due_at), old.parked_at)


class MemoryDelayQueue:
    """Implements ports.delay.DelayQueue."""

    def __init__(self, state: DelayState | None = None) -> None:
        self.state = state or DelayState()

    async def close(self) -> None:
        """Void all tokens."""
        self.state.release()

    async def recover(self) -> int:
        """Void all tokens, count a crash for each; return the number of rows."""
        return self.state.recover()

    async def park(self, rows: Sequence[DelayRow]) -> int:
        """Insert or update rows."""
        return self.state.park(rows)

    async def lease(
        self, now: Micros, limit: int, stages: Collection[str]
    ) -> tuple[Sequence[Leased], Micros | None]:
        """Take due rows."""
        return self.state.lease(now, limit, stages)

    async def delete(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        """Delete leased rows."""
        return self.state.delete(leases)

    async def drop(self, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        """Delete rows that are not leased."""
        return self.state.drop(keys)

    async def make_due(self, keys: Sequence[RowKey], now: Micros) -> Sequence[RowKey]:
        """Let rows be due that are not leased."""
        return self.state.make_due(keys, now)

    async def list_rows(self, limit: int, after: RowKey | None = None) -> Sequence[Listed]:
        """Rows in the order of their keys."""
        return self.state.list_rows(limit, after)

    async def count(self) -> int:
        """Rows that are there."""
        return len(self.state.rows)

    async def stages(self) -> Mapping[str, int]:
        """Rows that are there, by stage."""
        return Counter(row.stage for row, _ in self.state.rows.values())

    async def due_before(self, when: Micros) -> int:
        """Rows that are due before ``when``."""
        return sum(row.due_at < when for row, _ in self.state.rows.values())

    async def mark(self) -> QueueMark:
        """The identity of this queue."""
        return self.state.mark


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

    async def put(self, key: str, content: bytes | Path, _sha256: str) -> None:
        """Keep the content; a path is a key of the spool that the test gave."""
        self.files[key] = content if isinstance(content, bytes) else str(content).encode()


class MemoryFile:
    """Implements ports.files.RemoteFile."""

    def __init__(self, content: bytes, content_type: str | None = None, chunk: int = 1 << 16) -> None:
        self.length: int | None = len(content)
        self.is_end_marked = True
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

    async def room(self, size: int) -> None:
        """There is always room."""

    async def find(self, name: str) -> Path | None:
        """The path of a finished file."""
        path = Path(name)
        return path if path in self.files else None

    async def create(self, name: str) -> _MemorySpoolFile:
        """Begin a file."""
        self._made += 1
        return _MemorySpoolFile(self, Path(f"{name}.{self._made}"))

    async def remove(self, path: Path) -> None:
        """Remove a file."""
        self.files.pop(path, None)
