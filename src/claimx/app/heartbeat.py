"""One line now and then of what was done, and of how things stand."""

import asyncio
from contextlib import suppress
from typing import NamedTuple

from claimx.domain.times import SECOND, Micros
from claimx.errors import TransientError
from claimx.ops.summary import totals
from claimx.ports.clock import Clock
from claimx.ports.delay import DelayQueue
from claimx.stages.pipeline import Pipeline
from claimx.telemetry.log import Log

EVERY_S = 30.0
_QUIET_LINES = 10
"""While nothing changes, every tenth line is told: it shows life."""
_ASK_S = 5.0


class _Done(NamedTuple):
    """Totals at one moment."""

    received: int = 0
    settled: int = 0
    files: int = 0
    file_bytes: int = 0
    dead_letters: int = 0


class Heartbeat:
    """Logs ``process.progressed``; the first line comes after ``EVERY_S``."""

    def __init__(self, pipeline: Pipeline, delay: DelayQueue, clock: Clock, log: Log) -> None:
        self._pipeline = pipeline
        self._delay = delay
        self._clock = clock
        self._log = log
        self._done = _Done()
        self._passes: dict[str, tuple[int, int]] = {}
        """By stage: passes begun and ended."""
        self._told: dict[str, object] = {}
        self._told_at = asyncio.get_running_loop().time()
        self._quiet = 0

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Tell what has changed since the last line, or now and then that nothing has."""
        done, passes, state = self._totals(), self._all_passes(), await self._state()
        if done == self._done and passes == self._passes and state == self._told:
            self._quiet += 1
            if self._quiet < _QUIET_LINES:
                return
        self._tell(done, passes, state)
        self._done, self._passes, self._told, self._quiet = done, passes, state, 0

    def _tell(self, done: _Done, passes: dict[str, tuple[int, int]], state: dict[str, object]) -> None:
        now = asyncio.get_running_loop().time()
        window_s, self._told_at = max(now - self._told_at, 0.001), now
        before = self._done
        oldest_s, newest_s = self._ages()
        self._log.info(
            "process.progressed",
            window_s=round(window_s, 1),
            records_per_s=round((done.received - before.received) / window_s, 1),
            settled_per_s=round((done.settled - before.settled) / window_s, 1),
            files=done.files - before.files,
            bytes_per_s=round((done.file_bytes - before.file_bytes) / window_s),
            stages=self._by_stage(done, passes),
            dead_letters=done.dead_letters,
            **state,
            oldest_uncommitted_s=oldest_s,
            newest_committed_s=newest_s,
            lines_suppressed=self._pipeline.flow.runtime.counters.log_lines_suppressed,
        )

    def _totals(self) -> _Done:
        counts, counters = totals(self._pipeline.counts), self._pipeline.flow.runtime.counters
        in_flight = sum(map(self._pipeline.partitions.in_flight, self._pipeline.counts))
        return _Done(
            counts.received,
            counts.received - counts.revoked - in_flight,
            counters.files,
            counters.file_bytes,
            counts.dead_lettered,
        )

    def _all_passes(self) -> dict[str, tuple[int, int]]:
        seen = self._pipeline.flow.runtime.board.seen(asyncio.get_running_loop().time())
        return {
            stage: (seen[stage].done + seen[stage].in_flight, seen[stage].done) for stage in self._working()
        }

    def _working(self) -> list[str]:
        return [stage for stage in ("enrich", "download", "upload") if stage in self._pipeline.stages]

    def _by_stage(self, done: _Done, passes: dict[str, tuple[int, int]]) -> dict[str, dict[str, int]]:
        """What went in and out since the last line, and what waits: records at the intake, passes in a stage."""
        queues, before = self._pipeline.queues, self._done
        told: dict[str, dict[str, int]] = {
            "intake": {"in": done.received - before.received, "out": done.settled - before.settled}
        }
        for stage, (begun, ended) in passes.items():
            earlier = self._passes.get(stage, (0, 0))
            told[stage] = {"in": begun - earlier[0], "out": ended - earlier[1], "queued": queues[stage][0]}
        return told

    async def _state(self) -> dict[str, object]:
        """How things stand; what does not answer in time is None."""
        flow = self._pipeline.flow
        circuits = (flow.circuits.api, flow.circuits.files, flow.circuits.store)
        lag: int | None = None
        waiting: int | None = None
        due: int | None = None
        with suppress(TransientError, TimeoutError):
            async with asyncio.timeout(_ASK_S):
                waiting = await self._delay.count()
                due = await self._delay.due_before(self._clock.now())
        with suppress(TransientError, TimeoutError):
            async with asyncio.timeout(_ASK_S):
                lag = await self._pipeline.lag()
        return {
            "in_flight": self._pipeline.live,
            "parked": waiting,
            "parked_due": due,
            "lag": lag,
            "circuits": [f"{each.name} {each.state.value}" for each in circuits if each.is_open],
            "flood": flow.flood.reason,
        }

    def _ages(self) -> tuple[float | None, float | None]:
        """Seconds since the oldest record that is not committed, and the newest one that is, were written to Kafka."""
        oldest, newest = self._pipeline.partitions.times()
        return self._age_s(oldest), self._age_s(newest)

    def _age_s(self, at: Micros | None) -> float | None:
        return None if at is None else round((self._clock.now() - at) / SECOND, 1)
