"""Brings due rows of the delay queue back into the stage that they name."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from claimx.domain.crashes import is_suspect
from claimx.domain.receipts import Receipt
from claimx.domain.times import SECOND
from claimx.errors import PermanentError
from claimx.ports.delay import DelayQueue, Leased, RowKey
from claimx.stages.fates import Fates
from claimx.stages.flow import Send
from claimx.stages.pool import Budget
from claimx.stages.runtime import Runtime
from claimx.stages.settle import Settlement
from claimx.stages.work import Work

_BATCH = 100
_DIED = "the process died {} times in a row while it worked on this"


class Retry:
    """Leases due rows; each becomes a receipt of its own. Costs nothing while nothing is due."""

    def __init__(
        self, delay: DelayQueue, settlement: Settlement, fates: Fates, budget: Budget, runtime: Runtime
    ) -> None:
        self.is_draining = False
        self.is_recovered = False
        self.quiet = asyncio.Lock()
        """While it is held, no row is leased."""
        self._delay = delay
        self._settlement = settlement
        self._fates = fates
        self._budget = budget
        self._runtime = runtime

    async def recover(self) -> None:
        """Void the leases of earlier runs and count the rows: before any intake."""
        rows = await self._runtime.redo.until_done("delay_queue.failed", self._delay.recover)
        self._settlement.delay_counts.carried_over = rows
        self.is_recovered = True
        self._runtime.log.info("delay_queue.recovered", rows=rows)

    def drain(self) -> None:
        """Lease nothing more; what is parked comes back in a later run."""
        self.is_draining = True
        self._fates.parked.wake()

    async def run(self, sends: Mapping[str, Send]) -> None:
        """Work until the drain.

        Args:
            sends: by stage: hands work to a stage that runs here, never to its topic; or to the topic of one that does
                not. Rows of any other stage stay where they are.
        """
        await self._tell_foreign(sends)
        while not self.is_draining:
            now, changes = self._runtime.clock.now(), self._fates.parks
            lease = partial(self._delay.lease, now, _BATCH, tuple(sends))
            async with self.quiet:
                leased, look_at = await self._runtime.redo.until_done("delay_queue.failed", lease)
            for taken in leased:
                with self._runtime.board["retry"].work(taken.row.task.event_id):
                    await self._begin(taken, sends)
            if not leased and changes == self._fates.parks:  # else a row came while we looked
                await self._wait(None if look_at is None else (look_at - now) / SECOND)

    async def drop(self, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        """Delete rows at an operator's wish, those being worked on excepted; returns the keys of rows deleted.

        What is deleted is counted even if the operator's wait is cancelled.

        Raises:
            TransientError: ``delay.disk``, nothing was deleted.
        """
        return await asyncio.shield(self._drop(keys))

    async def make_due(self, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        """Bring rows back now, those being worked on excepted; returns the keys of rows that were due later.

        Raises:
            TransientError: ``delay.disk``, nothing was changed.
        """
        changed = await self._delay.make_due(keys, self._runtime.clock.now())
        self._fates.parks += 1
        self._fates.parked.wake()
        return changed

    async def _drop(self, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        dropped = await self._delay.drop(keys)
        self._settlement.delay_counts.dropped += len(dropped)
        return dropped

    async def _tell_foreign(self, sends: Mapping[str, Send]) -> None:
        """Only an earlier run, of another version, can have left rows of a stage that nobody here knows."""
        stages = await self._runtime.redo.until_done("delay_queue.failed", self._delay.stages)
        for stage, rows in stages.items():
            if stage not in sends:
                self._runtime.log.warning("delay_queue.foreign_stage", stage=stage, rows=rows)

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
        if not self._settlement.in_flight.enlist(receipt, (stage, task.event_id, task.child)):
            return
        work = Work(stage, task, receipt)
        work.is_retry = True
        if is_suspect(taken.crashes):
            await self._fates.fail(work, PermanentError("retry.crashed", _DIED.format(taken.crashes)))
        else:
            await sends[stage]([work])

    async def _wait(self, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        timer = None if seconds is None else loop.call_later(max(0.0, seconds), self._fates.parked.wake)
        try:
            await self._fates.parked.wait()
        finally:
            if timer is not None:
                timer.cancel()
