"""Brings due rows of the delay queue back into the stage that they name."""

import asyncio
from collections.abc import Mapping
from functools import partial

from claimx.domain.receipts import Receipt
from claimx.domain.times import SECOND
from claimx.ports.delay import DelayQueue, Leased
from claimx.stages.fates import Fates
from claimx.stages.flow import Send
from claimx.stages.pool import Budget
from claimx.stages.runtime import Runtime
from claimx.stages.settle import Settlement
from claimx.stages.work import Work

_BATCH = 100


class Retry:
    """Leases due rows; each becomes a receipt of its own. Costs nothing while nothing is due.

    Args:
        send: by stage: hands work to a stage that runs here; never to its topic.
    """

    def __init__(
        self, delay: DelayQueue, settlement: Settlement, fates: Fates, budget: Budget, runtime: Runtime
    ) -> None:
        self.is_draining = False
        self._delay = delay
        self._settlement = settlement
        self._fates = fates
        self._budget = budget
        self._runtime = runtime

    async def recover(self) -> None:
        """Void the leases of earlier runs and count the rows: before any intake."""
        rows = await self._runtime.redo.until_done("delay_queue.failed", self._delay.recover)
        self._settlement.delay_counts.carried_over = rows
        self._runtime.log.info("delay_queue.recovered", rows=rows)

    def drain(self) -> None:
        """Lease nothing more; what is parked comes back in a later run."""
        self.is_draining = True
        self._fates.parked.wake()

    async def run(self, sends: Mapping[str, Send]) -> None:
        """Work until the drain."""
        while not self.is_draining:
            now, parks = self._runtime.clock.now(), self._fates.parks
            lease = partial(self._delay.lease, now, _BATCH)
            leased, next_due = await self._runtime.redo.until_done("delay_queue.failed", lease)
            for taken in leased:
                await self._begin(taken, sends)
            if not leased and parks == self._fates.parks:  # else a row came while we looked
                await self._wait(None if next_due is None else (next_due - now) / SECOND)

    async def _begin(self, taken: Leased, sends: Mapping[str, Send]) -> None:
        await self._budget.acquire(taken.size_bytes)
        if self.is_draining:
            self._budget.release(taken.size_bytes)
            return
        task, stage = taken.row.task, taken.row.stage
        receipt = Receipt(task.origin, taken.size_bytes, self._runtime.clock.now(), lease=taken.lease)
        receipt.event_id, receipt.event_type, receipt.project_id = (
            task.event_id,
            task.event_type,
            task.project_id,
        )
        receipt.stage, receipt.attempts = stage, task.attempt
        self._settlement.begin(receipt)
        if self._settlement.in_flight.enlist(receipt, (stage, task.event_id, task.child)):
            await sends[stage]([Work(stage, task, receipt)])

    async def _wait(self, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        timer = None if seconds is None else loop.call_later(max(0.0, seconds), self._fates.parked.wake)
        try:
            await self._fates.parked.wait()
        finally:
            if timer is not None:
                timer.cancel()
