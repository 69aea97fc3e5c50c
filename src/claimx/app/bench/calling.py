"""The calls that a pipeline made, made again: what ``jobs.Calls`` asks for."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from claimx.adapters.claimx_api import HttpClaimxApi
from claimx.adapters.claimx_calls import call_of
from claimx.adapters.clock import WallClock
from claimx.adapters.http_bench import each, make_calls
from claimx.app.bench import jobs
from claimx.app.bench.machine import counted, timed
from claimx.config.tree import Api, Secret
from claimx.domain import answers
from claimx.domain.answers import ApiRequest
from claimx.ops.bench.figures import Sample


def take_down(path: Path, requests: Sequence[ApiRequest]) -> None:
    """Write requests down, in order."""
    path.write_bytes(msgspec.json.encode([(type(request).__name__, request) for request in requests]))


def taken_down(path: Path) -> list[ApiRequest]:
    """Read them again."""
    written = msgspec.json.decode(path.read_bytes(), type=list[tuple[str, list[str | tuple[str, ...]]]])
    return [getattr(answers, name)(*fields) for name, fields in written]


async def called(job: jobs.Calls) -> Sample:
    """Make the calls.

    Raises:
        ItemError: the API did not answer one.
    """
    requests = await asyncio.to_thread(taken_down, Path(job.calls))
    settings = Api(base_url=job.base_url, token=Secret(job.token), max_concurrent=job.concurrency)
    if job.client == "bare":
        calls = [call_of(request, settings.sender_username) for request in requests]
        work = make_calls(job.base_url, job.token, calls, job.concurrency)
    else:
        work = _with_ours(settings, requests)
    return await timed(counted(work, len(requests)))


async def _with_ours(settings: Api, requests: Sequence[ApiRequest]) -> None:
    api = HttpClaimxApi(settings, settings.token.reveal, WallClock())
    await api.open()
    try:
        await each(requests, settings.max_concurrent, api.send)
    finally:
        await api.close()
