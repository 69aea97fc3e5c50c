"""Ties the flow stages together: channels, workers, the order of a drain. The only module that knows them all."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass

from claimx.config.tree import Settings
from claimx.domain.backoff import RetryPolicy
from claimx.domain.ledger import DelayCounts, TopicCounts
from claimx.domain.shares import share_out
from claimx.domain.times import SECOND
from claimx.errors import EngineError, TransientError
from claimx.ports.api import ClaimxApi
from claimx.ports.clock import Clock, Luck
from claimx.ports.dead_letters import DeadLetters
from claimx.ports.delay import DelayQueue
from claimx.ports.files import FileHost, FileStore, Spool
from claimx.ports.lake import Lake
from claimx.ports.source import Assignments, Source
from claimx.stages.api_calls import ApiCalls
from claimx.stages.buffer import FlushBuffer
from claimx.stages.circuit import Circuit
from claimx.stages.commit import Commit
from claimx.stages.download import Download, Sources
from claimx.stages.enrich import Enrich
from claimx.stages.fates import Fates
from claimx.stages.flow import Circuits, Flow, Pools
from claimx.stages.flush import Flush
from claimx.stages.guard import Guard
from claimx.stages.ingest import Ingest
from claimx.stages.intake import Intake
from claimx.stages.partitions import Partitions
from claimx.stages.pool import Budget, Channel
from claimx.stages.projects import Projects
from claimx.stages.redo import Redo
from claimx.stages.retry import Retry
from claimx.stages.runtime import Runtime
from claimx.stages.settle import Settlement
from claimx.stages.upload import Upload
from claimx.stages.work import Work
from claimx.telemetry.counters import Counters
from claimx.telemetry.log import Log

_LAST_COMMIT_SHARE = 0.2
"""The part of the drain's deadline that is kept for the last offset commit."""

MakeSource = Callable[[Assignments], Source]


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that the pipeline works with.

    Args:
        make_source: makes the consumer of claimx.events.raw, which reports its assignments to the engine.
    """

    make_source: MakeSource
    api: ClaimxApi
    host: FileHost
    spool: Spool
    store: FileStore
    lake: Lake
    delay: DelayQueue
    dead_letters: DeadLetters
    clock: Clock
    luck: Luck


class Pipeline:
    """The four flow stages in one process."""

    def __init__(self, settings: Settings, ports: Ports, log: Log) -> None:
        self.partitions = Partitions(settings.kafka.max_partition_ahead, log)
        self._settings = settings
        self._ports = ports
        self._log = log
        self._is_draining = False
        self._is_expired = False
        self._failure: EngineError | None = None
        self.flow = flow = _flow(settings, ports, self.partitions, log)
        self._channels: dict[str, Channel[Work]] = {
            "enrich": Channel(settings.enrich.queue_items),
            "download": Channel(settings.download.queue_items),
            "upload": Channel(settings.upload.queue_items),
        }
        self.source = ports.make_source(self.partitions)
        ingest = Ingest(flow, self._channels["enrich"].put)
        self._intake = Intake(self.source, self.partitions, flow.pools.intake, ingest)
        self._retry = Retry(ports.delay, flow.settlement, flow.fates, flow.pools.intake, flow.runtime)
        self._commit = Commit(
            self.source, self.partitions, self._intake.speed_up, settings.kafka.commit_interval_s, log
        )

    @property
    def counts(self) -> Mapping[str, TopicCounts]:
        """The first ledger of I1, by source topic."""
        return self.partitions.counts

    @property
    def delay_counts(self) -> DelayCounts:
        """The second ledger of I1."""
        return self.flow.settlement.delay_counts

    @property
    def live(self) -> int:
        """Receipts that are not settled."""
        return self.flow.settlement.live

    def drain(self) -> None:
        """Stop intake, finish what is in flight within ``drain_s``, then ``run`` returns. May be called again."""
        if self._is_draining:
            return
        self._is_draining = True
        self._log.info("process.draining", live=self.live)
        self._intake.drain()
        self._retry.drain()
        self.flow.buffer.hurry()
        wait_s = self._settings.limits.drain_s * (1 - _LAST_COMMIT_SHARE)
        asyncio.get_running_loop().call_later(wait_s, self._expire)
        self.flow.settlement.idle.wake()

    async def is_idle(self) -> bool:
        """Whether nothing is in flight, nothing is parked that is due within ``drain_s``, and the lag is 0."""
        soon = self._ports.clock.now() + int(self._settings.limits.drain_s * SECOND)
        try:
            if self.live or await self._ports.delay.due_before(soon):
                return False
            return await self.source.lag() == 0 and self.live == 0
        except TransientError:
            return False

    async def run(self) -> bool:
        """Work until drained; True: everything that was received is settled.

        Raises:
            EngineError: a promise cannot be kept; what was in flight has been drained.
        """
        tasks: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as group:
            tasks.append(group.create_task(self._begin(group, tasks), name="begin"))
            while not (self._is_draining and self.live == 0) and not self._is_expired:
                await self.flow.settlement.idle.wait()
            for task in tasks:
                task.cancel()
        is_clean = self.live == 0
        await self._last_commit()
        if self._failure is not None:
            raise self._failure
        return is_clean

    async def _begin(self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]]) -> None:
        """Recover the delay queue before any intake; a drain need not wait for a disk that does not answer."""
        await self._retry.recover()
        tasks += [group.create_task(body, name=name) for name, body in self._bodies()]

    def _bodies(self) -> list[tuple[str, Coroutine[None, None, None]]]:
        flow, ports, settings = self.flow, self._ports, self._settings
        puts = {stage: channel.put for stage, channel in self._channels.items()}
        enrich = Enrich(flow, settings.enrich, self._channels["enrich"], puts["download"])
        download = Download(flow, settings.download, Sources(ports.host, ports.spool), puts["upload"])
        upload = Upload(flow, ports.store, ports.spool)
        bodies: list[tuple[str, Coroutine[None, None, None]]] = [
            ("intake", self._take_in()),
            ("api", flow.api.run()),
            ("enrich", enrich.run()),
            ("flush", Flush(flow, ports.lake).run()),
            ("commit", self._commit.run()),
            ("retry", self._retry.run({"enrich": puts["enrich"], "download": puts["download"]})),
        ]
        for stage, body, count in (
            ("download", download.run, settings.download.workers),
            ("upload", upload.run, settings.upload.workers),
        ):
            bodies += [(f"{stage}-{n}", self._worker(stage, body)) for n in range(count)]
        return bodies

    async def _worker(self, stage: str, body: Callable[[Work], Awaitable[None]]) -> None:
        channel = self._channels[stage]
        while True:
            await self.flow.guard.run(await channel.get(), body)

    async def _take_in(self) -> None:
        try:
            await self._intake.run()
        except EngineError as error:
            self._log.error("process.failed", error=str(error))
            self._failure = error
            self.drain()

    def _expire(self) -> None:
        self._is_expired = True
        self.flow.settlement.idle.wake()

    async def _last_commit(self) -> None:
        try:
            async with asyncio.timeout(self._settings.limits.drain_s * _LAST_COMMIT_SHARE):
                await self._commit.once()
        except TimeoutError:
            self._log.warning("offsets.failed", error="no answer within the drain's deadline")


def _flow(settings: Settings, ports: Ports, partitions: Partitions, log: Log) -> Flow:
    shares = share_out(settings.limits.memory_bytes)
    pools = Pools(
        Budget(shares.intake), Budget(shares.api), Budget(shares.files), Budget(settings.download.spool_bytes)
    )
    policy = RetryPolicy(settings.retry.delays_s, settings.retry.max_age_s, settings.enrich.visibility_s)
    runtime = Runtime(ports.clock, ports.luck, log, Redo(ports.luck, log), Counters())
    buffer = FlushBuffer(settings.lake)
    settlement = Settlement(partitions, buffer, pools.intake, ports.delay, runtime.redo)
    fates = Fates(settlement, ports.delay, ports.dead_letters, policy, ports.spool, runtime)
    circuits = Circuits(
        *(Circuit(name, settings.api.circuit, log, runtime.counters) for name in ("api", "files", "store"))
    )
    guard = Guard(fates, runtime)
    api = ApiCalls(ports.api, guard, circuits.api, runtime.counters)
    projects = Projects(ports.lake, settings.enrich.project_ttl_s, runtime)
    return Flow(settlement, buffer, fates, guard, api, projects, pools, circuits, policy, runtime)
