"""Runs one pipeline from start to exit code: signals, drain, idle, summary, and an end that never hangs."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress

import msgspec

from claimx import __version__
from claimx.adapters.clock import WallClock
from claimx.adapters.control_socket import ControlServer
from claimx.adapters.state_dir import instance_dir
from claimx.app.assembly import Assembly
from claimx.app.control import Control
from claimx.app.health import Health
from claimx.app.heartbeat import Heartbeat
from claimx.app.metrics import Metrics
from claimx.config.options import RunOptions
from claimx.config.tree import Settings
from claimx.domain.stage_names import roles_of
from claimx.errors import ClaimxError, LakeError, TransientError
from claimx.ops.progress import show_progress
from claimx.ops.summary import Summary, by_circuit, totals, write_json
from claimx.ops.summary import as_text as summary_text
from claimx.ports.delay import DelayQueue
from claimx.stages.outage import Outage
from claimx.stages.pipeline import Pipeline, Ports
from claimx.telemetry.log import Log

DONE = 0
DRAIN_DEADLINE = 75
_SIGNAL_BASE = 128
_IDLE_POLL_S = 0.2
_CLOSE_S = 10.0
_ASK_S = 5.0


class Daemon:
    """One process run.

    Args:
        feed_done: returns when no more events will come; None: nobody knows.
    """

    def __init__(
        self,
        settings: Settings,
        options: RunOptions,
        log: Log,
        feed_done: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._settings = settings
        self._options = options
        self._log = log
        self._feed_done = feed_done
        self._pipeline: Pipeline | None = None
        self._main: asyncio.Task[object] | None = None
        self._is_stopping = False
        self.delayed = 0

    async def run(self) -> int:
        """Run until drained and return the exit code.

        Raises:
            ClaimxError: what made the run impossible.
        """
        self._main = asyncio.current_task()
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        stack = AsyncExitStack()
        code: int | None = None
        try:
            roles = roles_of(self._options.stages, msgspec.structs.asdict(self._settings.edges))
            health, metrics = self._answering(roles.stages, stack)
            assembly = Assembly(self._settings, roles, self._log, stack, health.waits_for)
            ports = await assembly.open()
            self._pipeline = pipeline = Pipeline(self._settings, roles, ports, self._log)
            health.attach(pipeline)
            metrics.attach(pipeline, assembly.spool_dir)
            self._log.info(
                "process.started",
                version=__version__,
                instance=self._settings.process.instance,
                stages=sorted(roles.stages),
            )
            is_clean = await self._work(pipeline, self._helpers(pipeline, ports, assembly.outage, health))
            summary = await self._summary(assembly, pipeline, ports.delay)
            summary.duration_s = round(loop.time() - began, 3)
            summary.exit_code = DONE if is_clean else DRAIN_DEADLINE
            self.delayed = summary.delayed
            self._tell(summary)
            code = summary.exit_code
        except asyncio.CancelledError:
            if not self._is_stopping:
                raise
            code = DONE  # stopped before anything was received
        finally:
            await self._close(stack, code)
        return code

    def _stop(self, number: int) -> None:
        """Drain at the first signal, end at once at the second."""
        if self._is_stopping:
            os._exit(_SIGNAL_BASE + number)
        self._is_stopping = True
        if self._pipeline is not None:
            self._pipeline.drain()
        elif self._main is not None:
            self._main.cancel()

    def _answering(self, stages: Collection[str], stack: AsyncExitStack) -> tuple[Health, Metrics]:
        """Answer probes and scrapes, before anything is opened."""
        metrics = Metrics(WallClock(), asyncio.get_running_loop().time)
        health = Health(self._settings, stages, self._log, {"/metrics": metrics.answer})
        stack.callback(health.close)
        health.open()
        return health, metrics

    def _helpers(
        self, pipeline: Pipeline, ports: Ports, outage: Outage, health: Health
    ) -> dict[str, Coroutine[None, None, None]]:
        """What goes on beside the work, as long as that lasts."""
        control = Control(self._settings, pipeline, ports, self._log, health)
        return {
            "progress": show_progress(lambda: _numbers(pipeline)),
            "control": self._listen(control).run(),
            "heartbeat": Heartbeat(pipeline, ports.delay, ports.clock, self._log).run(),
            "kafka": _watch(outage, pipeline),
        }

    def _listen(self, control: Control) -> ControlServer:
        """Open the control socket: the lock of the directory is ours by now."""
        process = self._settings.process
        server = ControlServer(instance_dir(process.state_dir, process.instance), control.obey, self._log)
        server.open()
        return server

    async def _work(self, pipeline: Pipeline, bodies: Mapping[str, Coroutine[None, None, None]]) -> bool:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(pipeline.run(), name="pipeline")
            helpers = [group.create_task(body, name=name) for name, body in bodies.items()]
            if self._options.exit_when_idle:
                helpers.append(group.create_task(self._drain_when_idle(pipeline), name="idle"))
            await asyncio.wait([work])
            for helper in helpers:
                helper.cancel()
        return work.result()

    async def _drain_when_idle(self, pipeline: Pipeline) -> None:
        if self._feed_done is not None:
            await self._feed_done()
        while not await pipeline.is_idle():
            await asyncio.sleep(_IDLE_POLL_S)
        pipeline.drain()

    async def _summary(self, assembly: Assembly, pipeline: Pipeline, delay: DelayQueue) -> Summary:
        counts, counters = totals(pipeline.counts), pipeline.flow.runtime.counters
        tables: dict[str, int] = {}
        lag: int | None = None
        waiting = -1
        with suppress(LakeError, TransientError, TimeoutError):
            async with asyncio.timeout(_ASK_S):
                waiting = await delay.count()
                tables = await assembly.lake.row_counts()
                lag = await pipeline.lag()
        return Summary(
            received=counts.received,
            committed=counts.committed,
            forwarded=counts.forwarded,
            parked=counts.parked,
            dead_lettered=counts.dead_lettered,
            skipped=counts.skipped,
            revoked=counts.revoked,
            in_flight=sum(map(pipeline.partitions.in_flight, pipeline.counts)),
            delayed=waiting,
            delay_queue=pipeline.delay_counts,
            tables=tables,
            results=pipeline.tally.totals.as_dict() if "results" in pipeline.stages else None,
            files=counters.files,
            file_bytes=counters.file_bytes,
            api_calls=counters.api_calls,
            api_calls_saved=counters.api_calls_saved,
            batches=counters.batches,
            batched_events=counters.batched_events,
            batched_projects=counters.batched_projects,
            preflights=counters.preflights,
            flushes=counters.flushes,
            circuit_transitions=by_circuit(counters.circuit_transitions),
            log_lines_suppressed=counters.log_lines_suppressed,
            duration_s=0.0,
            lag=lag,
            ledger_violation=pipeline.partitions.violation() or pipeline.delay_counts.violation(waiting),
            exit_code=DONE,
        )

    def _tell(self, summary: Summary) -> None:
        self._log.info(
            "process.stopped",
            exit_code=summary.exit_code,
            in_flight=summary.in_flight,
            lines_suppressed=summary.log_lines_suppressed,
        )
        if self._options.summary_json is not None:
            write_json(summary, self._options.summary_json)
        sys.stdout.write(summary_text(summary) + "\n")
        sys.stdout.flush()

    async def _close(self, stack: AsyncExitStack, code: int | None) -> None:
        """Close the adapters; a frozen broker or lake must not keep a finished process alive.

        Args:
            code: the exit code of a run that has come to its end; None: an error is on its way, and tells its own.
        """
        try:
            async with asyncio.timeout(_CLOSE_S):
                await stack.aclose()
        except TimeoutError:
            self._log.error(
                "process.failed", error=f"not closed within {_CLOSE_S:.0f} s; leaving all the same"
            )
            sys.stdout.flush()
            if code is not None:
                os._exit(code)
            _end_after(_CLOSE_S)


async def _watch(outage: Outage, pipeline: Pipeline) -> None:
    try:
        await outage.watch()
    except ClaimxError as error:
        pipeline.fail(error)


def _end_after(seconds: float) -> None:
    """End the process, should what is left behind keep it from ending by itself."""
    last = threading.Timer(seconds, os._exit, (DRAIN_DEADLINE,))
    last.daemon = True
    last.start()


def _numbers(pipeline: Pipeline) -> dict[str, int]:
    counts, counters = totals(pipeline.counts), pipeline.flow.runtime.counters
    return {
        "received": counts.received,
        "committed": counts.committed,
        "parked": counts.parked,
        "dead letters": counts.dead_lettered,
        "in flight": pipeline.live,
        "API calls": counters.api_calls,
        "files": counters.files,
        "flushes": counters.flushes,
    }
