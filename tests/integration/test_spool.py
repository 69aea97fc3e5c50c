"""The spool on a real disk."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from claimx.adapters.spool import LocalSpool
from claimx.errors import TransientError


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
async def spool(tmp_path: Path) -> LocalSpool:
    opened = LocalSpool(tmp_path / "a" / "spool")
    await opened.open()
    return opened


async def test_a_finished_file_has_its_bytes_and_only_then_its_name(spool, tmp_path):
    file = await spool.create("download:7")
    await file.write(b"one")
    await file.write(b"")
    await file.write(b"two" * 500_000)
    (part,) = names(tmp_path / "a/spool")
    assert part.endswith(".part")
    path = await file.finish()
    assert path.read_bytes() == b"one" + b"two" * 500_000
    assert names(tmp_path / "a/spool") == [path.name]


async def test_two_attempts_at_one_file_never_meet(spool):
    one, two = await spool.create("download:7"), await spool.create("download:7")
    await one.write(b"1")
    await two.write(b"2")
    first, second = await one.finish(), await two.finish()
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")


async def test_an_abandoned_file_is_gone(spool, tmp_path):
    file = await spool.create("download:7")
    await file.write(b"x")
    await file.abandon()
    assert names(tmp_path / "a/spool") == []


async def test_a_file_is_removed_once_or_twice(spool):
    file = await spool.create("download:7")
    path = await file.finish()
    await spool.remove(path)
    await spool.remove(path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", "x" * 5000, "..", "ü\0\n", "-rf"])
async def test_no_name_leaves_the_directory(spool, tmp_path, name):
    path = await (await spool.create(name)).finish()
    assert path.parent == tmp_path / "a" / "spool"
    assert path.is_file()


async def test_what_an_earlier_run_left_is_removed_when_it_opens(spool, tmp_path):
    directory = tmp_path / "a" / "spool"
    kept = tmp_path / "elsewhere"
    kept.write_bytes(b"mine")
    await (await spool.create("download:7")).finish()
    (directory / "download_8.part").write_bytes(b"x")
    (directory / "link").symlink_to(kept)
    await LocalSpool(directory).open()
    assert names(directory) == []
    assert kept.read_bytes() == b"mine"


async def test_a_disk_that_is_gone_is_transient(spool, tmp_path):
    (tmp_path / "a" / "spool").rmdir()
    with pytest.raises(TransientError) as caught:
        await spool.create("download:7")
    assert caught.value.code == "spool.disk"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_full_disk_is_transient(spool, tmp_path):
    file = await spool.create("download:7")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file._file.fileno())
    os.close(full)
    with pytest.raises(TransientError) as caught:
        await file.write(b"x")
    assert caught.value.code == "spool.full"
    await file.abandon()
    assert names(tmp_path / "a/spool") == []


FILLED = """
import asyncio, pathlib, resource, sys
from claimx.adapters.memory import MemoryFile
from claimx.adapters.spool import LocalSpool
from claimx.domain.receipts import Receipt
from claimx.domain.tasks import DownloadTask, Origin
from claimx.errors import TransientError
from claimx.stages.pool import Budget
from claimx.stages.sink import Sink
from claimx.stages.work import Work

async def main():
    spool = LocalSpool(pathlib.Path(sys.argv[1]))
    await spool.open()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    task = DownloadTask("e", "t", "1", "7", "https://h/x", Origin("t", 0, 0), 0)
    memory, disk = Budget(10**9), Budget(10**9)
    sink = Sink(Work("download", task, Receipt(task.origin, 0, 0)), spool, 1000, 10**7)
    try:
        for _ in range(40):
            await sink.write(bytes(100_000), memory, disk)
    except TransientError as error:
        await sink.abandon()
        print(error.code, sink.size, sorted(spool.directory.iterdir()))

asyncio.run(main())
"""


def test_a_disk_that_fills_up_on_the_way_is_transient_and_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FILLED, str(tmp_path)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.split() == ["spool.full", "1100000", "[]"], done.stderr


async def test_a_file_that_is_abandoned_while_it_is_being_finished_is_gone(spool, tmp_path):
    for _ in range(20):
        file = await spool.create("download:7")
        await file.write(b"x" * 100_000)
        finishing = asyncio.get_running_loop().create_task(file.finish())
        await asyncio.sleep(0)
        finishing.cancel()
        await asyncio.wait([finishing])
        await file.abandon()
        assert names(tmp_path / "a/spool") == []


async def test_a_file_that_cannot_be_made_durable_is_gone_under_either_name(spool, tmp_path):
    file = await spool.create("download:7")
    await file.write(b"x")
    path = await file.finish()
    await file.abandon()
    assert not path.exists()


async def test_another_instance_keeps_its_files(tmp_path):
    other = LocalSpool(tmp_path / "claimx-1" / "spool")
    await other.open()
    kept = await (await other.create("download:7")).finish()
    await LocalSpool(tmp_path / "claimx-0" / "spool").open()
    assert kept.exists()


async def test_a_shared_spool_that_is_full_makes_the_next_file_wait_until_another_process_has_taken_one(
    tmp_path: Path,
) -> None:
    spool = LocalSpool(tmp_path, keep_s=3600, limit_bytes=100)
    await spool.open()
    file = await spool.create("a")
    await file.write(b"x" * 90)
    path = await file.finish()
    waiting = asyncio.create_task(spool.room(20))
    await spool.room(10)
    assert not waiting.done()
    path.unlink()
    async with asyncio.timeout(10):
        await waiting


async def test_a_shared_spool_keeps_what_waits_for_another_process_and_clears_what_is_too_old(
    tmp_path: Path,
) -> None:
    young, old = tmp_path / "young", tmp_path / "old"
    for path in (young, old):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    await LocalSpool(tmp_path, keep_s=3600).open()
    assert young.exists()
    assert not old.exists()
