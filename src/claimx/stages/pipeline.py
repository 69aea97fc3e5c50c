"""Ties the stages together: channels, edges, workers, the order of a drain. The only module that knows them all."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from claimx.config.tree import Download as DownloadSettings
from claimx.config.tree import Settings
from claimx.domain.backoff import RetryPolicy
from claimx.domain.ledger import DelayCounts, TopicCounts
from claimx.domain.receipts import Partition
from claimx.domain.shares import share_out
from claimx.domain.stage_names import STAGES, Roles
from claimx.domain.times import SECOND
from claimx.errors import ClaimxError, EngineError, TransientError
from claimx.ports.api import ClaimxApi
from claimx.ports.clock import Clock, Luck
from claimx.ports.dead_letters import DeadLetters
from claimx.ports.delay import DelayQueue
from claimx.ports.files import FileHost, FileStore, Spool
from claimx.ports.handover import Handover
from claimx.ports.lake import Lake
from claimx.ports.source import Assignments, Source
from claimx.stages.api_calls import ApiCalls
from claimx.stages.buffer import FlushBuffer
from claimx.stages.circuit import Circuit
from claimx.stages.commit import Commit
from claimx.stages.download import Download, Sources
from claimx.stages.enrich import Enrich
from claimx.stages.fates import Exits, Fates, Reporting
from claimx.stages.flood import FloodGate
from claimx.stages.flow import Circuits, Flow, Pools, Send
from claimx.stages.flush import Flush
from claimx.stages.guard import Guard
from claimx.stages.handover import HandOver, Report
from claimx.stages.ingest import Ingest
from claimx.stages.intake import Intake
from claimx.stages.laws import Laws
from claimx.stages.partitions import Partitions
from claimx.stages.poison import Poison
from claimx.stages.pool import Budget, Channel
from claimx.stages.progress import Board
from claimx.stages.projects import Projects
from claimx.stages.redo import Redo
from claimx.stages.results import Results
from claimx.stages.retry import Retry
from claimx.stages.runtime import Runtime
from claimx.stages.settle import Settlement
from claimx.stages.take import Take
from claimx.stages.tally import Tally
from claimx.stages.upload import Upload
from claimx.stages.work import Work
from claimx.telemetry.counters import Counters
from claimx.telemetry.log import Log

_LAST_COMMIT_SHARE = 0.2
"""The part of the drain's deadline that is kept for the last offset commit."""

MakeSource = Callable[[str, Assignments], Source]


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that the pipeline works with.

    Args:
        make_source: makes the consumer of a stage, which reports its assignments to the engine.
        kafka_trouble: what is wrong with Kafka now, for people; None: nothing that anybody has seen.
    """

    make_source: MakeSource
    handover: Handover
    api: ClaimxApi
    host: FileHost
    spool: Spool
    store: FileStore
    lake: Lake
    delay: DelayQueue
    dead_letters: DeadLetters
    clock: Clock
    luck: Luck
    kafka_trouble: Callable[[], str | None] = lambda: None


class Pipeline:
    """The stages that one process runs.

    Args:
        roles: which stages, and which of their edges are topics.
    """

    def __init__(self, settings: Settings, roles: Roles, ports: Ports, log: Log) -> None:
        self.partitions = Partitions(settings.kafka.max_partition_ahead)
        self._settings = settings
        self._roles = roles
        self._ports = ports
        self._log = log
        self._is_draining = False
        self._is_expired = False
        self._failure: ClaimxError | None = None
        runtime = Runtime(ports.clock, ports.luck, log, Redo(ports.luck, log), Counters(), Board())
        runtime.board.open(_workers(settings, roles))
        self.tally = Tally(runtime)
        report = self.tally.report if "results" in roles.stages else Report(ports.handover, runtime)
        self.flow = make_flow(settings, ports, self.partitions, runtime, report)
        self._report = report
        self._channels = {
            "enrich": Channel[Work](settings.enrich.queue_items, "enrich"),
            "download": Channel[Work](settings.download.queue_items, "download"),
            "upload": Channel[Work](settings.upload.queue_items, "upload"),
        }
        self._intakes = [self._intake(stage) for stage in STAGES if stage in roles.stages]
        flow = self.flow
        self._retry = Retry(ports.delay, flow.settlement, flow.fates, flow.pools.intake, flow.runtime)
        self._commit = Commit(
            self._intakes, self.partitions, ports.delay, settings, log, flow.runtime.board["commit"]
        )
        self.laws = Laws(self.partitions, flow.settlement, ports.delay, flow.runtime)

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

    @property
    def kafka_trouble(self) -> str | None:
        """What is wrong with Kafka now, for people; from any thread."""
        return self._ports.kafka_trouble()

    @property
    def is_draining(self) -> bool:
        """Whether ``drain`` was called."""
        return self._is_draining

    @property
    def stages(self) -> Collection[str]:
        """The stages that run here."""
        return self._roles.stages

    @property
    def queues(self) -> Mapping[str, tuple[int, int]]:
        """Items that wait, and room, by the stage that takes them."""
        return {stage: (len(each), each.capacity) for stage, each in self._channels.items()}

    @property
    def retry(self) -> Retry:
        """What brings parked work back."""
        return self._retry

    @property
    def sources(self) -> Sequence[Source]:
        """The consumers, in the order of the flow."""
        return [intake.source for intake in self._intakes]

    @property
    def paused(self) -> Sequence[Partition]:
        """Partitions that are not fetched until they have caught up; may be asked from any thread."""
        return [partition for intake in self._intakes for partition in list(intake.paused)]

    @property
    def commits(self) -> Mapping[str, int]:
        """Commits of offsets, by how they ended."""
        return self._commit.results

    async def lag(self) -> int:
        """Records of the assigned partitions, of every topic consumed here, that are not committed yet.

        Raises:
            TransientError: ``kafka.lag``.
        """
        return sum([await source.lag() for source in self.sources])

    def drain(self) -> None:
        """Stop intake, finish what is in flight within ``drain_s``, then ``run`` returns. May be called again."""
        if self._is_draining:
            return
        self._is_draining = True
        self._log.info("process.draining", live=self.live)
        for intake in self._intakes:
            intake.drain()
        self._retry.drain()
        self.flow.buffer.hurry()
        wait_s = self._settings.limits.drain_s * (1 - _LAST_COMMIT_SHARE)
        asyncio.get_running_loop().call_later(wait_s, self._expire)
        self.flow.settlement.idle.wake()

    def fail(self, error: ClaimxError) -> None:
        """Drain, after which ``run`` raises this; the first one counts."""
        self._log.error("process.failed", error=str(error))
        self._failure = self._failure or error
        self.drain()

    async def is_idle(self) -> bool:
        """Whether nothing is in flight, nothing is parked that is due within ``drain_s``, and the lag is 0."""
        soon = self._ports.clock.now() + int(self._settings.limits.drain_s * SECOND)
        try:
            if self.live or await self._ports.delay.due_before(soon):
                return False
            return await self.lag() == 0 and self.live == 0
        except TransientError:
            return False

    async def run(self) -> bool:
        """Work until drained; True: everything that was received is settled and committed.

        Raises:
            ClaimxError: a promise cannot be kept; what was in flight has been drained.
        """
        tasks: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as group:
            tasks.append(group.create_task(self._begin(group, tasks), name="begin"))
            while not (self._is_draining and self.live == 0) and not self._is_expired:
                await self.flow.settlement.idle.wait()
            for task in tasks:
                task.cancel()
        is_clean = await self._last_commit() and self.live == 0
        if "results" in self._roles.stages:
            self.tally.tell()
        if self._failure is not None:
            raise self._failure
        return is_clean

    async def _begin(self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]]) -> None:
        """Recover the delay queue before any intake; a drain need not wait for a disk that does not answer."""
        await self._retry.recover()
        self.flow.runtime.board.start()
        tasks += [group.create_task(body, name=name) for name, body in self._bodies()]

    def _intake(self, stage: str) -> Intake:
        """Make the intake of a stage: ingest takes events, results reports, the others tasks."""
        flow = self.flow
        if stage == "ingest":
            replays = self._settings.kafka.topics.events_replay
            take = Ingest(flow, self._send("enrich"), replays).take
        elif stage == "results":
            take = Results(flow, self.tally).take
        else:
            take = Take(stage, flow, self._channels[stage].put).take
        source = self._ports.make_source(stage, self.partitions)
        name = stage if stage in {"ingest", "results"} else f"{stage}_intake"
        progress = flow.runtime.board[name]
        return Intake(source, self.partitions, flow.pools.intake, flow.flood, take, progress)

    def _send(self, stage: str) -> Send:
        """The edge to a stage: its channel, or its topic."""
        if self._roles.is_local(stage):
            return self._channels[stage].put
        flow = self.flow
        return HandOver(stage, self._ports.handover, flow.settlement, flow.fates, flow.runtime)

    def _retry_send(self, stage: str) -> Send:
        """A retry of a stage that runs here enters its queue, never its topic."""
        return self._channels[stage].put if stage in self._roles.stages else self._send(stage)

    def _bodies(self) -> list[tuple[str, Coroutine[None, None, None]]]:
        flow = self.flow
        retries = {stage: self._retry_send(stage) for stage in ("enrich", "download")}
        return [
            *((f"intake-{n}", self._kept(intake.run())) for n, intake in enumerate(self._intakes)),
            ("poison", flow.poison.run()),
            ("api", flow.api.run()),
            ("laws", self.laws.run()),
            ("flush", Flush(flow, self._ports.lake).run()),
            ("commit", self._kept(self._commit.run())),
            ("retry", self._retry.run(retries)),
            *self._workers(),
        ]

    def _workers(self) -> list[tuple[str, Coroutine[None, None, None]]]:
        flow, ports, settings, stages = self.flow, self._ports, self._settings, self._roles.stages
        bodies: list[tuple[str, Coroutine[None, None, None]]] = []
        if "enrich" in stages:
            enrich = Enrich(flow, settings.enrich, self._channels["enrich"], self._send("download"))
            bodies.append(("enrich", enrich.run()))
        if "download" in stages:
            sources = Sources(ports.host, ports.spool)
            download = Download(flow, self._download_settings(), sources, self._send("upload"))
            bodies += self._pool("download", download.run, download.most_at_once)
        if "upload" in stages:
            upload = Upload(flow, ports.store, ports.spool, self._report)
            bodies += self._pool("upload", upload.run, settings.upload.workers)
        return bodies

    def _download_settings(self) -> DownloadSettings:
        """Where the upload is another process's, no file passes as bytes."""
        settings = self._settings.download
        if self._roles.is_local("upload"):
            return settings
        return msgspec.structs.replace(settings, memory_file_bytes=0)

    def _pool(
        self, stage: str, body: Callable[[Work], Awaitable[None]], count: int
    ) -> list[tuple[str, Coroutine[None, None, None]]]:
        return [(f"{stage}-{n}", self._worker(stage, body)) for n in range(count)]

    async def _worker(self, stage: str, body: Callable[[Work], Awaitable[None]]) -> None:
        channel = self._channels[stage]
        while True:
            await self.flow.guard.run(await channel.get(), body)

    async def _kept(self, body: Coroutine[None, None, None]) -> None:
        """Run what keeps a promise; where it cannot, drain."""
        try:
            await body
        except ClaimxError as error:
            self.fail(error)

    def _expire(self) -> None:
        self._is_expired = True
        self.flow.settlement.idle.wake()

    async def _last_commit(self) -> bool:
        """Commit what has moved; False: Kafka does not have it all."""
        try:
            async with asyncio.timeout(self._settings.limits.drain_s * _LAST_COMMIT_SHARE):
                await self._commit.once()
        except TimeoutError:
            self._log.warning("offsets.failed", error="no answer within the drain's deadline")
        except EngineError as error:
            self._failure = self._failure or error
        return all(each.committed >= each.frontier() for each in self.partitions.owned.values())


def _workers(settings: Settings, roles: Roles) -> dict[str, int]:
    """How much each stage that runs here works on at once; the others wait for api, flush and commit."""
    workers = {
        "ingest": 1,
        "enrich": settings.enrich.workers,
        "download": settings.download.workers,
        "upload": settings.upload.workers,
        "results": 1,
    }
    own = {stage: workers[stage] for stage in STAGES if stage in roles.stages}
    return {**own, "api": settings.api.max_concurrent, "flush": 1, "commit": 1}


def make_flow(
    settings: Settings, ports: Ports, partitions: Partitions, runtime: Runtime, report: Reporting
) -> Flow:
    """Make what the stages share."""
    shares = share_out(settings.limits.memory_bytes)
    pools = Pools(
        Budget(shares.intake, "intake"),
        Budget(shares.api, "api"),
        Budget(shares.files, "files"),
        Budget(settings.download.spool_bytes, "spool"),
    )
    policy = RetryPolicy(settings.retry.delays_s, settings.retry.max_age_s, settings.enrich.visibility_s)
    buffer = FlushBuffer(settings.lake)
    flood = FloodGate(settings.flood, runtime.log)
    settlement = Settlement(partitions, buffer, pools.intake, ports.delay, flood, runtime.redo)
    fates = Fates(
        settlement, Exits(flood, ports.delay, ports.dead_letters, ports.spool, report), policy, runtime
    )
    circuits = Circuits(
        *(
            Circuit(name, settings.api.circuit, runtime.log, runtime.counters)
            for name in ("api", "files", "store")
        )
    )
    guard = Guard(fates, runtime)
    api = ApiCalls(ports.api, guard, circuits.api, runtime, settings.api.max_concurrent)
    projects = Projects(ports.lake, settings.enrich.project_ttl_s, runtime)
    poison = Poison(settlement, fates, runtime)
    return Flow(
        settlement, buffer, fates, poison, flood, guard, api, projects, pools, circuits, policy, runtime
    )
