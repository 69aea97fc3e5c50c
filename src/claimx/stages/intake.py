"""Admission: bytes and the partition's window before anything is received (I4)."""

from collections.abc import Awaitable, Callable
from functools import partial

from claimx.domain.receipts import Partition
from claimx.ports.source import RecordBatch, Source
from claimx.stages.flood import FloodGate
from claimx.stages.partitions import Partitions
from claimx.stages.pool import Budget
from claimx.stages.progress import Progress, blocked

TakeBatch = Callable[[RecordBatch], Awaitable[None]]


class Intake:
    """Takes batches from the source as long as there is room for them.

    Args:
        take: takes a batch that was admitted.
    """

    def __init__(
        self,
        source: Source,
        partitions: Partitions,
        budget: Budget,
        flood: FloodGate,
        take: TakeBatch,
        progress: Progress,
    ) -> None:
        self.is_draining = False
        self.paused: list[Partition] = []
        self.source = source
        self._partitions = partitions
        self._budget = budget
        self._flood = flood
        self._take = take
        self._progress = progress

    async def run(self) -> None:
        """Work until the source stops."""
        while (batch := await self.source.get()) is not None:
            with self._progress.work(f"{batch.partition.topic}/{batch.partition.number}"):
                await self._admit(batch)

    def drain(self) -> None:
        """Receive nothing more."""
        self.is_draining = True
        self.source.stop()
        self._partitions.moved.wake()

    def speed_up(self) -> None:
        """Fetch partitions again that have caught up."""
        for partition in list(self.paused):
            if partition.revoked or partition.ahead() <= self._partitions.max_ahead // 2:
                self.paused.remove(partition)
                if not partition.revoked:
                    self.source.resume(partition)

    async def _admit(self, batch: RecordBatch) -> None:
        await self._budget.acquire(batch.size_bytes)
        await self._room(batch)
        await self._flood.passed(partial(self._is_off, batch.partition), self._partitions.moved)
        if self._is_off(batch.partition):
            self._budget.release(batch.size_bytes)  # never received: the next owner gets it
            return
        batch.partition.position = batch.position
        if batch.items:
            await self._take(batch)
            self._slow_down(batch.partition)
        else:
            self._partitions.touch()

    async def _room(self, batch: RecordBatch) -> None:
        """Wait while the batch would run too far ahead; one that is too wide by itself is admitted alone."""
        partition, limit = batch.partition, self._partitions.max_ahead
        while not self._is_off(partition):
            frontier = partition.frontier()
            if batch.position - frontier <= limit or frontier == partition.position:
                return
            with blocked("frontier"):
                await self._partitions.moved.wait()

    def _is_off(self, partition: Partition) -> bool:
        return partition.revoked or self.is_draining

    def _slow_down(self, partition: Partition) -> None:
        if partition.revoked:
            return
        if partition.ahead() * 4 > self._partitions.max_ahead * 3 and partition not in self.paused:
            self.paused.append(partition)
            self.source.pause(partition)
