"""What the HTTP clients are compared with: aiohttp as it is, with as many workers as calls may be under way."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec
from yarl import URL

from claimx.adapters.claimx_calls import Call
from claimx.adapters.fsync import fsync_path
from claimx.adapters.http_common import basic

T = TypeVar("T")

_NOT_FOUND = 404
_WHOLE_BYTES = 8 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024


async def make_calls(base_url: str, token: str, calls: Sequence[Call], concurrency: int) -> None:
    """Make calls of the API and decode their answers; a 404 is an answer.

    Raises:
        aiohttp.ClientError: another status, or none.
    """
    headers = {"Authorization": basic(token), "Accept": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:

        async def one(call: Call) -> None:
            url = URL(f"{base_url}{call.path}{call.query}", encoded=True)
            async with session.request(call.method, url, json=call.body, headers=headers) as response:
                body = await response.read()
                if response.status != _NOT_FOUND:
                    response.raise_for_status()
                    msgspec.json.decode(body)

        await each(calls, concurrency, one)


async def fetch(urls: Sequence[str], concurrency: int, folder: Path, *, is_durable: bool) -> None:
    """Download files into a folder: a small one in one piece, a large one chunk by chunk.

    Args:
        is_durable: fsync each file and the folder.
    """
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:

        async def one(numbered: tuple[int, str]) -> None:
            number, url = numbered
            path = folder / str(number)
            async with session.get(url) as response:
                response.raise_for_status()
                await _write(response, path)
            if is_durable:
                await asyncio.to_thread(_make_durable, path)

        await each(list(enumerate(urls)), concurrency, one)


async def _write(response: aiohttp.ClientResponse, path: Path) -> None:
    """Write in the loop: to the page cache it is quicker than a thread."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        if (response.content_length or 0) <= _WHOLE_BYTES:
            os.write(descriptor, await response.read())
            return
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            os.write(descriptor, chunk)
    finally:
        os.close(descriptor)


def _make_durable(path: Path) -> None:
    fsync_path(path)
    fsync_path(path.parent)


async def each(items: Iterable[T], workers: int, body: Callable[[T], Awaitable[object]]) -> None:
    """Do something with every item, so many at once."""
    left = iter(items)

    async def work() -> None:
        for item in left:
            await body(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
