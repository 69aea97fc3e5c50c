"""The pipeline over a full topic, in this process: what ``jobs.Pipeline`` and ``jobs.Consume`` ask for."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter

from claimx.adapters.kafka import KafkaSource, source_configs
from claimx.adapters.kafka_readers import READERS
from claimx.adapters.kafka_thread import Subscription
from claimx.app.assembly import Assembly
from claimx.app.bench import jobs
from claimx.app.bench.calling import take_down
from claimx.app.bench.machine import own_cpu_s, peak_mb, process_cpu_s, thread_s
from claimx.app.bench.probes import Probes, new_probes
from claimx.app.tables import make_tables
from claimx.config.load import load
from claimx.config.tree import Settings
from claimx.domain.shares import share_out
from claimx.domain.stage_names import roles_of
from claimx.errors import EngineError
from claimx.ops.bench.figures import Sample
from claimx.ops.summary import totals
from claimx.stages.partitions import Partitions
from claimx.stages.pipeline import Pipeline
from claimx.telemetry.log import configure

_LOOK_S = 0.02
_BEGIN_S = 0.002
_STEADY = 2
"""Looks in a row that must find nothing but flushes to wait for: work may be between two places at one of them."""


async def through(job: jobs.Pipeline) -> Sample:
    """Run the pipeline from the assignment to the last commit.

    When nothing is left but rows that ride with a flush, the run is drained, so that no cycle waits for its age.

    Raises:
        EngineError: not everything was settled.
    """
    settings = _settings(job.settings)
    log = configure("error", "json")
    await make_tables(settings.lake)
    roles, probes = roles_of(job.stages, {}), new_probes()
    async with AsyncExitStack() as stack:
        ports = await Assembly(settings, roles, log, stack).open()
        pipeline = Pipeline(settings, roles, probes.around(ports), log)
        async with asyncio.TaskGroup() as group:
            work = group.create_task(pipeline.run())
            while not pipeline.partitions.owned and not work.done():
                await asyncio.sleep(_BEGIN_S)
            meter = _Meter(job, probes)
            await _worked(pipeline, job, meter, work)
            pipeline.drain()
            await asyncio.wait([work])
            sample = meter.sample(pipeline, settings)
        if not work.result() or pipeline.partitions.violation():
            raise EngineError(f"the pipeline did not settle all: {pipeline.partitions.violation()}")
    if job.calls is not None:
        await asyncio.to_thread(take_down, Path(job.calls), probes.requests)
    return sample


async def consumed(job: jobs.Consume) -> Sample:
    """Consume and decode as the pipeline does, with nothing behind."""
    settings, log = _settings(job.settings), configure("error", "json")
    prefetch = share_out(settings.limits.memory_bytes).prefetch
    configs = source_configs(settings.kafka, "bench", settings.process.instance, prefetch, log)
    partitions = Partitions(settings.kafka.max_partition_ahead)
    cpu, began, seen = own_cpu_s(), perf_counter(), 0
    source = KafkaSource(configs, Subscription((job.topic,), READERS["ingest"]), partitions, log)
    while seen < job.records and (batch := await source.get()) is not None:
        seen += len(batch.items)
    wall_s, cpu_s = perf_counter() - began, own_cpu_s() - cpu
    shares = {"cores": round(cpu_s / wall_s, 3)}
    sample = Sample(items=seen, wall_s=wall_s, cpu_s=cpu_s, rss_mb=peak_mb(), shares=shares)
    source.stop()
    await source.close()
    return sample


def _settings(values: dict[str, jobs.Setting]) -> Settings:
    """The settings of the benchmark and nothing else: neither file nor environment."""
    return load(None, environ={}, overrides=values).settings


async def _worked(pipeline: Pipeline, job: jobs.Pipeline, meter: "_Meter", work: asyncio.Task[bool]) -> None:
    """Wait until all is received and only flushes are waited for."""
    steady = 0
    while steady < _STEADY and not work.done():
        await asyncio.sleep(_LOOK_S)
        meter.look(pipeline)
        steady = steady + 1 if _is_through(pipeline, job) else 0


def _is_through(pipeline: Pipeline, job: jobs.Pipeline) -> bool:
    counts, pools = pipeline.counts.get(job.topic), pipeline.flow.pools
    if counts is None or counts.received < job.records:
        return False
    held = pools.api.used + pools.files.used + pools.spool.used
    return not held and not any(used for used, _ in pipeline.queues.values())


class _Meter:
    """Begins when it is made."""

    def __init__(self, job: jobs.Pipeline, probes: Probes) -> None:
        self._job = job
        self._probes = probes
        self._looks = 0
        self._fullness: Counter[str] = Counter()
        self._servers = {name: process_cpu_s(pid) for name, pid in job.pids.items()}
        self._loop = thread_s()
        self._cpu = own_cpu_s()
        self._began = perf_counter()

    def look(self, pipeline: Pipeline) -> None:
        """Look how full the queues are."""
        self._looks += 1
        for stage, (used, room) in pipeline.queues.items():
            self._fullness[stage] += used / room  # type: ignore[assignment]

    def sample(self, pipeline: Pipeline, settings: Settings) -> Sample:
        """What it came to, at this moment."""
        wall_s = perf_counter() - self._began
        cpu_s = own_cpu_s() - self._cpu
        counters, counts = pipeline.flow.runtime.counters, totals(pipeline.counts)
        probes = self._probes
        return Sample(
            items=self._job.records,
            wall_s=wall_s,
            cpu_s=cpu_s,
            rss_mb=peak_mb(),
            shares=self._shares(wall_s, cpu_s, settings),
            numbers={
                "calls": float(probes.api.calls),
                "calls_saved": float(counters.api_calls_saved),
                "calls_span_s": round(probes.api.span_s, 4),
                "files_span_s": round(probes.upload.ended_at - (probes.download.begun_at or 0.0), 4),
                "files": float(counters.files),
                "file_mb": counters.file_bytes / 1e6,
                "flushes": float(counters.flushes),
                "rows": float(counters.flushed_rows),
                "parked": float(counts.parked),
                "dead_lettered": float(counts.dead_lettered),
            },
        )

    def _shares(self, wall_s: float, cpu_s: float, settings: Settings) -> dict[str, float]:
        probes, (on_cpu, waited) = self._probes, thread_s()
        shares = {
            "cores": cpu_s / wall_s,
            "loop": (on_cpu - self._loop[0]) / wall_s,
            "loop_waits": (waited - self._loop[1]) / wall_s,
            "api": probes.api.mean(wall_s) / settings.api.max_concurrent,
            "download": probes.download.mean(wall_s) / settings.download.workers,
            "upload": probes.upload.mean(wall_s) / settings.upload.workers,
            "lake": probes.lake.busy(wall_s),
        }
        for name, before in self._servers.items():
            shares[f"{name}_cpu"] = (process_cpu_s(self._job.pids[name]) - before) / wall_s
        for stage, total in self._fullness.items():
            shares[f"{stage}_queue"] = total / max(1, self._looks)
        return {name: round(value, 3) for name, value in shares.items()}
