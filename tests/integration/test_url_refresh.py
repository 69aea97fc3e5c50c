"""Links that live for seconds and queues that last for minutes: the stages over HTTP, with a clock that jumps."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from claimx.adapters.claimx_api import HttpClaimxApi
from claimx.adapters.http_files import HttpFile, HttpFileHost
from claimx.adapters.memory import (
    MemoryDeadLetters,
    MemoryDelayQueue,
    MemoryFileStore,
    MemoryLake,
    MemorySpool,
)
from claimx.config import tree
from claimx.domain.files import expires_at, is_expired, object_key
from claimx.domain.receipts import Partition
from claimx.domain.results import UploadResult
from claimx.domain.stage_names import roles_of
from claimx.domain.tasks import (
    DownloadTask,
    EnrichmentTask,
    Origin,
    Task,
    TaskRecord,
    encode_task,
    read_task,
    to_keep,
)
from claimx.domain.times import SECOND, Micros
from claimx.ports.delay import DelayRow
from claimx.ports.source import Assignments, RecordBatch
from claimx.sandbox.simulator.faults import Faults, Rule
from claimx.sandbox.simulator.server import Simulator
from claimx.sandbox.simulator.world import Media, World
from claimx.stages.pipeline import Pipeline, Ports
from claimx.telemetry.log import configure
from support.flows import NoSource, settings_of

TOKEN = "c2FuZGJveDpub3QtYS1zZWNyZXQ="
WORLD = World(5)
LIFE_S, QUEUED_S = 30, 300
SHORT = Rule("short_link", at=("media",), seconds=LIFE_S)
MEDIA = [media for n in range(20) for media in WORLD.project(n).media if media.has_link]
RETRY = tree.Retry(delays_s=(600.0, 600.0))


class Clock:
    """The time of this machine, and what was jumped over."""

    def __init__(self) -> None:
        self.jumped: Micros = 0

    def now(self) -> Micros:
        return time.time_ns() // 1000 + self.jumped

    def jump(self, seconds: float) -> None:
        self.jumped += int(seconds * SECOND)


class Topic(NoSource):
    """A pending topic with these tasks, as bytes."""

    def __init__(self, stage: str, tasks: Sequence[Task], assignments: Assignments) -> None:
        self.topics = (stage,)
        self._records = [read_task((type(t),), encode_task(t), n) for n, t in enumerate(tasks)]
        self.partition = assignments.assigned(stage, 0, 0, "")
        self._end = asyncio.Event()

    async def get(self) -> RecordBatch | None:
        if self._records:
            batch = batch_of(self.partition, self._records)
            self._records = []
            return batch
        await self._end.wait()
        return None

    def stop(self) -> None:
        self._end.set()


def batch_of(partition: Partition, records: Sequence[TaskRecord]) -> RecordBatch:
    return RecordBatch(partition, records, len(records), sum(record.size_bytes for record in records))


class Handed:
    """What was handed to other processes."""

    def __init__(self) -> None:
        self.tasks: list[Any] = []

    async def put(self, _: str, task: Task | UploadResult) -> bool:
        self.tasks.append(task)
        return True


class Line:
    """A file host behind a line on which, for the first requests, time passes; and which can be held up."""

    def __init__(self, host: HttpFileHost, clock: Clock, delays_s: list[float]) -> None:
        self.is_free = asyncio.Event()
        self.is_free.set()
        self.opened = 0
        self._host = host
        self._clock = clock
        self._delays_s = delays_s

    @asynccontextmanager
    async def open(self, url: str) -> AsyncGenerator[HttpFile, None]:
        self.opened += 1
        await self.is_free.wait()
        if self._delays_s:
            self._clock.jump(self._delays_s.pop(0))
        async with self._host.open(url) as file:
            yield file


@dataclass
class Relay:
    """Stages in processes of their own, one after the other; what they share outlives them."""

    simulator: Simulator
    faults: Faults
    clock: Clock
    settings: tree.Settings
    api: HttpClaimxApi
    host: Line
    handed: Handed = field(default_factory=Handed)
    store: MemoryFileStore = field(default_factory=MemoryFileStore)
    lake: MemoryLake = field(default_factory=MemoryLake)
    delay: MemoryDelayQueue = field(default_factory=MemoryDelayQueue)
    letters: MemoryDeadLetters = field(default_factory=MemoryDeadLetters)

    def pipeline(self, stages: Collection[str], tasks: Sequence[Task] = ()) -> Pipeline:
        """One process, with these tasks on the topic of its first stage."""
        first = next(iter(stages))
        ports = Ports(
            make_source=lambda stage, there: Topic(stage, tasks if stage == first else (), there),
            handover=self.handed,
            api=self.api,
            host=self.host,
            spool=MemorySpool(),
            store=self.store,
            lake=self.lake,
            delay=self.delay,
            dead_letters=self.letters,
            clock=self.clock,
            luck=random.Random(7),
        )
        return Pipeline(self.settings, roles_of(stages, {}), ports, configure("error", "json"))

    async def run(self, stages: Collection[str], tasks: Sequence[Task] = ()) -> None:
        """Work until all of the tasks are settled, and nothing is due."""
        pipeline = self.pipeline(stages, tasks)
        async with asyncio.timeout(40), asyncio.TaskGroup() as group:
            running = group.create_task(pipeline.run())
            lines = len(self.lake.state.log) + len(tasks)
            while len(self.lake.state.log) < lines or not await pipeline.is_idle():
                await asyncio.sleep(0.01)
            pipeline.drain()
        assert running.result(), "all is settled"

    async def links(self, media: Sequence[Media] = MEDIA) -> list[DownloadTask]:
        """What the enrich stage hands on for these files."""
        self.handed.tasks.clear()
        await self.run(["enrich"], [added(one, n, self.clock) for n, one in enumerate(media)])
        assert len(self.handed.tasks) == len(media)
        return list(self.handed.tasks)

    def asked(self, endpoint: str) -> int:
        return self.simulator.stats.requests[endpoint]

    @property
    def last_lines(self) -> list[tuple[str, int, str | None]]:
        """What the download settled: outcome, attempts, code."""
        return [(x.outcome, x.attempts, x.error_code) for x in self.lake.state.log if x.stage != "enrich"]


def added(media: Media, offset: int, clock: Clock) -> EnrichmentTask:
    return EnrichmentTask(
        event_id=f"e{offset}",
        event_type="PROJECT_FILE_ADDED",
        project_id=str(media.project_id),
        ingested_at=clock.now(),
        origin=Origin("claimx.events.raw", 0, offset),
        first_tried_at=clock.now(),
        media_id=str(media.media_id),
    )


@asynccontextmanager
async def relay_of(
    *rules: Rule, line_s: Sequence[float] = (), is_ahead: bool = False, workers: int = 16
) -> AsyncIterator[Relay]:
    """Start the simulator, and what talks to it.

    Args:
        line_s: how long the first requests of files are on their way.
        is_ahead: jumps move our clock alone, not that of the hosts.
        workers: files that are transferred at once.
    """
    clock, faults = Clock(), Faults(1, rules)
    async with Simulator(WORLD, faults, TOKEN, Clock().now if is_ahead else clock.now) as simulator:
        hosts = tuple(base.removeprefix("http://") for base in (simulator.file_base, simulator.object_base))
        settings = settings_of(
            api=tree.Api(base_url=simulator.base_url, token=tree.Secret(TOKEN)),
            download=tree.Download(
                workers=workers,
                allowed_hosts=("127.0.0.1",),
                allow_insecure_hosts=hosts,
                memory_file_bytes=16 * 2**20,
            ),
            lake=tree.Lake(tables_url="memory", files_url="memory", flush_interval_s=0.05),
            retry=RETRY,
        )
        api = HttpClaimxApi(settings.api, lambda: TOKEN, clock)
        host = HttpFileHost(settings.download, lambda: TOKEN, clock)
        await api.open()
        await host.start()
        try:
            yield Relay(simulator, faults, clock, settings, api, Line(host, clock, list(line_s)))
        finally:
            await api.close()
            await host.close()


def stored(relay: Relay, media: Sequence[Media]) -> bool:
    """Whether all of these files are there, as they are, and no other."""
    return relay.store.files == {
        object_key(str(one.project_id), str(one.media_id), one.name): WORLD.content(one) for one in media
    }


async def test_every_file_arrives_though_its_link_lives_for_thirty_seconds_and_its_queue_for_five_minutes():
    async with relay_of(SHORT) as relay:
        tasks = await relay.links()
        lives = [(expires_at(task.url) or 0) - relay.clock.now() for task in tasks]
        assert 0 < min(lives) <= max(lives) <= LIFE_S * SECOND
        relay.clock.jump(QUEUED_S)
        assert all(is_expired(task.url, relay.clock.now()) for task in tasks)
        before = relay.asked("media")
        await relay.run(["download", "upload"], tasks)
        assert stored(relay, MEDIA)
        assert relay.last_lines == [("committed", 1, None)] * len(MEDIA)
        assert relay.letters.letters == []
        assert not relay.delay.state.rows
        objects = sum("/bucket/" in task.url for task in tasks)
        assert 0 < objects < len(tasks), "links of both forms"
        assert relay.asked("object") == len(MEDIA), "no file was asked for with a link that is dead"
        assert relay.asked("file") == len(MEDIA) - objects
        projects = len({media.project_id for media in MEDIA})
        assert projects <= relay.asked("media") - before <= 2 * projects, (
            "files of one project share the call"
        )


async def test_a_parked_file_asks_for_its_link_before_the_first_request():
    async with relay_of(SHORT) as relay:
        tasks = await relay.links(MEDIA[:12])
        rows = [
            DelayRow("download", to_keep(msgspec.structs.replace(task, attempt=2)), "file.5xx", 0, 0)
            for task in tasks
        ]
        assert not any("?" in row.task.url for row in rows if isinstance(row.task, DownloadTask))
        await relay.delay.park(rows)
        await relay.run(["download", "upload"])
        assert stored(relay, MEDIA[:12])
        assert relay.last_lines == [("committed", 2, None)] * 12
        assert relay.asked("object") == 12, "nothing was asked for without a signature"


async def test_a_link_that_runs_out_on_its_way_costs_no_attempt_even_if_it_was_fresh():
    async with relay_of(SHORT, line_s=[60.0, 60.0]) as relay:
        tasks = await relay.links(MEDIA[:1])
        relay.clock.jump(QUEUED_S)
        await relay.run(["download", "upload"], tasks)
        assert stored(relay, MEDIA[:1])
        assert relay.last_lines == [("committed", 1, None)]


async def test_links_that_run_out_while_files_stand_in_line_are_not_tried():
    async with relay_of(SHORT, line_s=[60.0], workers=1) as relay:
        tasks = await relay.links(MEDIA[1:7])
        relay.host.is_free.clear()
        async with asyncio.TaskGroup() as group:
            group.create_task(relay.run(["download", "upload"], tasks))
            while not relay.host.opened:
                await asyncio.sleep(0.01)
            relay.host.is_free.set()
        assert stored(relay, MEDIA[1:7])
        assert relay.last_lines == [("committed", 1, None)] * 6
        assert relay.host.opened == 6 + 1, "only the one that was on its way"


async def test_a_file_that_stands_in_line_while_its_partition_is_revoked_is_not_asked_for():
    async with relay_of(workers=1) as relay:
        tasks = await relay.links(MEDIA[1:7])
        relay.host.is_free.clear()
        pipeline = relay.pipeline(["download", "upload"], tasks)
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            running = group.create_task(pipeline.run())
            while not relay.host.opened:
                await asyncio.sleep(0.01)
            topic = next(source for source in pipeline.sources if source.topics == ("download",))
            pipeline.partitions.revoked(topic.partition)
            relay.host.is_free.set()
            pipeline.drain()
        assert running.result()
        assert relay.host.opened == 1
        assert relay.last_lines == []


async def test_an_api_that_hands_out_dead_links_alone_costs_an_attempt_and_is_no_endless_loop():
    async with relay_of(SHORT) as relay:
        tasks = await relay.links(MEDIA[:1])
        relay.clock.jump(QUEUED_S)
        relay.faults.replace([Rule("expired_link", at=("media",))])
        before = relay.asked("media")
        await relay.run(["download", "upload"], tasks)
        ((row, _),) = relay.delay.state.rows.values()
        assert relay.last_lines == [("parked", 1, row.code)]
        assert row.code in {"file.html", "file.stale"}
        assert relay.asked("media") - before <= 4
        relay.faults.replace([SHORT])
        relay.clock.jump(1200)
        await relay.run(["download", "upload"])
        assert stored(relay, MEDIA[:1])


async def test_the_api_that_fails_while_a_link_is_refreshed_is_what_the_attempt_is_for():
    async with relay_of(SHORT) as relay:
        tasks = await relay.links(MEDIA[:3])
        relay.clock.jump(QUEUED_S)
        relay.faults.replace([SHORT, Rule("status", at=("media",), status=503)])
        await relay.run(["download", "upload"], tasks)
        assert relay.last_lines == [("parked", 1, "api.5xx")] * 3
        assert relay.asked("file") == relay.asked("object") == 0
        parked = [row.task for row, _ in relay.delay.state.rows.values()]
        assert [(task.attempt, task.url.partition("?")[1]) for task in parked] == [(2, "")] * 3
        relay.faults.replace([SHORT])
        relay.clock.jump(1200)
        await relay.run(["download", "upload"])
        assert stored(relay, MEDIA[:3])
        assert relay.last_lines[3:] == [("committed", 2, None)] * 3


async def test_a_link_that_was_just_asked_for_is_used_whatever_our_clock_says_of_it():
    async with relay_of(SHORT, is_ahead=True) as relay:
        relay.clock.jump(3600)
        tasks = await relay.links(MEDIA[:3])
        assert all(is_expired(task.url, relay.clock.now()) for task in tasks)
        await relay.run(["download", "upload"], tasks)
        assert stored(relay, MEDIA[:3])
        assert relay.last_lines == [("committed", 1, None)] * 3


async def test_a_fresh_link_that_is_refused_before_its_time_is_given_up():
    async with relay_of() as relay:
        tasks = await relay.links(MEDIA[:1])
        relay.faults.replace([Rule("status", at=("file", "object"), status=403)])
        await relay.run(["download", "upload"], tasks)
        assert relay.last_lines == [("dead_lettered", 1, "file.stale")]
        (letter,) = relay.letters.letters
        assert dict(letter.headers)["claimx-url-refresh-attempted"] == b"true"
        assert b"?" not in letter.value
        assert relay.asked("file") + relay.asked("object") == 2


async def test_a_refresh_that_found_nothing_was_attempted_all_the_same():
    async with relay_of() as relay:
        tasks = await relay.links(MEDIA[:1])
        relay.clock.jump(2 * 86_400)
        relay.faults.replace([Rule("hidden", at=("media",), seconds=600)])
        await relay.run(["download", "upload"], tasks)
        assert set(relay.last_lines) == {("parked", 1, "media.not_found")}
        relay.clock.jump(400)
        await relay.run(["download", "upload"])
        assert relay.last_lines[-1] == ("dead_lettered", 1, "media.not_found")
        (letter,) = relay.letters.letters
        assert dict(letter.headers)["claimx-url-refresh-attempted"] == b"true"
