"""The spool on a real disk."""

import os
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
    os.dup2(os.open("/dev/full", os.O_WRONLY), file._file.fileno())
    with pytest.raises(TransientError) as caught:
        await file.write(b"x")
    assert caught.value.code == "spool.disk"
    await file.abandon()
    assert names(tmp_path / "a/spool") == []
