"""Bursts of one project: in batches against one event at a time, in one run.

``PYTHONPATH=tests .venv/bin/python bench/enrich.py``. Real: HTTP, the simulator (in this process), the enrich stage and
its flush. Not real: Kafka (events are made), the lake (in memory), downloads (they end in a sink).
"""

import argparse
import asyncio
import time
from random import Random

from claimx.config import tree
from claimx.sandbox.simulator.world import World
from support.bursts import events_of, stage_of

ALONE = tree.Enrich(workers=1, batch_items=1, batch_wait_ms=0)
BATCHED = tree.Enrich()


async def measure(enrich: tree.Enrich, events: int, projects: int, latency_s: float) -> tuple[float, int]:
    """Events per second, and calls."""
    tasks = events_of(World(1), events, projects, Random(7))  # noqa: S311 # no secret
    async with stage_of(enrich, latency_s=latency_s) as stage:
        began = time.perf_counter()
        await stage.take(tasks)
        seconds = time.perf_counter() - began
        return events / seconds, stage.simulator.stats.requests.total()


async def main() -> None:
    """Print both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--projects", type=int, default=5)
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[0.0, 20.0, 100.0])
    options = parser.parse_args()
    for latency_ms in options.latency_ms:
        alone, alone_calls = await measure(ALONE, options.events, options.projects, latency_ms / 1000)
        batched, calls = await measure(BATCHED, options.events, options.projects, latency_ms / 1000)
        print(
            f"latency {latency_ms:5.0f} ms: alone {alone:8.1f} events/s ({alone_calls} calls), "
            f"in batches {batched:8.1f} events/s ({calls} calls): {batched / alone:.1f} x"
        )


if __name__ == "__main__":
    asyncio.run(main())
