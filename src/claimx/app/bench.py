"""The ingest benchmark: real broker, real Delta on disk, every guarantee on."""

import asyncio
import multiprocessing
import resource
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from claimx.adapters.kafka_bench import bare_loop, create_topics, produce_events
from claimx.app.assembly import Assembly
from claimx.app.tables import make_tables
from claimx.config.options import BenchOptions
from claimx.config.tree import Api, Kafka, Lake, Process, Secret, Settings, Topics
from claimx.domain.stage_names import FLOW, roles_of
from claimx.errors import EngineError
from claimx.ops.bench import IngestFigures
from claimx.sandbox.launch import PARTITIONS, Broker
from claimx.stages.pipeline import Pipeline
from claimx.telemetry.log import configure

_EMBEDDED_MAX = 300_000
_BEGIN = 1_768_146_000_000_000
_POLL_S = 0.02
_KIB_PER_MB = 1000
_ROLES = roles_of(FLOW, {})


async def measure_ingest(options: BenchOptions, scratch: Path) -> IngestFigures:
    """Fill a topic, measure the bare loop over it, then the pipeline from subscription to the last offset commit.

    Args:
        scratch: tables and state go below it.

    Raises:
        EngineError: more events than the embedded broker keeps, or the pipeline did not take them all.
    """
    if options.broker is None and options.events > _EMBEDDED_MAX:
        raise EngineError(
            f"the embedded broker keeps 5 MB for each partition: at most {_EMBEDDED_MAX:,} events; use --broker for more"
        )
    topics = Topics() if options.broker is None else _named(scratch.name)
    async with AsyncExitStack() as stack:
        servers = options.broker
        if servers is None:
            broker = await stack.enter_async_context(Broker(scratch))
            servers = broker.bootstrap_servers
        else:
            wanted = msgspec.structs.astuple(topics)
            await asyncio.to_thread(create_topics, servers, wanted, PARTITIONS)
        await asyncio.to_thread(_produce, servers, topics.events_raw, options.events)
        bare_us = await asyncio.to_thread(
            _cpu_us, lambda: bare_loop(servers, topics.events_raw, options.events), options.events
        )
        kafka = Kafka(bootstrap_servers=servers, topics=topics, group_id=scratch.name)
        figures = await _ingest(_settings(kafka, scratch), options.events)
    figures.bare_loop_cpu_us_per_event = round(bare_us, 2)
    figures.ratio_to_bare_loop = round(figures.cpu_us_per_event / bare_us, 2)
    figures.broker = "embedded" if options.broker is None else options.broker
    return figures


def _produce(servers: str, topic: str, events: int) -> None:
    """Fill the topic from a process of its own, so that its memory is not taken for the pipeline's."""
    spawn = multiprocessing.get_context("spawn")
    producer = spawn.Process(target=produce_events, args=(servers, topic, events, _BEGIN))
    producer.start()
    producer.join()
    if producer.exitcode:
        raise EngineError("the benchmark's events could not be produced")


async def _ingest(settings: Settings, events: int) -> IngestFigures:
    log = configure("warning", "json")
    loop = asyncio.get_running_loop()
    await make_tables(settings.lake)
    async with AsyncExitStack() as stack:
        pipeline = Pipeline(settings, _ROLES, await Assembly(settings, _ROLES, log, stack).open(), log)
        began, cpu = loop.time(), _cpu_s()
        async with asyncio.TaskGroup() as group:
            work = group.create_task(pipeline.run())
            while not _is_committed(pipeline, events):
                await asyncio.sleep(_POLL_S)
            took, cpu = loop.time() - began, _cpu_s() - cpu
            pipeline.drain()
        if not work.result() or pipeline.partitions.violation():
            raise EngineError(f"the pipeline did not settle all: {pipeline.partitions.violation()}")
        return IngestFigures(
            events=events,
            events_per_s=round(events / took),
            cpu_us_per_event=round(cpu / events * 1e6, 2),
            bare_loop_cpu_us_per_event=0.0,
            ratio_to_bare_loop=0.0,
            rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_MB),
            broker="",
            flushes=pipeline.flow.runtime.counters.flushes,
            duration_s=round(took, 2),
        )


def _is_committed(pipeline: Pipeline, events: int) -> bool:
    """Whether every record is settled as committed and every offset is committed to Kafka."""
    settled = sum(counts.committed for counts in pipeline.counts.values())
    return settled == events and all(p.committed == p.position for p in pipeline.partitions.owned.values())


def _settings(kafka: Kafka, scratch: Path) -> Settings:
    return Settings(
        kafka=kafka,
        api=Api(token=Secret("bench"), base_url="http://127.0.0.1:9"),
        process=Process(state_dir=str(scratch / "state")),
        lake=Lake(tables_url=str(scratch / "tables"), files_url=str(scratch / "files"), flush_interval_s=1.0),
    )


def _named(run: str) -> Topics:
    return Topics(
        events_raw=f"{run}.raw",
        events_dlq=f"{run}.events.dlq",
        enrichment_dlq=f"{run}.enrichment.dlq",
        downloads_dlq=f"{run}.downloads.dlq",
    )


def _cpu_us(work: Callable[[], None], events: int) -> float:
    before = _cpu_s()
    work()
    return (_cpu_s() - before) / events * 1e6


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
