"""The cycle that fills: rows of all stages, and the receipts whose log line is due."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from claimx.config.tree import Lake as LakeSettings
from claimx.domain.events import Event
from claimx.domain.receipts import Receipt
from claimx.domain.rows import Row
from claimx.domain.tasks import Task
from claimx.stages.pool import Waiters
from claimx.stages.progress import blocked

EVENTS = "claimx_events"
PROJECTS = "claimx_projects"
CONTACTS = "claimx_contacts"


@dataclass(frozen=True, slots=True)
class EventChunk:
    """Events of one receipt: one child, closed when their rows are durable."""

    receipt: Receipt
    events: Sequence[Event]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RowChunk:
    """Rows of one receipt for one table: one child, closed when they are durable.

    Args:
        stage: the stage that made them, and ``task`` what it worked on: for the dead letter of a rejected row.
    """

    receipt: Receipt
    table: str
    rows: Sequence[Row]
    size_bytes: int
    stage: str
    task: Task


@dataclass(slots=True)
class Cycle:
    """What one flush commits."""

    events: list[EventChunk] = field(default_factory=list)
    chunks: dict[str, list[RowChunk]] = field(default_factory=dict)
    concluded: list[tuple[Receipt, Receipt]] = field(default_factory=list)
    """Receipts whose line rides here, each with the one that did the work."""
    rows: int = 0
    size_bytes: int = 0
    born_at: float | None = None


class FlushBuffer:
    """Fills one cycle while another one commits; full, it makes the stages wait."""

    def __init__(self, settings: LakeSettings) -> None:
        self._settings = settings
        self._filling = Cycle()
        self._committing: Cycle | None = None
        self._space = Waiters()
        self._wake = Waiters()
        self._is_hurried = False

    @property
    def rows(self) -> int:
        """Rows and lines in the cycle that fills."""
        return self._filling.rows

    @property
    def due_at(self) -> float | None:
        """When the cycle that fills is due by its age; None: nothing rides in it."""
        born_at = self._filling.born_at
        return None if born_at is None else born_at + self._settings.flush_interval_s

    async def add_events(self, chunks: Iterable[EventChunk]) -> None:
        """Wait for room, then let the events ride; their children are counted already."""
        cycle = await self._roomy()
        for chunk in chunks:
            cycle.events.append(chunk)
            cycle.rows += len(chunk.events)
            cycle.size_bytes += chunk.size_bytes
        self._started(cycle)

    async def add(self, chunks: Iterable[RowChunk]) -> None:
        """Wait for room, then let the rows ride; their children are counted already."""
        cycle = await self._roomy()
        for chunk in chunks:
            cycle.chunks.setdefault(chunk.table, []).append(chunk)
            cycle.rows += len(chunk.rows)
            cycle.size_bytes += chunk.size_bytes
        self._started(cycle)

    def log(self, receipt: Receipt, first: Receipt) -> None:
        """Let the line of a concluded receipt ride: with its last rows if these are being committed now."""
        cycle = self._committing or self._filling
        cycle.concluded.append((receipt, first))
        if cycle is self._filling:
            cycle.rows += receipt.count
            self._started(cycle)

    def rows_durable(self, cycle: Cycle | None) -> None:
        """Say which cycle's rows are durable while its receipts conclude; None when they have."""
        self._committing = cycle

    def hurry(self) -> None:
        """Flush at once from now on: we drain."""
        self._is_hurried = True
        self._wake.wake()

    async def next_cycle(self) -> Cycle:
        """Wait until the filling cycle is due by rows, bytes or age, and take it."""
        loop = asyncio.get_running_loop()
        while not self._is_due(loop.time()):
            timer = None
            if self._filling.born_at is not None:
                timer = loop.call_at(self._filling.born_at + self._settings.flush_interval_s, self._wake.wake)
            try:
                await self._wake.wait()
            finally:
                if timer is not None:
                    timer.cancel()
        cycle, self._filling = self._filling, Cycle()
        self._space.wake()
        return cycle

    async def _roomy(self) -> Cycle:
        while self._is_full():
            with blocked("flush"):
                await self._space.wait()
        return self._filling

    def _is_full(self) -> bool:
        cycle, settings = self._filling, self._settings
        return cycle.rows >= settings.flush_rows or cycle.size_bytes >= settings.flush_bytes

    def _is_due(self, now: float) -> bool:
        born_at = self._filling.born_at
        if born_at is None:
            return False
        return self._is_hurried or self._is_full() or now >= born_at + self._settings.flush_interval_s

    def _started(self, cycle: Cycle) -> None:
        if cycle.born_at is None:
            cycle.born_at = asyncio.get_running_loop().time()
            self._wake.wake()
        elif self._is_full():
            self._wake.wake()
