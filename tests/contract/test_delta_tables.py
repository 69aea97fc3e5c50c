"""Making tables and looking at them: nothing is overwritten, nothing unreadable is taken for absent, others' tables."""

import json
from collections.abc import AsyncGenerator
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, Field, Schema, write_deltalake
from deltalake.schema import PrimitiveType

from claimx.adapters.delta import DeltaLake
from claimx.adapters.delta_place import place, shown
from claimx.config.tree import Lake, Secret
from claimx.domain.rows import Row
from claimx.domain.tables import TABLES
from claimx.domain.times import DAY, SECOND
from claimx.errors import EngineError, LakeError, SchemaDriftError, TablesAbsentError
from claimx.ops import tables as ops
from claimx.ports.tables import State, TableStatus
from support.lakes import NOW, OnDisk, event, line, opened, project, read


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncGenerator[OnDisk, None]:
    on_disk = OnDisk(tmp_path / "lake")
    yield on_disk
    await on_disk.lake.close()


def everything_below(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def status_of(kept: OnDisk, name: str) -> TableStatus:
    return next(each for each in (await ops.status(kept.lake)).tables if each.table == name)


# Making


async def test_a_run_makes_no_table_and_names_all_that_are_absent(kept):
    with pytest.raises(TablesAbsentError) as caught:
        await kept.lake.open()
    assert str(caught.value) == f"there is no table {', '.join(TABLES)} below {kept.root}"
    assert not kept.root.exists()


async def test_init_makes_what_is_absent_and_says_so(kept):
    assert {step.done for step in (await ops.init(kept.lake)).tables} == {"created"}
    (kept.root / "claimx_projects").rename(kept.root.parent / "away")
    with pytest.raises(TablesAbsentError, match="no table claimx_projects below"):
        await kept.lake.open()
    again = {step.table: step.done for step in (await ops.init(kept.lake)).tables}
    assert again == {name: "created" if name == "claimx_projects" else "exists" for name in TABLES}
    await kept.lake.open()


async def test_a_dry_run_of_init_changes_nothing(kept):
    report = await ops.init(kept.lake, dry_run=True)
    assert {step.done for step in report.tables} == {"created"}
    assert not kept.root.exists()
    assert "to create      claimx_projects" in ops.init_text(report)


async def test_init_adds_missing_columns_and_names_them(kept):
    write_deltalake(kept.root / "claimx_external_links", pl.DataFrame({"link_id": [1], "url": ["u"]}))
    dry = next(step for step in (await ops.init(kept.lake, dry_run=True)).tables if step.columns)
    assert DeltaTable(kept.root / "claimx_external_links").version() == 0
    done = next(step for step in (await ops.init(kept.lake)).tables if step.columns)
    declared = [column.name for column in TABLES["claimx_external_links"].columns]
    assert (
        list(dry.columns)
        == list(done.columns)
        == [name for name in declared if name not in {"link_id", "url"}]
    )
    assert (await status_of(kept, "claimx_external_links")).missing_columns == ()
    assert read(kept.root / "claimx_external_links")["url"].to_list() == ["u"]


async def test_files_that_are_no_table_are_never_taken_over(kept):
    (kept.root / "claimx_tasks").mkdir(parents=True)
    pl.DataFrame({"task_id": [1]}).write_parquet(kept.root / "claimx_tasks/part-0.parquet")
    before = everything_below(kept.root)
    found = await status_of(kept, "claimx_tasks")
    assert found.state is State.OCCUPIED
    with pytest.raises(EngineError, match=r"files and no table in .*claimx_tasks"):
        await ops.init(kept.lake)
    with pytest.raises(LakeError):
        await kept.lake.create("claimx_tasks")
    with pytest.raises(TablesAbsentError, match="claimx_tasks"):
        await kept.lake.open()
    assert everything_below(kept.root) == before


async def test_an_empty_directory_is_an_absent_table(kept):
    (kept.root / "claimx_tasks/_delta_log").mkdir(parents=True)
    await ops.init(kept.lake)
    assert (await status_of(kept, "claimx_tasks")).state is State.READY


async def test_drift_of_any_table_keeps_init_from_changing_another(kept):
    write_deltalake(kept.root / "claimx_projects", pl.DataFrame({"project_id": [1]}))
    write_deltalake(kept.root / "claimx_tasks", pl.DataFrame({"task_id": ["1"], "status": [2]}))
    before = everything_below(kept.root)
    for refused in (ops.init(kept.lake), kept.lake.open()):
        with pytest.raises(SchemaDriftError) as caught:
            await refused
        assert str(caught.value).splitlines() == [
            "claimx_projects does not fit its declaration:",
            "  project_id: declared string, found long",
            "claimx_tasks does not fit its declaration:",
            "  task_id: declared long, found string",
            "  status: declared string, found long",
        ]
    assert everything_below(kept.root) == before


# Not readable is not absent


async def many_commits(kept: OnDisk, number: int = 25) -> Path:
    await opened(kept.lake)
    for offset in range(number):
        await kept.lake.append_log([line("a", offset)])
    return kept.root / "claimx_event_log/_delta_log"


def tear_the_last_commit(log: Path) -> None:
    last = max(log.glob("*.json"))
    last.write_bytes(last.read_bytes()[:40])


def lose_the_checkpoint(log: Path) -> None:
    next(log.glob("*.checkpoint.parquet")).unlink()
    for commit in sorted(log.glob("*.json"))[:20]:
        commit.unlink()


def lose_all_but_the_hint(log: Path) -> None:
    for path in [*log.glob("*.json"), *log.glob("*.parquet")]:
        path.unlink()


def leave_only_a_checksum(log: Path) -> None:
    """Of this delta-rs says that there is no table."""
    for path in list(log.iterdir()):
        path.unlink()
    (log / "00000000000000000024.crc").write_text("{}")


def loop(log: Path) -> None:
    log.rename(log.with_name("away"))
    log.symlink_to(log)


def put_a_file_in_its_place(log: Path) -> None:
    log.parent.rename(log.parent.with_name("away"))
    log.parent.touch()


@pytest.mark.parametrize(
    "damage",
    [
        tear_the_last_commit,
        lose_the_checkpoint,
        lose_all_but_the_hint,
        leave_only_a_checksum,
        loop,
        put_a_file_in_its_place,
    ],
)
async def test_a_table_that_cannot_be_read_is_not_absent_and_stays_as_it_is(tmp_path, damage):
    kept = OnDisk(tmp_path / "lake")
    damage(await many_commits(kept))
    await kept.lake.close()
    before = everything_below(tmp_path)
    other = OnDisk(tmp_path / "lake")
    found = {each.table: each for each in (await ops.status(other.lake)).tables}
    assert {name for name, each in found.items() if each.state is not State.READY} == {"claimx_event_log"}
    assert found["claimx_event_log"].state is State.UNREADABLE
    assert "claimx_event_log" in (found["claimx_event_log"].problem or "")
    for refused in (other.lake.open(), ops.init(other.lake), other.lake.create("claimx_event_log")):
        with pytest.raises(LakeError):
            await refused
    assert everything_below(tmp_path) == before
    await other.lake.close()


async def test_a_store_that_does_not_answer_is_not_an_absent_table_and_no_secret_is_told():
    storage = {
        "aws_endpoint_url": "http://127.0.0.1:9",
        "aws_allow_http": "true",
        "aws_region": "nowhere",
        "aws_access_key_id": "AKIAFAKE",
        "aws_secret_access_key": Secret("obviously-fake"),
        "max_retries": "0",
    }
    lake = DeltaLake(Lake(tables_url="s3://bucket/tables", files_url="unused", storage=storage), 7)
    report = await ops.status(lake)
    assert {each.state for each in report.tables} == {State.UNREADABLE}
    for refused in (lake.open(), ops.init(lake), lake.create("claimx_tasks")):
        with pytest.raises(LakeError) as caught:
            await refused
        assert "obviously-fake" not in str(caught.value)
        assert "\x1b" not in str(caught.value)
        assert "AKIAFAKE" not in str(caught.value)
    await lake.close()


def test_an_error_is_told_without_queries_secrets_and_noise():
    storage = {"sas_key": "sv=1&sig=FAKE", "token": Secret("fake/secret"), "aws_region": "nowhere"}
    text = (
        "Kernel\n  \x1b[31m\u21b3\x1b[0m GET https://a.example/c?sv=1&sig=OTHER failed\n"
        "  with fake/secret, sv=1&sig=FAKE, nowhere\n   0: <unknown>\n   1: <unknown>"
    )
    told = place(Lake(tables_url="s3://b/t", files_url="u", storage=storage), "x").told(OSError(text))
    assert told == "Kernel: GET https://a.example/c?*** failed with ***, ***, nowhere"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://bucket/tables?sig=FAKE", "s3://bucket/tables"),
        ("s3://user:fake@bucket/tables", "s3://user@bucket/tables"),
        ("abfss://container@account/tables", "abfss://container@account/tables"),
        ("lake/a?b", "lake/a?b"),
    ],
)
def test_the_tables_root_is_shown_without_secrets(url, told):
    assert shown(url) == told


# Tables that others made


def made_by_others(root: Path, name: str, partition_by: list[str], *more: Field, columns: str = "") -> Path:
    """A table of claimx' columns, or some of them, with partitions of its own and further fields."""
    types = {"string": "string", "int64": "long", "float64": "double", "boolean": "boolean"}
    types |= {"timestamp": "timestamp", "date": "date"}
    replaced = {field.name for field in more}
    fields = [
        Field(column.name, PrimitiveType(types[column.type]), nullable=True)
        for column in TABLES[name].columns
        if column.name not in replaced and (not columns or column.name in columns.split())
    ]
    DeltaTable.create(root / name, Schema([*fields, *more]), partition_by=partition_by)
    return root / name


@pytest.mark.parametrize("partition_by", [["project_id"], ["status"], ["city", "fetched_at"]])
async def test_projects_keep_the_partitions_that_others_gave_them(kept, partition_by):
    path = made_by_others(kept.root, "claimx_projects", partition_by)
    await opened(kept.lake)
    for number in range(3):
        await kept.lake.merge(
            "claimx_projects",
            [
                project(str(n), status=f"s{number}", city="Oslo", fetched_at=NOW + number)
                for n in range(number, 4)
            ],
        )
        await kept.lake.merge("claimx_projects", [project("9", contents_task_sent=True)])
    found = read(path).sort("project_id").select("project_id", "status").rows()
    assert found == [("0", "s0"), ("1", "s1"), ("2", "s2"), ("3", "s2"), ("9", None)]
    assert DeltaTable(path).metadata().partition_columns == partition_by
    assert await kept.lake.projects_fetched_at(["0", "3", "9"]) == {"0": NOW, "3": NOW + 2}


@pytest.mark.parametrize("partition_by", [[], ["project_id"], ["event_type", "event_date"], ["media_id"]])
async def test_events_and_log_keep_the_partitions_that_others_gave_them(kept, partition_by):
    path = made_by_others(kept.root, "claimx_events", partition_by)
    log = made_by_others(kept.root, "claimx_event_log", ["topic"])
    await opened(kept.lake)
    batch = [event("v1:a"), event("v1:b", NOW - 3 * DAY), event("c", is_id_given=True)]
    for _ in range(2):
        await kept.lake.merge_events(batch, NOW)
        await kept.lake.merge_events([event("c", NOW + SECOND, is_id_given=True)], NOW)
        await kept.lake.append_log([line("c", 1)])
    found = read(path).sort("event_id")
    assert found["event_id"].to_list() == ["c", "v1:a", "v1:b"]
    assert found["event_date"].to_list() == [date(2026, 1, 11), date(2026, 1, 11), date(2026, 1, 8)]
    assert read(log)["topic"].to_list() == ["claimx.events.raw"] * 2
    assert DeltaTable(path).metadata().partition_columns == partition_by


async def test_a_row_may_move_to_another_partition(kept):
    path = made_by_others(kept.root, "claimx_attachment_metadata", ["project_id"])
    await opened(kept.lake)
    for number, project_id in enumerate(("1", "2")):
        values = {"media_id": "7", "project_id": project_id, "fetched_at": NOW + number}
        await kept.lake.merge("claimx_attachment_metadata", [Row("claimx_attachment_metadata", values)])
    assert read(path).select("media_id", "project_id").rows() == [("7", "2")]


async def test_not_null_of_what_every_row_has_is_fine_and_enforced(kept):
    created = Field("created_at", PrimitiveType("timestamp"), nullable=False)
    made_by_others(kept.root, "claimx_projects", ["project_id"], created)
    event_type = Field("event_type", PrimitiveType("string"), nullable=False)
    made_by_others(kept.root, "claimx_events", ["event_date"], event_type)
    await opened(kept.lake)
    for number in range(2):
        await kept.lake.merge("claimx_projects", [project("1", created_at=NOW - number, updated_at=NOW)])
        await kept.lake.merge_events([event("v1:a")], NOW)
    assert [row["created_at"] for row in kept.rows("claimx_projects")] == [NOW - 1]
    assert kept.event_ids() == ["v1:a"]


async def test_what_claimx_could_never_fill_is_refused_at_start(kept):
    theirs = Field("tenant", PrimitiveType("string"), nullable=False)
    status = Field("status", PrimitiveType("string"), nullable=False)
    made_by_others(kept.root, "claimx_projects", [], theirs, status)
    made_by_others(kept.root, "claimx_contacts", [], columns="project_id contact_email")
    before = everything_below(kept.root)
    with pytest.raises(SchemaDriftError) as caught:
        await kept.lake.open()
    assert str(caught.value).splitlines() == [
        "claimx_projects does not fit its declaration:",
        "  status: NOT NULL, and claimx may leave it null",
        "  tenant: NOT NULL, and claimx does not know it",
        "claimx_contacts does not fit its declaration:",
        "  contact_id: a key, and not there",
    ]
    assert everything_below(kept.root) == before


PROTOCOL = {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["appendOnly", "rowTracking"]}


async def test_what_asks_more_of_its_writers_than_claimx_can_do_is_refused_at_start(kept):
    theirs = Field("city", PrimitiveType("string"), metadata={"delta.generationExpression": "upper(county)"})
    other = Field("county", PrimitiveType("string"), metadata={"delta.invariants": "{}"})
    checked = made_by_others(kept.root, "claimx_projects", [], theirs, other)
    DeltaTable(checked).alter.add_constraint({"old_enough": "year_built > 1800"})
    only_grows = made_by_others(kept.root, "claimx_tasks", [])
    DeltaTable(only_grows).alter.set_table_properties({"delta.appendOnly": "true"})
    tracked = made_by_others(kept.root, "claimx_contacts", [])
    (tracked / "_delta_log" / f"{1:020}.json").write_text(json.dumps({"protocol": PROTOCOL}) + "\n")
    before = everything_below(kept.root)
    with pytest.raises(SchemaDriftError) as caught:
        await kept.lake.open()
    assert str(caught.value).splitlines() == [
        "claimx_projects does not fit its declaration:",
        "  old_enough: CHECK (year_built > 1800), claimx cannot promise that",
        "  city: generated from other columns, claimx cannot promise that",
        "  county: an invariant, claimx cannot promise that",
        "claimx_contacts does not fit its declaration:",
        "  feature rowTracking: claimx cannot write a table that has it",
        "claimx_tasks does not fit its declaration:",
        "  delta.appendOnly: true, and claimx changes rows",
    ]
    assert everything_below(kept.root) == before


@pytest.mark.parametrize(
    ("protocol", "told"),
    [
        ({"minReaderVersion": 1, "minWriterVersion": 5}, None),
        ({"minReaderVersion": 1, "minWriterVersion": 6}, "  writer version 6: claimx knows up to 5, and 7"),
        (
            {"minReaderVersion": 2, "minWriterVersion": 5},
            "  reader version 2: claimx cannot read mapped columns",
        ),
        (PROTOCOL | {"writerFeatures": ["appendOnly", "checkConstraints", "changeDataFeed"]}, None),
    ],
)
async def test_a_protocol_that_asks_for_nothing_more_is_fine(kept, protocol, told):
    path = made_by_others(kept.root, "claimx_projects", [])
    (path / "_delta_log" / f"{1:020}.json").write_text(json.dumps({"protocol": protocol}) + "\n")
    if told is None:
        await opened(kept.lake)
        for number in range(2):
            await kept.lake.merge(
                "claimx_projects", [project("1", status=f"s{number}", fetched_at=NOW + number)]
            )
        assert [row["status"] for row in kept.rows("claimx_projects")] == ["s1"]
    else:
        with pytest.raises(SchemaDriftError, match=told):
            await kept.lake.open()


# Looking


async def test_status_tells_of_a_table_by_its_log(kept):
    await opened(kept.lake)
    await kept.lake.merge_events([event("v1:a"), event("v1:b", NOW - DAY)], NOW)
    found = await status_of(kept, "claimx_events")
    parts = list((kept.root / "claimx_events").rglob("*.parquet"))
    assert (found.state, found.version, found.files, found.rows) == (State.READY, 2, 2, 2)
    assert found.bytes == sum(part.stat().st_size for part in parts)
    assert found.partitioned_by == ("event_date",)
    assert (found.committed_at or "").startswith("20")


async def test_status_tells_what_is_missing_unknown_and_drifting(kept):
    there = pl.DataFrame({"project_id": ["1"], "year_built": ["1987"], "theirs": [[1]]})
    write_deltalake(kept.root / "claimx_projects", there)
    report = await ops.status(kept.lake)
    found = next(each for each in report.tables if each.table == "claimx_projects")
    assert found.state is State.DRIFTS
    assert found.unknown_columns == ("theirs",)
    assert found.drift == ("year_built: declared long, found string",)
    assert "city" in found.missing_columns
    assert not ops.is_ready(report)
    text = ops.status_text(report)
    assert "    year_built: declared long, found string\n" in text
    assert "    unknown columns: theirs (kept)\n" in text
