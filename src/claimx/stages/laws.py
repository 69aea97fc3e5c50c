"""The two laws of I1, looked at each second while the process works; a violation is an alarm."""

import asyncio

from claimx.errors import TransientError
from claimx.ports.delay import DelayQueue
from claimx.stages.partitions import Partitions
from claimx.stages.settle import Settlement
from claimx.telemetry.counters import Counters
from claimx.telemetry.log import Log

_EVERY_S = 1.0


class Laws:
    """Compares the ledgers with what is there. Each violation is told once."""

    def __init__(
        self,
        partitions: Partitions,
        settlement: Settlement,
        delay: DelayQueue,
        counters: Counters,
        log: Log,
    ) -> None:
        self._partitions = partitions
        self._settlement = settlement
        self._delay = delay
        self._counters = counters
        self._log = log
        self._told: set[str] = set()
        self._suspected: str | None = None

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Look once. The delay queue's ledger follows its file by a moment: only what stands twice is a violation."""
        problem = self._partitions.violation()
        if problem is not None:
            self._tell("records", problem)
        try:
            suspected = self._settlement.delay_counts.violation(await self._delay.count())
        except TransientError:  # the disk does not answer: told where it is written to
            return
        if suspected is not None and suspected == self._suspected:
            self._tell("delay_queue", suspected)
        self._suspected = suspected

    def _tell(self, ledger: str, problem: str) -> None:
        self._counters.ledger_violations += 1
        if ledger not in self._told:
            self._told.add(ledger)
            self._log.error("ledger.violated", ledger=ledger, problem=problem)
