"""Frontiers become committed offsets, after settlement only (I2)."""

import asyncio
from collections.abc import Sequence

from claimx.errors import TransientError
from claimx.ports.source import Source
from claimx.stages.intake import Intake
from claimx.stages.partitions import Partitions
from claimx.telemetry.log import Log


class Commit:
    """Commits what has moved, at most once an interval; costs nothing while nothing moves."""

    def __init__(
        self, intakes: Sequence[Intake], partitions: Partitions, interval_s: float, log: Log
    ) -> None:
        self._intakes = intakes
        self._partitions = partitions
        self._interval_s = interval_s
        self._log = log

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            while not self._partitions.is_dirty:
                await self._partitions.changed.wait()
            await asyncio.sleep(self._interval_s)
            await self.once()

    async def once(self) -> None:
        """Commit every frontier that is ahead of what is committed; what fails is tried again."""
        self._partitions.is_dirty = False
        async with asyncio.TaskGroup() as group:
            for intake in self._intakes:
                intake.speed_up()
                group.create_task(self._commit(intake.source))

    async def _commit(self, source: Source) -> None:
        owned = [p for p in self._partitions.owned.values() if p.topic in source.topics]
        moved = [(p, frontier) for p in owned if (frontier := p.frontier()) > p.committed]
        if not moved:
            return
        try:
            await source.commit(moved)
        except TransientError as error:
            self._log.warning("offsets.failed", error=str(error), partitions=len(moved))
            self._partitions.is_dirty = True
            return
        for partition, frontier in moved:
            partition.committed = max(partition.committed, frontier)
