"""``python -m claimx.app.bench.child``: one measurement in a process of its own; job on stdin, sample on stdout."""

import asyncio
import sys
from collections.abc import Iterator
from typing import assert_never
from uuid import uuid4

import msgspec

from claimx.adapters.kafka_bench import Produced, bare_loop, fill
from claimx.app.bench import jobs
from claimx.app.bench.calling import called
from claimx.app.bench.delays import delayed
from claimx.app.bench.fetching import fetched
from claimx.app.bench.machine import counted, timed
from claimx.app.bench.through import consumed, through
from claimx.errors import ClaimxError
from claimx.ops.bench.figures import Sample
from claimx.sandbox import loads
from claimx.sandbox.simulator.records import records
from claimx.sandbox.simulator.world import World


def main() -> int:
    """Do the job and answer."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=jobs.Job)
    try:
        sample = asyncio.run(done(job))
    except ClaimxError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(msgspec.json.encode(sample).decode() + "\n")
    return 0


async def done(job: jobs.Job) -> Sample:
    """Do the job."""
    match job:
        case jobs.Pipeline():
            return await through(job)
        case jobs.Consume():
            return await consumed(job)
        case jobs.Calls():
            return await called(job)
        case jobs.Fetch():
            return await fetched(job)
        case jobs.Park() | jobs.Rest():
            return await delayed(job)
        case _:
            return await _plain(job)


async def _plain(job: jobs.Fill | jobs.BareLoop) -> Sample:
    """What is timed from its beginning to its end."""
    match job:
        case jobs.Fill():
            return await timed(asyncio.to_thread(fill, job.servers, job.topic, _produced(job)))
        case jobs.BareLoop():
            group_id = f"{job.topic}-bare-{uuid4()}"
            loop = asyncio.to_thread(
                bare_loop, job.servers, job.topic, job.records, group_id, is_whole=job.is_whole
            )
            return await timed(counted(loop, job.records))
        case _:
            assert_never(job)


def _produced(job: jobs.Fill) -> Iterator[Produced]:
    world = World(job.seed)
    match job.load:
        case "rows":
            made = loads.rows_only(job.count)
        case "enrich":
            made = loads.mixed(world, job.count)
        case "bursts":
            made = loads.bursts(world, job.count)
        case "world":
            made = records(world, job.count)
        case "downloads":
            made = loads.downloads(job.base_url, job.size, job.count)
        case _:
            assert_never(job.load)
    return ((record.key, record.value, record.timestamp_ms or 0) for record in made)


if __name__ == "__main__":
    sys.exit(main())
