"""The manifest: equal to what the handlers make of the same answers, and blind to no kind of loss."""

from collections import defaultdict
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from claimx.domain.answers import ApiAnswer, GetMedia, GetProject, GetTask, GetVideos
from claimx.domain.events import decode
from claimx.domain.files import object_key
from claimx.domain.handlers.plan import Enrichment
from claimx.domain.handlers.registry import needs_project, plan_for
from claimx.domain.tasks import Origin, enrichment_task, project_task
from claimx.errors import PermanentError, PoisonError
from claimx.sandbox.manifest import KEYS, Manifest, manifest_of, problems, summary_problems
from claimx.sandbox.simulator.documents import list_shape, media_items, project_document, video_report
from claimx.sandbox.simulator.records import records
from claimx.sandbox.simulator.task_document import task_document
from claimx.sandbox.simulator.world import World

NOW = 1_768_200_000_000_000


def answered(world: World, request) -> ApiAnswer:
    match request:
        case GetTask(assignment_id):
            body = task_document(world, world.task(int(assignment_id)))
        case GetProject(project_id):
            body = project_document(world, world.project_of(int(project_id)))
        case GetVideos(project_id):
            body = video_report(world, world.project_of(int(project_id)))
        case GetMedia(project_id, media_ids):
            project = world.project_of(int(project_id))
            wanted = [m for m in project.media if not media_ids or str(m.media_id) in media_ids]
            items = media_items(world, wanted, lambda m: f"https://x/{m.media_id}" if m.has_link else None)
            body = list_shape(world, project, items, "media")
    return ApiAnswer(body, NOW, 1)


def driven(world: World, task) -> Enrichment:
    plan = plan_for(task, is_last_ask=False)
    try:
        requests = next(plan)
        while True:
            requests = plan.send([answered(world, request) for request in requests])
    except StopIteration as end:
        return end.value


def test_the_handlers_make_the_same_rows_and_files_of_the_same_answers() -> None:
    manifest = manifest_of(1, 1500)
    world, keys, files, hopeless, malformed = World(1), defaultdict(set), set(), 0, 0
    for record in records(world, 1500):
        if record.value is None:
            continue
        try:
            event = decode(record.value, 0, (record.timestamp_ms or NOW // 1000) * 1000, None)
        except PoisonError:
            malformed += 1
            continue
        keys["claimx_events"].add((event.event_id,))
        task = enrichment_task(event, Origin("t", 0, 0), NOW)
        if not event.is_enriched:
            continue
        rows = [*driven(world, project_task(task, NOW)).rows] if needs_project(task) else []
        enrichment = Enrichment([])
        try:
            enrichment = driven(world, task)
        except PermanentError:
            hopeless += 1
        for row in [*rows, *enrichment.rows]:
            keys[row.table].add(tuple(str(row.values[name]) for name in KEYS[row.table]))
        for download in enrichment.downloads:
            keys["claimx_attachments"].add((download.media_id,))
            files.add(object_key(download.project_id, download.media_id, download.file_name))
    assert dict(keys) == dict(manifest.keys)
    assert files == manifest.files.keys()
    assert (malformed, hopeless) == (manifest.malformed, manifest.hopeless)


def write_lake(manifest: Manifest, root: Path) -> None:
    for key, media in manifest.files.items():
        path = root / "files" / key
        path.parent.mkdir(parents=True)
        path.write_bytes(manifest.world.content(media))
    by_media = {str(media.media_id): (key, media) for key, media in manifest.files.items()}
    for table, names in KEYS.items():
        rows = [dict(zip(names, key, strict=True)) for key in sorted(manifest.keys[table])]
        if table == "claimx_attachments":
            for row in rows:
                key, media = by_media[row["media_id"]]
                digest = sha256(manifest.world.content(media)).hexdigest()
                row |= {"blob_path": key, "bytes": media.size, "sha256": digest}
        if rows:
            write_deltalake(root / "tables" / table, pl.DataFrame(rows))


@pytest.fixture
def lake(tmp_path: Path) -> tuple[Manifest, Path]:
    manifest = manifest_of(5, 40)
    write_lake(manifest, tmp_path)
    return manifest, tmp_path


def found(lake: tuple[Manifest, Path]) -> list[str]:
    manifest, root = lake
    return problems(manifest, str(root / "tables"), (root / "files").as_uri())


def change(lake: tuple[Manifest, Path], table: str, values: Mapping[str, object] | None, mode: str) -> None:
    path = lake[1] / "tables" / table
    frame = pl.read_delta(str(path))
    frame = (
        frame.slice(1)
        if values is None
        else frame.head(1).with_columns(**{k: pl.lit(v) for k, v in values.items()})
    )
    write_deltalake(path, frame, mode=mode)


def test_a_lake_with_everything_has_no_problem(lake: tuple[Manifest, Path]) -> None:
    assert found(lake) == []


@pytest.mark.parametrize(
    ("table", "values", "mode", "problem"),
    [
        ("claimx_events", None, "overwrite", "claimx_events: row missing: 1"),
        ("claimx_events", {}, "append", "claimx_events: key more than once: 1"),
        ("claimx_tasks", {"task_id": "7"}, "append", "claimx_tasks: row that should not be: 1"),
        ("claimx_attachments", {"sha256": "0", "media_id": "1"}, "append", "row that should not be: 1: 1"),
    ],
)
def test_a_row_that_is_lost_doubled_or_foreign_is_told(lake, table, values, mode, problem) -> None:
    change(lake, table, values, mode)
    assert any(problem in one for one in found(lake))


def test_an_inventory_row_with_another_digest_is_told(lake) -> None:
    path = lake[1] / "tables" / "claimx_attachments"
    write_deltalake(path, pl.read_delta(str(path)).with_columns(sha256=pl.lit("0")), mode="overwrite")
    assert any("blob_path, bytes or sha256 wrong" in one for one in found(lake))


def test_files_that_are_lost_damaged_or_foreign_are_told(lake) -> None:
    first, second, *_ = sorted(lake[0].files)
    root = lake[1] / "files"
    (root / first).unlink()
    (root / second).write_bytes(b"half")
    (root / "leftover.tmp").write_bytes(b"")
    told = "\n".join(found(lake))
    assert f"file missing: 1: {first}" in told
    assert f"file with other bytes: 1: {second}" in told
    assert "file that should not be: 1: leftover.tmp" in told


def test_a_lake_that_is_not_there_lacks_everything(tmp_path: Path) -> None:
    assert (
        len(problems(manifest_of(1, 500), str(tmp_path / "tables"), str(tmp_path / "files"))) == len(KEYS) + 1
    )


def test_a_summary_is_compared_count_by_count() -> None:
    manifest = manifest_of(1, 500)
    summary = {
        "received": manifest.records,
        "dead_lettered": manifest.dead_lettered,
        "committed": 500 - manifest.hopeless,
        "skipped": manifest.records - manifest.dead_lettered - 500 + manifest.hopeless,
        "files": len(manifest.files),
        "lag": 0,
        "in_flight": 0,
    }
    assert list(summary_problems(manifest, summary)) == []
    summary["committed"] -= 1
    assert len(list(summary_problems(manifest, summary))) == 1
