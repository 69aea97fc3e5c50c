"""What the Delta lake promises beyond the port: creation, drift, every policy, bad rows."""

import asyncio
import random
from collections.abc import AsyncGenerator
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from claimx.adapters.delta import DeltaLake
from claimx.config.tree import Lake
from claimx.domain.rows import Column, Policy, Row, Table, Type, Value, key_of, merge_values
from claimx.domain.tables import TABLES
from claimx.domain.times import DAY
from claimx.errors import ConfigError, LakeError, RowsRejectedError, SchemaDriftError
from support.lakes import NOW, OnDisk, another_lake, event, line, opened, project, read


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncGenerator[OnDisk, None]:
    on_disk = OnDisk(tmp_path / "lake")
    await opened(on_disk.lake)
    yield on_disk
    await on_disk.lake.close()


def version(kept: OnDisk, table: str) -> int:
    return DeltaTable(kept.root / table).version()


async def test_absent_tables_are_created_as_declared(kept):
    for name, declared in TABLES.items():
        table = DeltaTable(kept.root / name)
        found = {field.name: field for field in table.schema().fields}
        assert list(found) == [column.name for column in declared.columns]
        assert [field.name for field in found.values() if not field.nullable] == list(declared.key)
        assert table.metadata().partition_columns == list(declared.partition_by)
        assert table.metadata().configuration["delta.checkpointInterval"] == "20"
        assert "raw_data" not in table.metadata().configuration["delta.dataSkippingStatsColumns"]
        assert table.protocol().min_writer_version == 2
    assert await kept.lake.row_counts() == dict.fromkeys(TABLES, 0)


async def test_opening_again_changes_nothing(kept):
    await kept.lake.merge("claimx_projects", [project()])
    before = {name: version(kept, name) for name in TABLES}
    other = another_lake(kept.root)
    await other.open()
    assert {name: version(kept, name) for name in TABLES} == before
    assert (await other.row_counts())["claimx_projects"] == 1
    await other.close()


async def test_many_processes_may_make_an_absent_lake_at_once(tmp_path):
    lakes = [another_lake(tmp_path / "lake") for _ in range(3)]
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for lake in lakes:
            group.create_task(opened(lake))
    for lake in lakes:
        await lake.merge("claimx_projects", [project()])
    for lake in lakes:
        await lake.close()
    assert read(tmp_path / "lake/claimx_projects").height == 1


async def test_a_column_of_another_type_is_refused_with_a_readable_diff(tmp_path):
    path = tmp_path / "lake/claimx_projects"
    write_deltalake(path, pl.DataFrame({"project_id": [1], "city": ["Oslo"], "year_built": ["1987"]}))
    lake = another_lake(tmp_path / "lake")
    with pytest.raises(SchemaDriftError) as caught:
        await lake.open()
    assert str(caught.value).splitlines() == [
        "claimx_projects does not fit its declaration:",
        "  project_id: declared string, found long",
        "  year_built: declared long, found string",
    ]
    assert DeltaTable(path).version() == 0
    await lake.close()


async def test_missing_columns_are_added_and_unknown_ones_are_kept(tmp_path):
    there = pl.DataFrame({"project_id": ["1", "2"], "city": ["Oslo", None], "theirs": [[1], [2]]})
    write_deltalake(tmp_path / "lake/claimx_projects", there)
    kept = OnDisk(tmp_path / "lake")
    await opened(kept.lake)
    await kept.lake.merge("claimx_projects", [project("1", city="Rome", fetched_at=NOW), project("3")])
    found = (
        read(kept.root / "claimx_projects").sort("project_id").select("project_id", "city", "theirs").rows()
    )
    assert found == [("1", "Rome", [1]), ("2", None, [2]), ("3", None, None)]
    await kept.lake.close()


@pytest.mark.parametrize("name", ["claimx_events", "claimx_event_log"])
async def test_unknown_columns_of_the_histories_are_kept(kept, name):
    table = DeltaTable(kept.root / name)
    table.alter.add_columns(
        [field for field in DeltaTable(unknown(kept.root)).schema().fields if field.name == "theirs"]
    )
    other = another_lake(kept.root)
    await other.open()
    await other.merge_events([event("v1:a")], NOW)
    await other.append_log([line("v1:a", 1)])
    await other.close()
    assert read(kept.root / name)["theirs"].to_list() == [None]
    assert [
        field.name for field in DeltaTable(kept.root / name).schema().fields if not field.nullable
    ] == list(TABLES[name].key)


def unknown(root: Path) -> Path:
    path = root.parent / "unknown"
    write_deltalake(path, pl.DataFrame({"theirs": [1.5]}))
    return path


async def test_an_unreadable_table_is_never_taken_for_an_absent_one(kept):
    await kept.lake.merge("claimx_projects", [project("1")])
    log = kept.root / "claimx_projects/_delta_log"
    last = log / f"{version(kept, 'claimx_projects'):020}.json"
    whole = last.read_bytes()
    last.write_bytes(whole[:40])
    before = {path: path.read_bytes() for path in log.iterdir()}
    other = another_lake(kept.root)
    with pytest.raises(LakeError):
        await other.open()
    with pytest.raises(LakeError):
        await other.merge("claimx_projects", [project("2")])
    assert {path: path.read_bytes() for path in log.iterdir()} == before
    last.write_bytes(whole)
    await other.open()
    await other.merge("claimx_projects", [project("2")])
    await other.close()
    assert {row["project_id"] for row in kept.rows("claimx_projects")} == {"1", "2"}


async def test_a_log_without_commits_is_not_an_absent_table(tmp_path):
    log = tmp_path / "lake/claimx_events/_delta_log"
    log.mkdir(parents=True)
    (log / "_last_checkpoint").write_text('{"version":20,"size":1}')
    lake = another_lake(tmp_path / "lake")
    with pytest.raises(LakeError):
        await lake.open()
    assert [path.name for path in log.iterdir()] == ["_last_checkpoint"]
    await lake.close()


async def test_a_table_that_vanishes_is_never_made_anew_by_a_write(kept):
    await kept.lake.merge("claimx_projects", [project("1")])
    (kept.root / "claimx_projects").rename(kept.root / "moved")
    for number in range(3):
        with pytest.raises(LakeError):
            await kept.lake.merge("claimx_projects", [project("1", fetched_at=NOW + number)])
    assert not (kept.root / "claimx_projects/_delta_log/00000000000000000000.json").exists()


async def test_a_read_that_fails_is_a_lake_error_and_the_next_one_may_work(kept):
    await kept.lake.merge("claimx_projects", [project("1", fetched_at=NOW)])
    (part,) = (kept.root / "claimx_projects").rglob("*.parquet")
    away = part.rename(part.with_name("away"))
    with pytest.raises(LakeError):
        await kept.lake.projects_fetched_at(["1"])
    away.rename(part)
    assert await kept.lake.projects_fetched_at(["1"]) == {"1": NOW}


async def test_a_read_sees_what_other_processes_have_committed(kept):
    other = another_lake(kept.root)
    for number in range(30):
        await other.merge("claimx_projects", [project("1", fetched_at=NOW + number)])
        assert await kept.lake.projects_fetched_at(["1"]) == {"1": NOW + number}
    await other.close()


@pytest.mark.parametrize("name", ["with blank", "a#b?c", "größe"])
@pytest.mark.parametrize("as_url", [False, True])
async def test_a_lake_lies_where_its_name_says(tmp_path, name, as_url):
    root = tmp_path / name
    lake = DeltaLake(Lake(tables_url=root.as_uri() if as_url else str(root), files_url="unused"), 7)
    await opened(lake)
    await lake.merge_events([event("v1:a")], NOW)
    await lake.close()
    assert {path.name for path in root.iterdir()} == set(TABLES)


def test_a_path_that_delta_rs_would_read_as_another_one_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="tables_url"):
        another_lake(tmp_path / "100%25")


# Merging


COLUMNS = (
    Column("id", Type.STRING, Policy.KEY),
    Column("number", Type.INT64, Policy.KEY),
    *(
        Column(f"{policy}_{kind}_{clock}", kind, policy, clock)
        for policy in (Policy.NEWEST, Policy.NEWEST_NON_NULL)
        for kind in Type
        for clock in ("fetched_at", "source")
    ),
    *(
        Column(f"{policy}_{kind}", kind, policy)
        for policy in (Policy.SET_ONCE, Policy.FILL_NULL, Policy.MIN, Policy.MAX)
        for kind in Type
        if kind is not Type.BOOLEAN
    ),
    Column("sticky", Type.BOOLEAN, Policy.STICKY_TRUE),
    Column("fetched_at", Type.TIMESTAMP, Policy.MAX),
    Column("source", Type.STRING, Policy.MAX),
)
ALL_POLICIES = Table("claimx_all", COLUMNS)
VALUES: dict[Type, tuple[Value, ...]] = {
    Type.STRING: (None, "", "a", "b", "é"),
    Type.INT64: (None, -1, 0, 2**62),
    Type.FLOAT64: (None, -1.5, 0.0, 1e300),
    Type.BOOLEAN: (None, True, False),
    Type.TIMESTAMP: (None, 0, NOW, NOW + 1),
    Type.DATE: (None, 0, DAY, 20_000 * DAY),
}


def drawn_rows(draw: random.Random) -> list[Row]:
    carried = [column for column in COLUMNS if draw.random() < 0.5]
    rows = []
    for key in draw.sample(range(6), draw.randint(1, 4)):
        values = {column.name: draw.choice(VALUES[column.type]) for column in carried if draw.random() < 0.7}
        rows.append(Row("claimx_all", {**values, "id": "xy"[key % 2], "number": key // 2}))
    return rows


@pytest.mark.parametrize("seed", range(6))
async def test_every_policy_in_sql_is_the_twin_of_merge_values(tmp_path, seed):
    draw = random.Random(seed)
    kept = OnDisk(tmp_path / "lake", {"claimx_all": ALL_POLICIES})
    await opened(kept.lake)
    expected: dict[tuple[Value, ...], dict[str, Value]] = {}
    for _ in range(8):
        rows = drawn_rows(draw)
        await kept.lake.merge("claimx_all", rows)
        for row in rows:
            key = key_of(ALL_POLICIES, row)
            expected[key] = merge_values(ALL_POLICIES, expected.get(key, {}), row.values)
    found = {(row["id"], row["number"]): row for row in kept.rows("claimx_all")}
    assert found == {key: {c.name: values.get(c.name) for c in COLUMNS} for key, values in expected.items()}
    before = version(kept, "claimx_all")
    await kept.lake.merge("claimx_all", [Row("claimx_all", values) for values in expected.values()])
    assert version(kept, "claimx_all") == before
    await kept.lake.close()


@pytest.mark.parametrize(
    "name", [name for name, table in TABLES.items() if table.key and name != "claimx_events"]
)
async def test_every_table_takes_a_row_of_all_its_columns_and_one_of_its_key_alone(kept, name):
    table, some = TABLES[name], {kind: values[-1] for kind, values in VALUES.items()}
    full: dict[str, Value] = {column.name: some[column.type] for column in table.columns}
    bare: dict[str, Value] = {c.name: VALUES[c.type][1] for c in table.columns if c.policy is Policy.KEY}
    for _ in range(2):
        await kept.lake.merge(name, [Row(name, full), Row(name, bare)])
    found = kept.rows(name)
    assert full in found
    assert len(found) == 2


async def test_the_same_given_id_long_before_is_another_event(kept):
    await kept.lake.merge_events([event("a", is_id_given=True)], NOW)
    await kept.lake.merge_events([event("a", NOW - 8 * DAY, is_id_given=True)], NOW)
    assert kept.event_ids() == ["a", "a"]


@pytest.mark.parametrize("at", [-62_135_596_800_000_000, 253_402_300_799_999_999])
@pytest.mark.parametrize("given", [True, False])
async def test_the_first_and_the_last_moment_of_the_calendar_are_fine(kept, at, given):
    for _ in range(2):
        await kept.lake.merge_events([event("a", at, is_id_given=given)], NOW)
    assert kept.event_ids() == ["a"]


BAD_EVENTS = [
    event("v1:bad", 2**70),
    event("v1:bad", 253_402_300_800_000_000),
    event("v1:bad", -62_135_596_800_000_001),
    event("v1:bad", raw_data="\ud800"),
    event(None),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("bad", BAD_EVENTS)
async def test_an_event_that_no_table_can_hold_is_rejected(kept, bad):
    with pytest.raises(RowsRejectedError):
        await kept.lake.merge_events([event("v1:a"), bad], NOW)
    assert kept.event_ids() == []


@pytest.mark.parametrize(
    "values",
    [
        {"year_built": "1987"},
        {"year_built": 2**63},
        {"year_built": 1.5},
        {"city": 5},
        {"city": {"name": "Oslo"}},
        {"city": b"Oslo"},
        {"contents_task_sent": "yes"},
        {"fetched_at": 2**62},
        {"project_id": None},
    ],
)
async def test_a_row_that_its_table_cannot_hold_is_rejected_and_named(kept, values):
    with pytest.raises(RowsRejectedError, match=next(iter(values))):
        await kept.lake.merge("claimx_projects", [project("1"), project(**{"project_id": "2", **values})])
    assert kept.rows("claimx_projects") == []
