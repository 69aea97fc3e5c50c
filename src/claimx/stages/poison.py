"""Records that cannot be read: dead letters with their original bytes."""

import asyncio
from collections import deque

from claimx.domain import dead_letter
from claimx.domain.events import Malformed
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import Receipt
from claimx.stages.fates import Fates
from claimx.stages.pool import Waiters
from claimx.stages.runtime import Runtime
from claimx.stages.settle import Settlement


class Poison:
    """Buries records beside the intake, which goes on: in a flood what is good among them must not wait for them.

    The bytes of what waits here are held of the intake budget.
    """

    def __init__(self, settlement: Settlement, fates: Fates, runtime: Runtime) -> None:
        self._settlement = settlement
        self._fates = fates
        self._runtime = runtime
        self._waiting: deque[tuple[str, Malformed, Receipt]] = deque()
        self._more = Waiters()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                while self._waiting:
                    group.create_task(self._bury(*self._waiting.popleft()))
                await self._more.wait()

    def bury(self, stage: str, item: Malformed, receipt: Receipt) -> None:
        """Bury a record; its receipt closes after the broker's acknowledgement."""
        self._waiting.append((stage, item, receipt))
        self._more.wake()

    async def _bury(self, stage: str, item: Malformed, receipt: Receipt) -> None:
        with self._runtime.board["poison"].work(stage):
            await self._bury_now(stage, item, receipt)

    async def _bury_now(self, stage: str, item: Malformed, receipt: Receipt) -> None:
        origin = receipt.origin
        await self._fates.produce(dead_letter.of_record(stage, item, origin, self._runtime.clock.now()))
        receipt.error_code = item.code
        self._runtime.log.warning(
            "item.dead_lettered", stage=stage, code=item.code, detail=item.detail, **origin._asdict()
        )
        self._settlement.close(receipt, Outcome.DEAD_LETTERED)
