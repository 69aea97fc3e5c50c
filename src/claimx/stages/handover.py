"""The edge to a stage that runs in another process: its topic."""

import asyncio
from collections.abc import Sequence

from claimx.domain.dead_letter import Failure
from claimx.domain.outcomes import Outcome
from claimx.domain.results import UploadResult
from claimx.ports.handover import Handover
from claimx.stages.fates import Fates
from claimx.stages.progress import outside
from claimx.stages.runtime import Runtime
from claimx.stages.settle import Settlement
from claimx.stages.work import Work


class HandOver:
    """A ``Send``: the child of each work closes, as forwarded, when the broker has acknowledged its task."""

    def __init__(
        self, stage: str, port: Handover, settlement: Settlement, fates: Fates, runtime: Runtime
    ) -> None:
        self._stage = stage
        self._port = port
        self._settlement = settlement
        self._fates = fates
        self._runtime = runtime

    async def __call__(self, works: Sequence[Work]) -> None:
        """Hand works on; returns when all are acknowledged."""
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(self._hand_on(work))

    async def _hand_on(self, work: Work) -> None:
        self._settlement.in_flight.seal(work.receipt)
        work.stage = self._stage
        with outside("broker"):
            is_taken = await self._runtime.redo.until_done(
                "handover.failed", lambda: self._port.put(self._stage, work.task), stage=self._stage
            )
        if is_taken:
            work.release()
            self._settlement.close(work.receipt, Outcome.FORWARDED)
        else:
            await self._fates.bury(work, Failure("PermanentError", "task.too_large", "the topic refuses it"))


class Report:
    """The edge to a results stage that runs in another process."""

    def __init__(self, port: Handover, runtime: Runtime) -> None:
        self._port = port
        self._runtime = runtime

    async def __call__(self, result: UploadResult) -> None:
        """Report what became of a file; returns when it is acknowledged."""
        with outside("broker"):
            await self._runtime.redo.until_done(
                "handover.failed", lambda: self._port.put("results", result), stage="results"
            )
