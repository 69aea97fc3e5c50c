"""The delay queue: work that waits for its time, durably."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from claimx.domain.queue_mark import QueueMark
from claimx.domain.receipts import Lease
from claimx.domain.tasks import Origin, Task
from claimx.domain.times import SECOND, Micros

LOOK_AGAIN: Micros = SECOND
"""When to look again for rows that wait only for others to end."""


class RowKey(NamedTuple):
    """What a row is unique by. Keys sort as rows are listed."""

    origin: Origin
    child: str


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

    @property
    def key(self) -> RowKey:
        """What it is unique by."""
        return RowKey(self.task.origin, self.task.child)


@dataclass(frozen=True, slots=True)
class Leased:
    """A row that was taken, and the token by which alone it can be deleted.

    Args:
        crashes: process runs in a row that died while they worked on it.
    """

    row: DelayRow
    lease: Lease
    size_bytes: int
    crashes: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A row as an operator sees it."""

    row: DelayRow
    is_leased: bool
    crashes: int


class DelayQueue(Protocol):
    """Rows survive the process; leases do not."""

    async def recover(self) -> int:
        """Void every token of an earlier process run and return how many rows there are. Before any intake.

        A token that is there tells that the earlier run died while it worked on the row: that is one crash more.
        """
        ...

    async def park(self, rows: Sequence[DelayRow]) -> int:
        """Insert or update rows; returns after the fsync with the number really inserted.

        Over an existing row: the token is cleared, the crashes are forgotten, the higher attempt and the later due are
        kept, nothing is inserted.

        Raises:
            TransientError: ``delay.disk``, nothing was parked.
        """
        ...

    async def lease(
        self, now: Micros, limit: int, stages: Collection[str]
    ) -> tuple[Sequence[Leased], Micros | None]:
        """Take up to ``limit`` rows of ``stages`` that are due, oldest due first; and tell when to look again.

        Rows that a death of the process left behind are taken a few at a time (domain.crashes). None: nothing waits
        that may be taken later.
        """
        ...

    async def delete(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        """Delete the rows that still carry these tokens; returns the leases of rows really deleted."""
        ...

    async def drop(self, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        """Delete rows at an operator's wish, leased ones excepted; returns the keys of rows really deleted."""
        ...

    async def make_due(self, keys: Sequence[RowKey], now: Micros) -> Sequence[RowKey]:
        """Let rows be due at ``now`` if they are due later, leased ones excepted; returns the keys of rows changed."""
        ...

    async def list_rows(self, limit: int, after: RowKey | None = None) -> Sequence[Listed]:
        """Up to ``limit`` rows in the order of their keys; the next page comes after the last key of this one."""
        ...

    async def count(self) -> int:
        """Rows that are there, leased ones included."""
        ...

    async def stages(self) -> Mapping[str, int]:
        """Rows that are there, by stage, leased ones included."""
        ...

    async def due_before(self, when: Micros) -> int:
        """Rows whose time comes before ``when``, leased ones included."""
        ...

    async def mark(self) -> QueueMark:
        """The identity of this queue as of its last commit: what parks that have returned have inserted is counted."""
        ...
