"""The delay queue: work that waits for its time, durably."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from claimx.domain.receipts import Lease
from claimx.domain.tasks import Task
from claimx.domain.times import Micros


@dataclass(frozen=True, slots=True)
class DelayRow:
    """A task that waits. Unique by (origin, child) of its task.

    Args:
        stage: the stage that it goes back to.
        code: why it waits.
        due_at: when its time comes.
    """

    stage: str
    task: Task
    code: str
    due_at: Micros
    parked_at: Micros


@dataclass(frozen=True, slots=True)
class Leased:
    """A row that was taken, and the token by which alone it can be deleted."""

    row: DelayRow
    lease: Lease
    size_bytes: int


class DelayQueue(Protocol):
    """Rows survive the process; leases do not."""

    async def recover(self) -> int:
        """Void every token of an earlier process run and return how many rows there are. Before any intake."""
        ...

    async def park(self, rows: Sequence[DelayRow]) -> int:
        """Insert or update rows; returns after the fsync with the number really inserted.

        Over an existing row: the token is cleared, the higher attempt and the later due are kept, nothing is inserted.

        Raises:
            TransientError: ``delay.disk``, nothing was parked.
        """
        ...

    async def lease(self, now: Micros, limit: int) -> tuple[Sequence[Leased], Micros | None]:
        """Take up to ``limit`` rows that are due, oldest due first; and tell when the next of the others is due."""
        ...

    async def delete(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        """Delete the rows that still carry these tokens; returns the leases of rows really deleted."""
        ...

    async def count(self) -> int:
        """Rows that are there, leased ones included."""
        ...

    async def due_before(self, when: Micros) -> int:
        """Rows whose time comes before ``when``, leased ones included."""
        ...
