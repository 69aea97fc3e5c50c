"""The end of a receipt, in its one order: rows durable, log line appended, offset settled, leased row deleted."""

from collections.abc import Sequence

from claimx.domain.ledger import DelayCounts
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import InFlight, Receipt
from claimx.ports.delay import DelayQueue
from claimx.stages.buffer import FlushBuffer
from claimx.stages.flood import FloodGate
from claimx.stages.partitions import Partitions
from claimx.stages.pool import Budget, Waiters
from claimx.stages.redo import Redo


class Settlement:
    """Begins receipts, closes their children, and settles them once."""

    def __init__(
        self,
        partitions: Partitions,
        buffer: FlushBuffer,
        budget: Budget,
        delay: DelayQueue,
        flood: FloodGate,
        redo: Redo,
    ) -> None:
        self.in_flight = InFlight()
        self.delay_counts = DelayCounts()
        self.live = 0
        self.idle = Waiters()
        self._partitions = partitions
        self._buffer = buffer
        self._budget = budget
        self._delay = delay
        self._flood = flood
        self._redo = redo

    def begin(self, receipt: Receipt) -> None:
        """Take a record or a lease in; its bytes are held already."""
        self.live += 1
        self._partitions.begin(receipt)

    def close(self, receipt: Receipt, outcome: Outcome) -> None:
        """Close one child: its effect is durable."""
        for ended in self.in_flight.close(receipt, outcome):
            if ended.is_fenced:
                self._finish(ended)
            else:
                self._buffer.log(ended, receipt)

    def drop(self, receipt: Receipt) -> None:
        """Close one child whose work is left undone, because nobody who may settle waits for it."""
        self.in_flight.drop(receipt)
        self.close(receipt, Outcome.SKIPPED)

    async def settle(self, receipts: Sequence[Receipt]) -> None:
        """Settle receipts whose log lines are durable."""
        leased = [r for r in receipts if r.lease is not None]
        for receipt in receipts:
            self._flood.settled(receipt.outcome, receipt.count)
        for receipt in receipts:
            if receipt.lease is None:
                if not receipt.is_fenced:
                    self._partitions.settle(receipt)
                self._finish(receipt)
        if leased:
            leases = [r.lease for r in leased if r.lease is not None]
            gone = set(await self._redo.until_done("delay_queue.failed", lambda: self._delay.delete(leases)))
            for receipt in leased:
                if receipt.lease in gone:
                    self._count_deleted(receipt.outcome)
                self._finish(receipt)

    def _count_deleted(self, outcome: Outcome) -> None:
        if outcome is Outcome.DEAD_LETTERED:
            self.delay_counts.dead_lettered += 1
        else:
            self.delay_counts.resolved += 1

    def _finish(self, receipt: Receipt) -> None:
        self._budget.release(receipt.size_bytes)
        self.live -= 1
        if self.live == 0:
            self.idle.wake()
