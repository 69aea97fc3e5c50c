"""Making tables and looking at them on an object store: what is no table is seen there as on a disk."""

from collections.abc import AsyncGenerator, Iterator

import obstore
import pytest

from claimx.adapters.delta import DeltaLake
from claimx.adapters.object_store import remote_store
from claimx.config.tree import Lake
from claimx.domain.tables import TABLES
from claimx.errors import EngineError, LakeError, TablesAbsentError
from claimx.ops import tables as ops
from claimx.ports.tables import State
from support.lakes import DEDUP_DAYS, NOW, event, opened, project
from support.stores import Store, s3_server

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def s3() -> Iterator[Store]:
    with s3_server() as store:
        yield store


@pytest.fixture
def settings(s3: Store, request: pytest.FixtureRequest) -> Lake:
    return s3.lake(request.node.name, max_retries="0")


@pytest.fixture
async def lake(settings: Lake) -> AsyncGenerator[DeltaLake, None]:
    made = DeltaLake(settings, DEDUP_DAYS)
    yield made
    await made.close()


async def states(lake: DeltaLake) -> dict[str, State]:
    found = {each.table: each.state for each in (await ops.status(lake)).tables}
    return {name: state for name, state in found.items() if state is not State.ABSENT}


async def test_what_is_no_table_is_never_taken_over(settings, lake):
    assert await states(lake) == {}
    with pytest.raises(TablesAbsentError):
        await lake.open()
    store = remote_store(settings.tables_url, settings)
    there = {
        "claimx_tasks/part-0.parquet": b"x",
        "claimx_projects/_delta_log/_last_checkpoint": b'{"version":20,"size":1}',
        "claimx_contacts/_delta_log/00000000000000000003.crc": b"{}",
    }
    for key, content in there.items():
        obstore.put(store, key, content)
    assert await states(lake) == {
        "claimx_tasks": State.OCCUPIED,
        "claimx_projects": State.UNREADABLE,
        "claimx_contacts": State.UNREADABLE,
    }
    with pytest.raises(LakeError):
        await ops.init(lake)
    for name in ("claimx_tasks", "claimx_projects", "claimx_contacts"):
        with pytest.raises(LakeError):
            await lake.create(name)
    for key in list(there)[1:]:
        obstore.delete(store, key)
    with pytest.raises(EngineError, match="files and no table"):
        await ops.init(lake)
    keys = [each["path"] for page in obstore.list(store) for each in page]
    assert keys == ["claimx_tasks/part-0.parquet"]


async def test_tables_are_made_and_told_of(lake):
    await opened(lake)
    await lake.merge("claimx_projects", [project("1", fetched_at=NOW)])
    await lake.merge_events([event("v1:a")], NOW)
    report = await ops.status(lake)
    assert ops.is_ready(report)
    assert {each.table: each.rows for each in report.tables if each.rows} == {
        "claimx_events": 1,
        "claimx_projects": 1,
    }
    assert await lake.projects_fetched_at(["1", "2"]) == {"1": NOW}
    assert {step.done for step in (await ops.init(lake)).tables} == {"exists"}
    assert len(report.tables) == len(TABLES)
