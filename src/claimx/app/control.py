"""What a running process does when it is asked on its control socket."""

import asyncio
import os
from contextlib import suppress

import msgspec

from claimx import __version__
from claimx.adapters.control_socket import Refusal
from claimx.app.health import Health
from claimx.config.tree import Settings
from claimx.errors import ClaimxError, OperationError, TransientError
from claimx.ops.retries import RetryDesk
from claimx.ops.summary import by_circuit
from claimx.ports.control import AskStatus, Command, DelayStatus, Drain, Draining, Queue, Status
from claimx.stages.guard import captured
from claimx.stages.pipeline import Pipeline, Ports
from claimx.telemetry.log import Log

_ASK_S = 3.0


class Control:
    """Obeys the commands of the operators of this host.

    Args:
        health: knows when the run began, and what is stuck.
    """

    def __init__(
        self, settings: Settings, pipeline: Pipeline, ports: Ports, log: Log, health: Health
    ) -> None:
        self._instance = settings.process.instance
        self._pipeline = pipeline
        self._delay = ports.delay
        self._clock = ports.clock
        self._log = log
        self._health = health
        self._desk = RetryDesk(ports.delay, pipeline.retry, ports.dead_letters, ports.clock, log)

    async def obey(self, command: Command) -> msgspec.Struct:
        """Carry a command out. Nothing that goes wrong here harms the run."""
        answer = await captured(self._obey(command))
        if isinstance(answer, ClaimxError):
            code = getattr(answer, "code", "failed")
            return Refusal(code, getattr(answer, "detail", str(answer)), getattr(answer, "hint", ""))
        if isinstance(answer, Exception):
            self._log.error("control.failed", error=f"a bug: {type(answer).__name__}")
            return Refusal(f"bug.{type(answer).__name__}", "a bug in claimx: report it")
        return answer

    async def _obey(self, command: Command) -> msgspec.Struct:
        match command:
            case AskStatus():
                return await self._status(with_lag=command.lag)
            case Drain():
                self._pipeline.drain()
                return Draining(self._pipeline.live)
            case _ if self._pipeline.retry.is_recovered:
                return await self._desk.step(command)
            case _:
                raise OperationError("the process is still counting its rows", "try again in a moment")

    async def _status(self, *, with_lag: bool) -> Status:
        pipeline, flow = self._pipeline, self._pipeline.flow
        lag = await self._lag() if with_lag else None
        delay = await self._delay_status()
        circuits, pools = flow.circuits, flow.pools
        return Status(
            instance=self._instance,
            version=__version__,
            pid=os.getpid(),
            stages=sorted(pipeline.stages),
            uptime_s=round(asyncio.get_running_loop().time() - self._health.began, 1),
            is_draining=pipeline.is_draining,
            in_flight=pipeline.live,
            topics=dict(pipeline.counts),
            topics_in_flight={topic: pipeline.partitions.in_flight(topic) for topic in pipeline.counts},
            delay_queue=delay,
            circuits={each.name: each.state.value for each in (circuits.api, circuits.files, circuits.store)},
            circuit_transitions=by_circuit(flow.runtime.counters.circuit_transitions),
            flood=flow.flood.reason,
            kafka_trouble=pipeline.kafka_trouble,
            failing=flow.runtime.redo.failing,
            stuck=self._health.stuck(),
            queues={stage: Queue(*sizes) for stage, sizes in pipeline.queues.items()},
            bytes={
                "intake": Queue(pools.intake.used, pools.intake.limit),
                "api": Queue(pools.api.used, pools.api.limit),
                "files": Queue(pools.files.used, pools.files.limit),
                "spool": Queue(pools.spool.used, pools.spool.limit),
            },
            lag=lag,
            ledger_violation=pipeline.partitions.violation() or self._delay_violation(delay),
        )

    def _delay_violation(self, delay: DelayStatus) -> str | None:
        if delay.waiting is None or not self._pipeline.retry.is_recovered:
            return None
        return delay.counts.violation(delay.waiting)

    async def _delay_status(self) -> DelayStatus:
        """Rows first, then the counts at once: a row that was parked or deleted meanwhile would look like a violation."""
        waiting: int | None = None
        due: int | None = None
        stages: dict[str, int] | None = None
        counts = self._pipeline.delay_counts
        with suppress(TransientError, TimeoutError):
            async with asyncio.timeout(_ASK_S):
                stages = dict(await self._delay.stages())
                due = await self._delay.due_before(self._clock.now())
                waiting = await self._delay.count()
        return DelayStatus(counts=msgspec.structs.replace(counts), waiting=waiting, due=due, by_stage=stages)

    async def _lag(self) -> int | None:
        with suppress(TransientError, TimeoutError):
            async with asyncio.timeout(_ASK_S):
                return await self._pipeline.lag()
        return None
