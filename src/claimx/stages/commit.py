"""Frontiers become committed offsets, after settlement only (I2)."""

import asyncio
from collections.abc import Sequence

from claimx.config.tree import Settings
from claimx.domain.queue_mark import QueueMark, encode, judge
from claimx.errors import DelayFileError, TransientError
from claimx.ports.delay import DelayQueue
from claimx.ports.source import Source
from claimx.stages.intake import Intake
from claimx.stages.partitions import Partitions
from claimx.stages.progress import Progress, outside
from claimx.telemetry.log import Log

_GO_ON = (
    'put the right file back; or, to go on without what was parked there, process.lost_queue = "go_on" for one start:'
    " claimx verify tells what is missing, claimx reenrich does it again"
)


class Commit:
    """Commits what has moved, at most once an interval; costs nothing while nothing moves.

    Each commit carries the mark of the delay queue, on whose rows the offset may rely.

    Args:
        settings: the name of this process, and what a lost queue means.
    """

    def __init__(
        self,
        intakes: Sequence[Intake],
        partitions: Partitions,
        delay: DelayQueue,
        settings: Settings,
        log: Log,
        progress: Progress,
    ) -> None:
        self._intakes = intakes
        self._partitions = partitions
        self._delay = delay
        self._process = settings.process
        self._interval_s = settings.kafka.commit_interval_s
        self._log = log
        self._progress = progress

    async def run(self) -> None:
        """Work until cancelled.

        Raises:
            DelayFileError: the delay queue is not the one that the committed offsets rely on.
        """
        while True:
            while not self._partitions.is_dirty:
                await self._partitions.changed.wait()
            await asyncio.sleep(self._interval_s)
            await self.once()

    async def once(self) -> None:
        """Commit every frontier that is ahead of what is committed; what fails is tried again.

        Raises:
            DelayFileError: the delay queue is not the one that the committed offsets rely on; nothing was committed.
        """
        with self._progress.work("offsets"):
            await self._once()

    async def _once(self) -> None:
        self._partitions.is_dirty = False
        mark = await self._delay.mark()
        is_new = self._judge(mark)
        note = encode(self._process.instance, mark)
        async with asyncio.TaskGroup() as group:
            for intake in self._intakes:
                intake.speed_up()
                group.create_task(self._commit(intake.source, note, is_all=is_new))

    def _judge(self, mark: QueueMark) -> bool:
        """Compare what commits of earlier runs tell of the delay queue with what is there, before they are overwritten.

        True: they tell of another queue, and a person has chosen to go on: every partition is to tell of the new one.
        """
        problems = judge(self._process.instance, mark, self._partitions.notes)
        for problem in problems:
            self._log.error("delay_queue.lost", problem=problem)
        if problems and self._process.lost_queue == "stop":
            raise DelayFileError(problems[0], _GO_ON)
        self._partitions.notes.clear()
        return bool(problems)

    async def _commit(self, source: Source, note: str, *, is_all: bool) -> None:
        owned = [p for p in self._partitions.owned.values() if p.topic in source.topics]
        moved = [(p, p.frontier()) for p in owned if is_all or p.frontier() > p.committed]
        if not moved:
            return
        try:
            with outside("broker"):
                await source.commit(moved, note)
        except TransientError as error:
            self._log.warning("offsets.failed", error=str(error), partitions=len(moved))
            self._partitions.is_dirty = True
            return
        for partition, frontier in moved:
            partition.committed = max(partition.committed, frontier)
