"""Compaction and vacuum of real tables, beside writers."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from deltalake import DeltaTable

from claimx.errors import LakeError
from support.lakes import NOW, OnDisk, another_lake, event, line, opened, project

DAY_S = 86_400


@pytest.fixture
async def kept(tmp_path: Path):
    on_disk = OnDisk(tmp_path / "lake")
    await opened(on_disk.lake)
    yield on_disk
    await on_disk.lake.close()


def data_files(kept: OnDisk, table: str) -> list[Path]:
    return [path for path in (kept.root / table).rglob("*.parquet") if "_delta_log" not in path.parts]


def aged(files: list[Path], days: int) -> None:
    then = time.time() - days * DAY_S
    for file in files:
        os.utime(file, (then, then))


async def test_small_files_become_few_and_every_row_stays(kept: OnDisk) -> None:
    for number in range(12):
        await kept.lake.append_log([line("a", number)])
        await kept.lake.merge_events([event(f"v1:{number}")], NOW)
    before = kept.log(), kept.event_ids()
    assert await kept.lake.to_compact("claimx_events") == 12
    assert (await kept.lake.compact("claimx_events")).files_removed == 12
    done = await kept.lake.compact("claimx_event_log")
    assert (done.files_removed, done.files_added) == (12, 1)
    assert (kept.log(), kept.event_ids()) == before
    assert (await kept.lake.compact("claimx_event_log")).files_removed == 0
    assert await kept.lake.to_compact("claimx_event_log") == 0


async def test_a_compaction_beside_a_merging_writer_loses_and_doubles_nothing(kept: OnDisk) -> None:
    other = another_lake(kept.root)
    await other.open()
    written = 0

    async def writes() -> None:
        nonlocal written
        while written < 30:
            try:
                rows = [project(str(written + 1), city="Oslo", fetched_at=NOW), project("0", fetched_at=NOW)]
                await other.merge("claimx_projects", rows)
            except LakeError:
                continue
            written += 1

    async def compactions() -> int:
        removed = 0
        while written < 30:
            try:
                removed += (await kept.lake.compact("claimx_projects")).files_removed
            except LakeError:
                await asyncio.sleep(0)
        return removed + (await kept.lake.compact("claimx_projects")).files_removed

    async with asyncio.TaskGroup() as group:
        group.create_task(writes())
        removed = group.create_task(compactions())
    assert sorted(int(row["project_id"]) for row in kept.rows("claimx_projects")) == list(range(31))
    assert removed.result() > 0
    await other.close()


async def test_a_vacuum_deletes_what_no_young_version_needs_and_nothing_else(kept: OnDisk) -> None:
    for number in range(5):
        await kept.lake.append_log([line("a", number)])
    await kept.lake.compact("claimx_event_log")
    orphan = kept.root / "claimx_event_log" / "part-of-a-killed-writer.parquet"
    orphan.write_bytes(b"torn")
    aged(data_files(kept, "claimx_event_log"), 30)
    young = await kept.lake.vacuum("claimx_event_log", 24, full=False, dry_run=False)
    assert young.files == 0, "their removal is younger than a day"
    orphans = await kept.lake.vacuum("claimx_event_log", 24, full=True, dry_run=True)
    assert orphans.files == 1
    assert orphan.exists()
    assert (await kept.lake.vacuum("claimx_event_log", 24, full=True, dry_run=False)).files == 1
    assert not orphan.exists()
    gone = await kept.lake.vacuum("claimx_event_log", 0, full=False, dry_run=False)
    assert gone.files == 5
    assert len(data_files(kept, "claimx_event_log")) == 1
    assert len(kept.log()) == 5
    assert DeltaTable(kept.root / "claimx_event_log").version() > 0
