"""The delay queue: parks by how many at once, a million rows at rest, and what waiting costs.

``PYTHONPATH=tests .venv/bin/python bench/delay.py [--rows N] [--folder DIR]``. Real: the file, every fsync, the thread.
The folder decides what an fsync costs: take the disk that ``process.state_dir`` will be on.
"""

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.domain.tasks import DownloadTask, Origin, encode_task
from claimx.ports.delay import DelayRow
from support.delayed import STAGES, TOPIC

START = 1_768_146_000_000_000
PARTITIONS = 12
IDLE_S = 10.0
ROUNDS = 7
_CHUNK = 20_000


def parked(number: int) -> DelayRow:
    """A row whose task is 500 bytes of JSON, due at a time that has nothing to do with its number."""
    origin = Origin(TOPIC, number % PARTITIONS, number)
    url = "https://files.example.com/media/" + "x" * 97
    task = DownloadTask(
        "v1:" + "ab" * 32,
        "PROJECT_FILE_ADDED",
        "1234567",
        str(10_000_000 + number),
        url,
        origin,
        START,
        file_name=f"photo-{number:07}.jpg",
        is_url_cut=True,
    )
    return DelayRow("download", task, "file.503", START + number * 7_919 % 1_000_003, START)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteDelayQueue]:
    """The queue, open."""
    queue = SqliteDelayQueue(path)
    queue.open()
    try:
        yield queue
    finally:
        await queue.close()


async def park_rate(path: Path, producers: int, count: int) -> float:
    """Rows per second that so many producers park, one row a call."""
    rows = iter([parked(number) for number in range(count)])

    async def produce(queue: SqliteDelayQueue) -> None:
        for row in rows:
            await queue.park([row])

    async with opened(path) as queue:
        began = time.perf_counter()
        await asyncio.gather(*(produce(queue) for _ in range(producers)))
        return count / (time.perf_counter() - began)


async def alone_rate(path: Path, producers: int, count: int) -> float:
    """The same, but each row has a transaction of its own."""
    rows, turn = iter([parked(number) for number in range(count)]), asyncio.Lock()

    async def produce(queue: SqliteDelayQueue) -> None:
        for row in rows:
            async with turn:
                await queue.park([row])

    async with opened(path) as queue:
        began = time.perf_counter()
        await asyncio.gather(*(produce(queue) for _ in range(producers)))
        return count / (time.perf_counter() - began)


async def compare(place: Path) -> None:
    """64 producers, grouped and not, in turns; then the others."""
    pairs = []
    for turn in range(ROUNDS):
        alone = await alone_rate(place / f"alone{turn}.sqlite", 64, 3_000)
        pairs.append((alone, await park_rate(place / f"grouped{turn}.sqlite", 64, 30_000)))
    for alone, grouped in pairs:
        print(
            f"64 producers: one-row transactions {alone:.0f} rows/s, group commit {grouped:.0f}: {grouped / alone:.1f} x"
        )
    print(f"median of {ROUNDS}: {statistics.median(grouped / alone for alone, grouped in pairs):.1f} x")
    for producers in (1, 8, 512):
        rate = await park_rate(place / f"{producers}.sqlite", producers, min(50_000, producers * 3_000))
        print(f"{producers} producers, group commit: {rate:.0f} rows/s")


async def fill(path: Path, rows: int) -> float:
    """Park rows in large batches; seconds."""
    async with opened(path) as queue:
        began = time.perf_counter()
        for first in range(0, rows, _CHUNK):
            await queue.park([parked(n) for n in range(first, min(rows, first + _CHUNK))])
        return time.perf_counter() - began


async def timed(label: str, times: int, queue: SqliteDelayQueue, now: int) -> None:
    """Lease so many times and say how long one takes."""
    began, leased = time.perf_counter(), 0
    for _ in range(times):
        leased += len((await queue.lease(now, 100, STAGES))[0])
    took_ms = (time.perf_counter() - began) / times * 1000
    print(f"{label}: {took_ms:.2f} ms, {leased // times} rows")


async def at_rest(path: Path) -> None:
    """Open a full file and say what is done with it, and with nothing to do, costs."""
    began = time.perf_counter()
    async with opened(path) as queue:
        open_s = time.perf_counter() - began
        began = time.perf_counter()
        rows = await queue.recover()
        print(f"open and check {open_s:.2f} s, recover {rows} rows {time.perf_counter() - began:.2f} s")
        await timed("lease, nothing due", 100, queue, START - 1)
        await timed("lease, 100 of many due", 20, queue, START + 2_000_000)
        cpu, switches = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        await asyncio.sleep(IDLE_S)
        woken = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - switches
        print(
            f"idle for {IDLE_S:.0f} s: {(time.process_time() - cpu) * 1000:.2f} ms CPU, woken {woken} times"
        )
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"highest RSS of the process {rss:.0f} MiB")


async def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", default=".")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        place = Path(folder)
        print(f"task {len(encode_task(parked(500_000).task))} bytes")
        await compare(place)
        print(f"{options.rows} rows parked in {await fill(place / 'full.sqlite', options.rows):.0f} s")
        full = place / "full.sqlite"
        await at_rest(full)
        print(f"file {full.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    asyncio.run(main())
