"""Admission: bytes and the partition's window before anything is received (I4)."""

from claimx.domain.receipts import Partition
from claimx.ports.source import RecordBatch, Source
from claimx.stages.ingest import Ingest
from claimx.stages.partitions import Partitions
from claimx.stages.pool import Budget


class Intake:
    """Takes batches from the source as long as there is room for them."""

    def __init__(self, source: Source, partitions: Partitions, budget: Budget, ingest: Ingest) -> None:
        self.is_draining = False
        self.paused: list[Partition] = []
        self._source = source
        self._partitions = partitions
        self._budget = budget
        self._ingest = ingest

    async def run(self) -> None:
        """Work until the source stops."""
        while (batch := await self._source.get()) is not None:
            await self._budget.acquire(batch.size_bytes)
            await self._room(batch)
            if batch.partition.revoked or self.is_draining:
                self._budget.release(batch.size_bytes)  # never received: the next owner gets it
                continue
            batch.partition.position = batch.position
            if batch.items:
                await self._ingest.take(batch)
                self._slow_down(batch.partition)
            else:
                self._partitions.touch()

    def drain(self) -> None:
        """Receive nothing more."""
        self.is_draining = True
        self._source.stop()
        self._partitions.moved.wake()

    def speed_up(self) -> None:
        """Fetch partitions again that have caught up."""
        for partition in list(self.paused):
            if partition.revoked or partition.ahead() <= self._partitions.max_ahead // 2:
                self.paused.remove(partition)
                if not partition.revoked:
                    self._source.resume(partition)

    async def _room(self, batch: RecordBatch) -> None:
        """Wait while the batch would run too far ahead; one that is too wide by itself is admitted alone."""
        partition, limit = batch.partition, self._partitions.max_ahead
        while not (partition.revoked or self.is_draining):
            frontier = partition.frontier()
            if batch.position - frontier <= limit or frontier == partition.position:
                return
            await self._partitions.moved.wait()

    def _slow_down(self, partition: Partition) -> None:
        if partition.revoked:
            return
        if partition.ahead() * 4 > self._partitions.max_ahead * 3 and partition not in self.paused:
            self.paused.append(partition)
            self._source.pause(partition)
