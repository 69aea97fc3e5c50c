"""The two laws of I1, looked at each second while the process works; a violation is an alarm."""

import asyncio
from typing import NamedTuple

import msgspec

from claimx.domain.ledger import DelayCounts
from claimx.errors import TransientError
from claimx.ports.delay import DelayQueue
from claimx.stages.partitions import Partitions
from claimx.stages.runtime import Runtime
from claimx.stages.settle import Settlement

_EVERY_S = 1.0


class DelaySeen(NamedTuple):
    """The delay queue at one moment at which its ledger and its file told of the same rows, or stayed apart."""

    counts: DelayCounts
    waiting: int
    due: int


class Laws:
    """Compares the ledgers with what is there. Each violation is told once."""

    def __init__(
        self,
        partitions: Partitions,
        settlement: Settlement,
        delay: DelayQueue,
        runtime: Runtime,
    ) -> None:
        self.seen = DelaySeen(DelayCounts(), 0, 0)
        self._partitions = partitions
        self._settlement = settlement
        self._delay = delay
        self._counters = runtime.counters
        self._clock = runtime.clock
        self._log = runtime.log
        self._told: set[str] = set()
        self._suspected: str | None = None

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            self._counters.measures.loop_delay_s.observe(loop.time() - due)
            await self.look()

    async def look(self) -> None:
        """Look once. The delay queue's ledger follows its file by a moment: only what stands twice is a violation."""
        problem = self._partitions.violation()
        if problem is not None:
            self._tell("records", problem)
        try:
            due = await self._delay.due_before(self._clock.now())
            waiting = await self._delay.count()
        except TransientError:  # the disk does not answer: told where it is written to
            return
        suspected = self._settlement.delay_counts.violation(waiting)
        if suspected is None or suspected == self._suspected:
            self.seen = DelaySeen(msgspec.structs.replace(self._settlement.delay_counts), waiting, due)
        if suspected is not None and suspected == self._suspected:
            self._tell("delay_queue", suspected)
        self._suspected = suspected

    def _tell(self, ledger: str, problem: str) -> None:
        self._counters.ledger_violations += 1
        if ledger not in self._told:
            self._told.add(ledger)
            self._log.error("ledger.violated", ledger=ledger, problem=problem)
