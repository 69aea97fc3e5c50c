"""The enrich stage alone, against the simulator over HTTP: events go in, calls are counted."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

from claimx.adapters.claimx_api import HttpClaimxApi
from claimx.adapters.clock import WallClock
from claimx.adapters.memory import MemoryLake
from claimx.config import tree
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import Receipt
from claimx.domain.tasks import DownloadTask, EnrichmentTask, Origin
from claimx.sandbox.simulator.faults import Faults, Rule
from claimx.sandbox.simulator.server import Simulator
from claimx.sandbox.simulator.world import World
from claimx.stages.enrich import Enrich
from claimx.stages.flow import Flow
from claimx.stages.flush import Flush
from claimx.stages.pool import Channel
from claimx.stages.work import Work
from support.flows import flow_of, settings_of

TOKEN = "c2FuZGJveDpub3QtYS1zZWNyZXQ="
NOW = 1_768_146_100_000_000
_TYPES = ("PROJECT_FILE_ADDED",) * 16 + (
    "PROJECT_CREATED",
    "PROJECT_MFN_ADDED",
    "POLICYHOLDER_INVITED",
    "VIDEO_COLLABORATION_COMPLETED",
)


def events_of(world: World, number: int, projects: int, rng: Random) -> list[EnrichmentTask]:
    """Make events of so many projects, in bursts: all of one project, then all of the next."""
    tasks: list[EnrichmentTask] = []
    for n in range(number):
        project = world.project(n * projects // number)
        event_type = rng.choice(_TYPES)
        media = rng.choice(project.media)
        tasks.append(
            EnrichmentTask(
                event_id=f"e{n}",
                event_type=event_type,
                project_id=str(project.project_id),
                ingested_at=NOW + n,
                origin=Origin("t", 0, n),
                first_tried_at=NOW,
                media_id=str(media.media_id) if event_type == "PROJECT_FILE_ADDED" else None,
                master_file_name="MFN" if event_type == "PROJECT_MFN_ADDED" else None,
            )
        )
    return tasks


class Stage:
    """The enrich stage, its flush, and a sink in place of the download stage."""

    def __init__(
        self, flow: Flow, settings: tree.Settings, simulator: Simulator, faults: Faults, lake: MemoryLake
    ) -> None:
        self.flow = flow
        self.simulator = simulator
        self.faults = faults
        self.lake = lake
        self.sunk: list[str] = []
        self.channel: Channel[Work] = Channel(settings.enrich.queue_items)
        self.enrich = Enrich(flow, settings.enrich, self.channel, self._sink)

    async def take(self, tasks: Sequence[EnrichmentTask], *, is_retry: bool = False) -> None:
        """Enrich all of them; returns when each is settled."""
        for task in tasks:
            receipt = Receipt(task.origin, 0, NOW)
            self.flow.settlement.begin(receipt)
            work = Work("enrich", task, receipt)
            work.is_retry = is_retry
            await self.channel.put([work])
        while self.flow.settlement.live:
            await self.flow.settlement.idle.wait()

    async def _sink(self, works: Sequence[Work]) -> None:
        for work in works:
            self.sunk += [work.task.media_id] if isinstance(work.task, DownloadTask) else []
            self.flow.settlement.close(work.receipt, Outcome.COMMITTED)


@asynccontextmanager
async def stage_of(enrich: tree.Enrich, *, latency_s: float = 0.0, **ports: object) -> AsyncIterator[Stage]:
    """Start the simulator in this process and the stage against it.

    Args:
        latency_s: of every answer of the API.
        ports: in place of the usual ones.
    """
    faults = Faults(1, [Rule("latency", seconds=latency_s)] if latency_s else [])
    async with Simulator(World(1), faults, TOKEN) as simulator:
        settings = settings_of(
            api=tree.Api(base_url=simulator.base_url, token=tree.Secret(TOKEN)), enrich=enrich
        )
        api, lake = HttpClaimxApi(settings.api, lambda: TOKEN, WallClock()), MemoryLake()
        await api.open()
        flow = flow_of(settings, api=api, lake=lake, **ports)
        stage = Stage(flow, settings, simulator, faults, lake)
        try:
            async with asyncio.TaskGroup() as group:
                bodies = (flow.api.run(), stage.enrich.run(), Flush(flow, lake).run())
                owners = [group.create_task(body) for body in bodies]
                yield stage
                for owner in owners:
                    owner.cancel()
        finally:
            await api.close()
