"""The delay queue in this process: what ``jobs.Park`` and ``jobs.Rest`` ask for."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.app.bench import jobs
from claimx.app.bench.machine import own_cpu_s, peak_mb
from claimx.domain.tasks import DownloadTask, Origin
from claimx.ops.bench.figures import Sample
from claimx.ports.delay import DelayRow

_TOPIC = "claimx.events.raw"
_START = 1_768_146_000_000_000
_PARTITIONS = 12
_STAGES = ("enrich", "download")
_IDLE_S = 5.0
_CHUNK = 20_000
_LEASED = 100
_LOOKS = 100


async def delayed(job: jobs.Park | jobs.Rest) -> Sample:
    """Park, or rest."""
    return await (_park(job) if isinstance(job, jobs.Park) else _rest(job))


async def _park(job: jobs.Park) -> Sample:
    """Park rows, one a call, by so many producers at once; alone, each row has a transaction of its own."""
    rows = iter([_row(number) for number in range(job.rows)])
    turn = asyncio.Lock()

    async def produce(queue: SqliteDelayQueue) -> None:
        for each in rows:
            if job.is_alone:
                async with turn:
                    await queue.park([each])
            else:
                await queue.park([each])

    async with _opened(Path(job.path)) as queue:
        cpu, began = own_cpu_s(), perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(job.producers):
                group.create_task(produce(queue))
        wall_s, cpu_s = perf_counter() - began, own_cpu_s() - cpu
    shares = {"cores": round(cpu_s / wall_s, 3), "disk": round(max(0.0, 1 - cpu_s / wall_s), 3)}
    return Sample(items=job.rows, wall_s=wall_s, cpu_s=cpu_s, rss_mb=peak_mb(), shares=shares)


async def _rest(job: jobs.Rest) -> Sample:
    """Lease from a full queue, after a restart, until ``_LEASED`` times a hundred rows or all are leased."""
    path = Path(job.path)
    fill_s = await _fill(path, job.rows)
    began = perf_counter()
    async with _opened(path) as queue:
        open_s = perf_counter() - began
        began = perf_counter()
        await queue.recover()
        recover_s = perf_counter() - began
        nothing_s, _ = await _leases(queue, _START - 1, _LOOKS)
        cpu = own_cpu_s()
        looks = max(1, min(_LOOKS, job.rows // _LEASED))
        lease_s, leased = await _leases(queue, _START + 2_000_000, looks)
        cpu_s = own_cpu_s() - cpu
        idle_ms, woken = await _idle()
    size = (await asyncio.to_thread(path.stat)).st_size
    return Sample(
        items=leased,
        wall_s=lease_s,
        cpu_s=cpu_s,
        rss_mb=peak_mb(),
        shares={"cores": round(cpu_s / lease_s, 3)},
        numbers={
            "parked_per_s": job.rows / fill_s,
            "open_s": open_s,
            "recover_s": recover_s,
            "nothing_due_ms": nothing_s / _LOOKS * 1000,
            "lease_of_100_ms": lease_s / looks * 1000,
            "idle_cpu_ms_per_s": idle_ms / _IDLE_S,
            "idle_wakes_per_s": woken / _IDLE_S,
            "file_mb": size / 1e6,
        },
    )


def _row(number: int) -> DelayRow:
    """A row whose task is 500 bytes of JSON, due at a time that has nothing to do with its number."""
    origin = Origin(_TOPIC, number % _PARTITIONS, number)
    url = "https://files.example.com/media/" + "x" * 97
    task = DownloadTask(
        "v1:" + "ab" * 32,
        "PROJECT_FILE_ADDED",
        "1234567",
        str(10_000_000 + number),
        url,
        origin,
        _START,
        file_name=f"photo-{number:07}.jpg",
        is_url_cut=True,
    )
    return DelayRow("download", task, "file.503", _START + number * 7_919 % 1_000_003, _START)


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[SqliteDelayQueue]:
    queue = SqliteDelayQueue(path)
    queue.open()
    try:
        yield queue
    finally:
        await queue.close()


async def _fill(path: Path, rows: int) -> float:
    """Park rows in large batches; seconds."""
    async with _opened(path) as queue:
        began = perf_counter()
        for first in range(0, rows, _CHUNK):
            await queue.park([_row(n) for n in range(first, min(rows, first + _CHUNK))])
        return perf_counter() - began


async def _leases(queue: SqliteDelayQueue, now: int, times: int) -> tuple[float, int]:
    began, leased = perf_counter(), 0
    for _ in range(times):
        leased += len((await queue.lease(now, _LEASED, _STAGES))[0])
    return perf_counter() - began, leased


async def _idle() -> tuple[float, int]:
    """CPU in ms, and how often a thread was woken, while nothing is asked of the queue."""
    cpu, switches = own_cpu_s(), resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    await asyncio.sleep(_IDLE_S)
    return (own_cpu_s() - cpu) * 1000, resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - switches
