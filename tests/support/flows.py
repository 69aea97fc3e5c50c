"""The engine's parts around one stage, on the shipped memory adapters."""

import random
from typing import Any

from claimx.adapters.clock import WallClock
from claimx.adapters.memory import (
    MemoryDeadLetters,
    MemoryDelayQueue,
    MemoryFileHost,
    MemoryFileStore,
    MemoryLake,
    MemorySpool,
)
from claimx.config import tree
from claimx.domain.receipts import Partition
from claimx.domain.stage_names import STAGES, roles_of
from claimx.ports.source import KafkaVitals
from claimx.stages.flow import Flow
from claimx.stages.pipeline import Pipeline, Ports
from claimx.telemetry.log import configure


class NoSource:
    """A consumer that is handed nothing."""

    topics = ("claimx.events.raw",)
    vitals = KafkaVitals()

    async def get(self) -> None:
        return None

    async def commit(self, offsets: Any, note: str) -> None:
        pass

    def pause(self, partition: Partition) -> None:
        pass

    def resume(self, partition: Partition) -> None:
        pass

    async def lag(self) -> int:
        return 0

    def stop(self) -> None:
        pass

    async def close(self) -> None:
        pass


def settings_of(**changes: Any) -> tree.Settings:
    """Settings for stages that meet no real service, sections replaced by name."""
    sections = {
        "api": tree.Api(token=tree.Secret("ZmFrZTpmYWtl")),
        "lake": tree.Lake(tables_url="memory", files_url="memory", flush_interval_s=0.05),
    }
    return tree.Settings(**(sections | changes))


def pipeline_of(settings: tree.Settings | None = None, **ports: Any) -> Pipeline:
    """A pipeline on memory adapters, those given by name in their place."""
    spool = MemorySpool()
    parts: dict[str, Any] = {
        "make_source": lambda _, __: NoSource(),
        "handover": None,
        "api": None,
        "host": MemoryFileHost({}),
        "spool": spool,
        "store": MemoryFileStore(),
        "lake": MemoryLake(),
        "delay": MemoryDelayQueue(),
        "dead_letters": MemoryDeadLetters(),
        "clock": WallClock(),
        "luck": random.Random(7),
    }
    return Pipeline(
        settings or settings_of(), roles_of(STAGES, {}), Ports(**(parts | ports)), configure("error", "json")
    )


def flow_of(settings: tree.Settings | None = None, **ports: Any) -> Flow:
    """The flow of such a pipeline."""
    return pipeline_of(settings, **ports).flow
