"""The file server of the benchmarks."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from claimx.sandbox.process import Process


@pytest.fixture
async def base_url(tmp_path: Path) -> AsyncIterator[str]:
    async with Process("claimx.sandbox.media_server", ["--dir", str(tmp_path)], tmp_path / "logs") as server:
        yield server.facts["base_url"]


@pytest.mark.parametrize("size", [0, 1, 100_000, 10_000_000])
async def test_a_file_has_the_size_that_its_path_asks_for(base_url: str, size: int) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(2):  # on one connection
            async with session.get(f"{base_url}/{size}/7.jpg") as response:
                assert response.status == 200
                assert response.content_type == "image/jpeg"
                assert len(await response.read()) == size


@pytest.mark.parametrize("path", ["/", "/x/1.jpg", "/999999999/1.jpg"])
async def test_anything_else_is_not_there(base_url: str, path: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(base_url + path) as response:
        assert response.status == 404
