"""Races between processes, long life, and what survives a power loss."""

import asyncio
import random
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from claimx.adapters.delta import DeltaLake
from claimx.adapters.delta_frames import padded
from claimx.domain.rows import Row
from claimx.domain.times import DAY, SECOND
from claimx.errors import LakeConflictError, LakeError
from support.lakes import NOW, OnDisk, another_lake, event, line, opened, project


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncGenerator[OnDisk, None]:
    on_disk = OnDisk(tmp_path / "lake")
    await opened(on_disk.lake)
    yield on_disk
    await on_disk.lake.close()


async def until_done(write: Callable[[], Awaitable[None]]) -> int:
    """Do a write again until it is done, as the flush does; returns the failures."""
    for failures in range(50):
        try:
            await write()
        except LakeError:
            await asyncio.sleep(random.random() * 0.05)
        else:
            return failures
    raise AssertionError("it never got through")


def version(kept: OnDisk, table: str) -> int:
    return DeltaTable(kept.root / table).version()


# Races


async def write_round(lake: DeltaLake, number: int) -> None:
    """Write what every other process writes at this moment, until it is done."""
    events = [event(f"v1:{number}/{n}", NOW + n * SECOND) for n in range(20)]
    given = [event(f"{number}/{n}", NOW, is_id_given=True) for n in range(5)]
    rows = [project(str(n), city=f"{number}", fetched_at=NOW + number) for n in range(20)]
    async with asyncio.TaskGroup() as group:
        group.create_task(until_done(lambda: lake.merge_events([*events, *given], NOW)))
        group.create_task(until_done(lambda: lake.merge("claimx_projects", rows)))
        group.create_task(until_done(lambda: lake.append_log([line("a", number)])))


async def test_two_processes_that_write_the_same_at_once_leave_it_once(kept):
    other = another_lake(kept.root)
    for number in range(5):
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(write_round(kept.lake, number))
            group.create_task(write_round(other, number))
    assert len(kept.event_ids()) == len(set(kept.event_ids())) == 125
    assert [row["city"] for row in kept.rows("claimx_projects")] == ["4"] * 20
    assert len(kept.log()) == 10
    await other.close()


async def test_a_stale_handle_never_inserts_what_another_process_has_inserted(kept):
    other = another_lake(kept.root)
    await other.open()
    for lake in (kept.lake, other, kept.lake):
        await until_done(
            lambda lake=lake: lake.merge_events([event("v1:a"), event("b", is_id_given=True)], NOW)
        )
        await until_done(lambda lake=lake: lake.merge("claimx_projects", [project("1")]))
    assert kept.event_ids() == ["b", "v1:a"]
    assert len(kept.rows("claimx_projects")) == 1
    await other.close()


async def test_a_write_whose_result_nobody_saw_is_simply_done_again(kept):
    calls = [
        lambda lake: lake.merge_events([event("v1:a")], NOW),
        lambda lake: lake.merge("claimx_projects", [project("1", city="Oslo", fetched_at=NOW)]),
    ]
    for call in calls:
        task = asyncio.ensure_future(call(kept.lake))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await until_done(lambda call=call: call(kept.lake))
    assert kept.event_ids() == ["v1:a"]
    assert [row["city"] for row in kept.rows("claimx_projects")] == ["Oslo"]


async def test_closing_waits_for_the_calls_that_are_pending(kept):
    other = another_lake(kept.root)
    tasks = [asyncio.ensure_future(other.merge("claimx_projects", [project(str(n))])) for n in range(4)]
    await asyncio.sleep(0)
    await other.close()
    assert [await task for task in tasks] == [None] * 4
    assert len(kept.rows("claimx_projects")) == 4


async def test_a_commit_that_another_writer_was_faster_than_is_told_apart_from_one_that_failed(kept):
    table = kept.lake._tables["claimx_projects"]
    await kept.lake.merge("claimx_projects", [project("1")])

    def late(handle: DeltaTable) -> None:
        DeltaTable(kept.root / "claimx_projects").delete()
        handle.delete()

    with pytest.raises(LakeConflictError):
        table.commit(late, 0.0)
    with pytest.raises(LakeError) as failed:
        table.commit(lambda handle: handle.delete("no_such_column = 1"), 0.0)
    assert not isinstance(failed.value, LakeConflictError)


# Long life and durability


async def test_many_commits_leave_checkpoints_and_every_row(kept):
    for number in range(45):
        await kept.lake.append_log([line("a", number)])
    log = kept.root / "claimx_event_log/_delta_log"
    assert (log / "_last_checkpoint").exists()
    assert len(kept.log()) == 45
    assert (await kept.lake.row_counts())["claimx_event_log"] == 45


WATCHERS: list[set[str]] = []


def watch(name: str, arguments: tuple[object, ...]) -> None:
    if WATCHERS and name == "open":
        for opened in WATCHERS:
            opened.add(str(arguments[0]))


sys.addaudithook(watch)


@contextmanager
def opened_paths() -> Iterator[set[str]]:
    """What this process opens meanwhile: delta-rs opens its files itself, so that it is what gets fsynced."""
    opened: set[str] = set()
    WATCHERS.append(opened)
    try:
        yield opened
    finally:
        WATCHERS.remove(opened)


async def test_what_a_commit_wrote_is_fsynced_with_its_directories(kept):
    with opened_paths() as opened:
        await kept.lake.merge_events([event("v1:a"), event("v1:b", NOW - DAY)], NOW)
    root = kept.root / "claimx_events"
    parts = list(root.rglob("*.parquet"))
    assert len(parts) == 2
    wanted = {*parts, *(part.parent for part in parts), root, root / "_delta_log"}
    wanted |= {root / f"_delta_log/{number:020}.json" for number in (1, 2)}
    assert {str(path) for path in wanted} <= opened


async def test_a_redo_that_finds_all_there_makes_the_other_process_s_commit_durable(kept):
    await kept.lake.merge("claimx_projects", [project("1")])
    other = another_lake(kept.root)
    with opened_paths() as opened:
        await other.merge("claimx_projects", [project("1")])
    (part,) = (kept.root / "claimx_projects").rglob("*.parquet")
    assert str(part) in opened
    await other.close()


async def test_a_commit_that_landed_but_is_not_durable_is_an_error_and_the_redo_makes_it_durable(kept):
    table = kept.lake._tables["claimx_attachments"]
    trap = kept.root / "claimx_attachments/_delta_log/00000000000000000001.checkpoint.parquet"

    def write(handle: DeltaTable) -> None:
        write_deltalake(handle, padded(pl.DataFrame({"media_id": ["7"]}), empty(handle)), mode="append")
        trap.symlink_to(trap)

    with pytest.raises(LakeError):
        table.commit(write, 0.0)
    trap.unlink()
    with opened_paths() as opened:
        await kept.lake.merge("claimx_attachments", [Row("claimx_attachments", {"media_id": "7"})])
    assert version(kept, "claimx_attachments") == 1
    (part,) = (kept.root / "claimx_attachments").rglob("*.parquet")
    assert str(part) in opened


def empty(handle: DeltaTable) -> pl.DataFrame:
    return pl.DataFrame(handle.schema().to_arrow().empty_table())


async def test_two_compactions_at_once_never_double_a_row(kept):
    """Guards the pin: 1.6.4 to 1.6.6 let both commit (reference/lake.md 0.1)."""
    for number in range(6):
        await kept.lake.append_log([line("a", number)])
    path = kept.root / "claimx_event_log"
    one, two = DeltaTable(path), DeltaTable(path)
    one.optimize.compact()
    with pytest.raises(CommitFailedError):
        two.optimize.compact()
    assert len(kept.log()) == 6
