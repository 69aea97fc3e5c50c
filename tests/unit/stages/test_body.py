"""Bodies as they come: small ones in memory, large ones in the spool, doubtful ones not at all."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256

import pytest

from claimx.adapters.memory import MemoryFile, MemorySpool
from claimx.config.tree import Download
from claimx.domain.receipts import Receipt
from claimx.domain.tasks import DownloadTask, Origin
from claimx.errors import ExpiredUrlError, TransientError
from claimx.stages.body import Body
from claimx.stages.flow import Pools
from claimx.stages.pool import Budget
from claimx.stages.sink import CHUNK_BYTES
from claimx.stages.work import Work

SETTINGS = Download(memory_file_bytes=2 * CHUNK_BYTES, max_bytes=8 * CHUNK_BYTES)
SMALL = b"\xff\xd8\xff" + bytes(range(256))
LARGE = SMALL * 12_000


class Host:
    """Sends one body after the other, whatever is asked for; the last one again and again."""

    def __init__(self, *bodies: bytes, is_end_marked: bool = True, is_length_sent: bool = True) -> None:
        self.opened = 0
        self._bodies = bodies
        self._is_end_marked = is_end_marked
        self._is_length_sent = is_length_sent

    @asynccontextmanager
    async def open(self, _: str) -> AsyncGenerator[MemoryFile, None]:
        file = MemoryFile(self._bodies[min(self.opened, len(self._bodies) - 1)], "image/jpeg")
        self.opened += 1
        file.is_end_marked = self._is_end_marked
        if not self._is_length_sent or not self._is_end_marked:
            file.length = None
        yield file


class Rig:
    """A host, a spool, and the pools they draw on."""

    def __init__(self, host: Host, spool_bytes: int = 16 * CHUNK_BYTES) -> None:
        self.host = host
        self.spool = MemorySpool()
        self.pools = Pools(Budget(0), Budget(0), Budget(64 * CHUNK_BYTES), Budget(spool_bytes))

    def body(self, media_id: str = "7") -> tuple[Body, Work]:
        origin = Origin("t", 0, int(media_id))
        task = DownloadTask("e", "PROJECT_FILE_ADDED", "1", media_id, "https://h/x?s", origin, 0, "a.jpg")
        work = Work("download", task, Receipt(origin, 0, 0))
        return Body(work, self.host, self.spool, self.pools, SETTINGS), work

    @property
    def held(self) -> tuple[int, int]:
        return self.pools.files.used, self.pools.spool.used


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_small_file_passes_as_bytes_and_holds_what_it_takes() -> None:
    rig = Rig(Host(SMALL))
    body, work = rig.body()
    cached = await body.read()
    assert (work.content, cached.path) == (SMALL, None)
    assert (cached.size_bytes, cached.sha256) == (len(SMALL), sha256(SMALL).hexdigest())
    assert rig.held == (len(SMALL), 0)


@pytest.mark.parametrize("is_length_sent", [True, False])
async def test_a_large_file_passes_through_the_spool_and_holds_what_it_takes(is_length_sent: bool) -> None:
    rig = Rig(Host(LARGE, is_length_sent=is_length_sent))
    body, work = rig.body()
    cached = await body.read()
    assert rig.spool.files == {work.content: LARGE}
    assert cached.path == str(work.content)
    assert rig.held == (CHUNK_BYTES, len(LARGE))


async def test_a_full_spool_makes_the_next_large_file_wait_and_a_small_one_pass() -> None:
    rig = Rig(Host(LARGE, LARGE, SMALL), spool_bytes=len(LARGE) + 1)
    first, first_work = rig.body("1")
    await first.read()
    second, second_work = rig.body("2")
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        waiting = group.create_task(second.read())
        await settle()
        assert not waiting.done()
        assert rig.pools.spool.used == len(LARGE)
        small, _ = rig.body("3")
        await small.read()
        assert not waiting.done()
        first_work.release()
    assert rig.spool.files[second_work.content] == LARGE
    assert rig.pools.spool.peak <= len(LARGE) + 1


async def test_a_try_that_fails_leaves_nothing_in_the_spool_and_holds_nothing() -> None:
    rig = Rig(Host(LARGE[:-1], LARGE, is_end_marked=False))
    body, _ = rig.body()
    with pytest.raises(TransientError):
        await body.read()
    assert rig.held == (0, 0)
    assert rig.spool.files == {}


@pytest.mark.parametrize("content", [SMALL, LARGE])
async def test_a_body_whose_end_is_not_marked_is_kept_when_it_comes_twice_the_same(content: bytes) -> None:
    rig = Rig(Host(content, is_end_marked=False))
    body, _ = rig.body()
    assert (await body.read()).sha256 == sha256(content).hexdigest()
    assert rig.host.opened == 2


@pytest.mark.parametrize("bodies", [(LARGE[:-9], LARGE), (LARGE, LARGE[:-9]), (SMALL[:9], SMALL)])
async def test_a_body_whose_end_is_not_marked_is_not_kept_when_it_comes_cut_off(
    bodies: Sequence[bytes],
) -> None:
    body, _ = Rig(Host(*bodies, is_end_marked=False)).body()
    with pytest.raises(TransientError) as caught:
        await body.read()
    assert caught.value.code == "file.truncated"


async def test_an_empty_file_is_kept_when_its_length_is_declared_and_it_comes_empty_twice() -> None:
    body, work = Rig(Host(b"")).body()
    with pytest.raises(TransientError) as caught:
        await body.read()
    assert caught.value.code == "file.empty"
    assert (await body.read()).size_bytes == 0
    assert work.content == b""


async def test_an_empty_file_without_a_declared_length_is_never_kept() -> None:
    body, _ = Rig(Host(b"", is_length_sent=False)).body()
    for _ in range(3):
        with pytest.raises(TransientError):
            await body.read()


@pytest.mark.parametrize("is_end_marked", [True, False])
async def test_a_page_where_a_file_was_expected_is_a_stale_link(is_end_marked: bool) -> None:
    body, _ = Rig(Host(b"<!DOCTYPE html><html>sign in", is_end_marked=is_end_marked)).body()
    with pytest.raises(ExpiredUrlError):
        await body.read()
