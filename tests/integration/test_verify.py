"""``claimx verify`` on a real run: clean as it is, and every seeded fault is found and named."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from claimx.domain.queue_mark import QueueMark, encode
from claimx.domain.tasks import EnrichmentTask, Origin, encode_task
from support.commands import claimx, claimx_json
from support.kafka import Broker
from support.rig import rig_on, wait_until
from support.settled import Settled, all_committed, commit_as, produce, settled_run

pytestmark = pytest.mark.timeout(180)

EVENTS, LOG = "claimx_events", "claimx_event_log"


@pytest.fixture(scope="module")
def untouched(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    with settled_run(broker, tmp_path_factory.mktemp("settled")) as settled:
        yield settled


@pytest.fixture
def copy(untouched: Settled, tmp_path: Path) -> Settled:
    return untouched.copy(tmp_path / "copy")


def verify(settled: Settled, *arguments: object, code: int = 0) -> Any:
    return claimx_json("verify", *settled.options, *arguments, code=code)


def found(settled: Settled, *arguments: object) -> list[dict[str, Any]]:
    report = verify(settled, *arguments, code=3)
    assert report["is_clean"] is False
    problems: list[dict[str, Any]] = report["problems"]
    return problems


def numbers(report: Any) -> dict[str, tuple[int, int, int]]:
    return {
        each["name"]: (each["looked_at"], each["problems"], each["unprovable"]) for each in report["checks"]
    }


def a_line(settled: Settled, **equal: object) -> dict[str, Any]:
    """The first record's line with these values."""
    lines = settled.table(LOG).filter(pl.col("child").is_null())
    for name, value in equal.items():
        lines = lines.filter(pl.col(name) == value)
    return lines.sort("partition", "offset").row(0, named=True)


def place(line: dict[str, Any]) -> list[Any]:
    return [line["topic"], line["partition"], line["offset"]]


def test_a_finished_run_is_clean_and_every_record_was_looked_at(untouched: Settled) -> None:
    report = verify(untouched, "--files", "--sample", "25")
    rig, log = untouched.rig, untouched.table(LOG)
    outcomes = dict(log.filter(pl.col("child").is_null()).group_by("outcome").len().iter_rows())
    assert {"committed", "parked", "dead_lettered", "skipped"} <= outcomes.keys(), (
        "the run has everything in it"
    )
    assert log.filter(pl.col("child").is_not_null(), pl.col("outcome") == "committed").height == 3
    looked_at = {name: number for name, (number, _, _) in numbers(report).items()}
    assert looked_at["records"] == looked_at["rows"] - 3 == rig.manifest.records
    assert looked_at["parked"] == outcomes["parked"] == 3 + len(untouched.delay_rows())
    assert looked_at["dead letters"] == outcomes["dead_lettered"]
    assert (looked_at["offsets"], looked_at["sample"]) == (6, 25)
    assert looked_at["files"] == len(rig.manifest.files)
    assert not any(problems or unprovable for _, problems, unprovable in numbers(report).values())
    assert (report["schema"], report["problems"]) == ("claimx.verify/1", [])


def lose_an_event(copy: Settled) -> dict[str, Any]:
    line = a_line(copy, outcome="committed", event_type="PROJECT_FILE_ADDED")
    copy.delete(EVENTS, f"event_id = '{line['event_id']}'")
    return {"check": "rows", "table": EVENTS, "key": line["event_id"]}


def lose_the_event_of_parked_work(copy: Settled) -> dict[str, Any]:
    line = a_line(copy, outcome="parked", event_type="CUSTOM_TASK_ASSIGNED")
    copy.delete(EVENTS, f"event_id = '{line['event_id']}'")
    return {"check": "rows", "table": EVENTS, "origin": place(line)}


def lose_a_task(copy: Settled) -> dict[str, Any]:
    event_id = a_line(copy, outcome="committed", event_type="CUSTOM_TASK_ASSIGNED")["event_id"]
    event = copy.table(EVENTS).row(by_predicate=pl.col("event_id") == event_id, named=True)
    copy.delete("claimx_tasks", f"task_id = {event['task_assignment_id']}")
    return {"check": "rows", "table": "claimx_tasks", "key": event["task_assignment_id"]}


def lose_a_media_row(copy: Settled) -> dict[str, Any]:
    media_id = copy.table("claimx_attachment_metadata")["media_id"].sort()[10]
    copy.delete("claimx_attachment_metadata", f"media_id = '{media_id}'")
    return {"check": "rows", "table": "claimx_attachment_metadata", "key": media_id}


def lose_a_video(copy: Settled) -> dict[str, Any]:
    event_id = a_line(copy, outcome="committed", event_type="VIDEO_COLLABORATION_COMPLETED")["event_id"]
    event = copy.table(EVENTS).row(by_predicate=pl.col("event_id") == event_id, named=True)
    copy.delete("claimx_video_collab", f"collaboration_id = {event['video_collaboration_id']}")
    return {"check": "rows", "table": "claimx_video_collab", "key": event["video_collaboration_id"]}


def lose_a_project(copy: Settled) -> dict[str, Any]:
    line = a_line(copy, outcome="committed", event_type="PROJECT_CREATED")
    copy.delete("claimx_projects", f"project_id = '{line['project_id']}'")
    return {"check": "rows", "table": "claimx_projects", "key": line["project_id"]}


def lose_an_inventory_row(copy: Settled) -> dict[str, Any]:
    media_id = copy.table("claimx_attachments")["media_id"].sort()[5]
    copy.delete("claimx_attachments", f"media_id = '{media_id}'")
    return {"check": "rows", "table": "claimx_attachments", "key": media_id}


def lose_the_inventory_row_of_a_retried_file(copy: Settled) -> dict[str, Any]:
    line = copy.table(LOG).row(by_predicate=pl.col("child") == pl.col("child").max(), named=True)
    media_id = line["child"].partition(":")[2]
    copy.delete("claimx_attachments", f"media_id = '{media_id}'")
    return {"check": "rows", "table": "claimx_attachments", "key": media_id}


def double_an_event(copy: Settled) -> dict[str, Any]:
    row = copy.table(EVENTS).sort("event_id").head(1)
    copy.append(EVENTS, row)
    return {"check": "doubles", "table": EVENTS, "key": row["event_id"][0], "what": "the key stands 2 times"}


def double_an_event_on_another_day(copy: Settled) -> dict[str, Any]:
    row = copy.table(EVENTS).sort("event_id").head(1).with_columns(pl.col("event_date").dt.offset_by("-40d"))
    copy.append(EVENTS, row)
    return {"check": "doubles", "table": EVENTS, "key": row["event_id"][0]}


def double_a_contact(copy: Settled) -> dict[str, Any]:
    row = copy.table("claimx_contacts").sort("contact_id").head(1)
    copy.append("claimx_contacts", row)
    return {
        "check": "doubles",
        "table": "claimx_contacts",
        "key": f"{row['contact_id'][0]}/{row['project_id'][0]}",
    }


def lose_a_log_line(copy: Settled) -> dict[str, Any]:
    line = a_line(copy, outcome="committed")
    copy.delete(LOG, f'partition = {line["partition"]} AND "offset" = {line["offset"]}')
    return {"check": "records", "origin": place(line), "event_id": line["event_id"]}


def change_a_log_line(copy: Settled) -> dict[str, Any]:
    line = a_line(copy, outcome="committed")
    copy.delete(LOG, f'partition = {line["partition"]} AND "offset" = {line["offset"]}')
    wrong = copy.table(LOG).filter(pl.col("outcome") == "committed", pl.col("child").is_null()).tail(1)
    copy.append(
        LOG,
        wrong.with_columns(
            pl.lit(line["offset"]).alias("offset"), pl.lit(line["partition"]).alias("partition")
        ),
    )
    what = f"the event log tells of another event at its place: {wrong['event_id'][0]}"
    return {"check": "records", "origin": place(line), "event_id": line["event_id"], "what": what}


def lose_a_delay_row(copy: Settled) -> dict[str, Any]:
    topic, partition, offset, _ = copy.delete_delay_row()
    return {"check": "parked", "origin": [topic, partition, offset]}


def lose_the_delay_queue(copy: Settled) -> dict[str, Any]:
    origin = list(copy.delay_rows()[0][:3])
    for file in copy.delay.parent.glob("delay.sqlite*"):
        file.unlink()
    return {"check": "parked", "origin": origin}


def say_that_a_record_was_dead_lettered(copy: Settled) -> dict[str, Any]:
    line = a_line(copy, outcome="committed")
    row = copy.table(LOG).filter(pl.col("event_id") == line["event_id"]).head(1)
    copy.delete(LOG, f"event_id = '{line['event_id']}'")
    copy.append(LOG, row.with_columns(outcome=pl.lit("dead_lettered"), error_code=pl.lit("bug.KeyError")))
    return {"check": "dead letters", "event_id": line["event_id"]}


def say_that_a_record_was_forwarded(copy: Settled) -> dict[str, Any]:
    line = a_line(copy, outcome="committed")
    row = copy.table(LOG).filter(pl.col("event_id") == line["event_id"]).head(1)
    copy.delete(LOG, f"event_id = '{line['event_id']}'")
    copy.append(LOG, row.with_columns(outcome=pl.lit("forwarded")))
    return {"check": "forwarded", "event_id": line["event_id"]}


def say_that_a_retry_was_parked_again(copy: Settled) -> dict[str, Any]:
    row = copy.table(LOG).filter(pl.col("child").is_not_null()).head(1)
    later = row.with_columns(outcome=pl.lit("parked"), processed_at=pl.col("processed_at").dt.offset_by("1s"))
    copy.append(LOG, later)
    return {"check": "parked", "event_id": row["event_id"][0]}


FAULTS = [
    lose_an_event,
    lose_the_event_of_parked_work,
    lose_a_task,
    lose_a_media_row,
    lose_a_video,
    lose_a_project,
    lose_an_inventory_row,
    lose_the_inventory_row_of_a_retried_file,
    double_an_event,
    double_an_event_on_another_day,
    double_a_contact,
    lose_a_log_line,
    change_a_log_line,
    lose_a_delay_row,
    lose_the_delay_queue,
    say_that_a_record_was_dead_lettered,
    say_that_a_record_was_forwarded,
    say_that_a_retry_was_parked_again,
]


@pytest.mark.parametrize("harm", FAULTS, ids=lambda harm: harm.__name__)
def test_a_seeded_fault_is_found_and_named(harm: Callable[[Settled], dict[str, Any]], copy: Settled) -> None:
    expected = harm(copy)
    problems = found(copy)
    assert any(expected.items() <= each.items() for each in problems), problems
    followed = {"rows"} if expected["check"] == "parked" else set()
    assert {each["check"] for each in problems} - followed == {expected["check"]}


def test_files_that_do_not_fit_their_inventory_are_found(copy: Settled) -> None:
    inventory = copy.table("claimx_attachments").sort("blob_path").select("media_id", "blob_path").rows()
    (_, gone), (_, short), (changed_id, changed), *_ = inventory
    (copy.files / gone).unlink()
    (copy.files / short).write_bytes((copy.files / short).read_bytes() + b"x")
    content = bytearray((copy.files / changed).read_bytes())
    content[0] ^= 1
    (copy.files / changed).write_bytes(content)
    stray, young = copy.files / "1" / "2" / "stray ümlaut.jpg", copy.files / "1" / "2" / "young.jpg"
    stray.parent.mkdir(parents=True)
    for file in (stray, young):
        file.write_bytes(b"x")
    old = time.time() - 3600
    os.utime(stray, (old, old))
    verify(copy)
    problems = found(copy, "--files")
    said = {each["key"].rpartition(": ")[2]: each["what"] for each in problems}
    assert said.pop(gone) == "the file is not there"
    assert "bytes, the inventory says" in said.pop(short)
    assert said == {"1/2/stray ümlaut.jpg": "no row in claimx_attachments"}
    read = found(copy, "--sample", len(inventory))
    assert len(read) == 3
    assert {"what": "its content is not what was stored", "key": f"{changed_id}: {changed}"}.items() <= next(
        each for each in read if changed in each["key"]
    ).items()


def test_an_offset_that_was_moved_too_far_is_found(untouched: Settled) -> None:
    rig, topic = untouched.rig, untouched.rig.topics.events_raw
    committed = all_committed(rig)
    past_the_end = {**committed, 0: committed[0] + 1}
    commit_as(rig, "past-the-end.ingest", topic, past_the_end)
    (problem,) = found(untouched, "--set", "kafka.group_id=past-the-end")
    assert (problem["check"], problem["origin"]) == ("offsets", [topic, 0, committed[0] + 1])
    assert "past the end" in problem["what"]

    produce(rig, topic, 1, b'{"eventType": "PROJECT_CREATED", "projectId": 424242, "eventId": "not-settled"}')
    verify(untouched)
    commit_as(rig, "one-too-far.ingest", topic, {**committed, 1: committed[1] + 1})
    (problem,) = found(untouched, "--set", "kafka.group_id=one-too-far")
    assert (problem["check"], problem["origin"]) == ("records", [topic, 1, committed[1]])
    assert problem["event_id"] == "not-settled"


def test_a_task_that_a_stage_has_passed_without_a_line_is_found_and_one_that_waits_is_not(
    untouched: Settled,
) -> None:
    rig = untouched.rig
    task = EnrichmentTask(
        event_id="handed-on",
        event_type="PROJECT_CREATED",
        project_id="1",
        ingested_at=0,
        origin=Origin(rig.topics.events_raw, 0, 0),
        first_tried_at=0,
    )
    produce(rig, rig.topics.enrichment_pending, 0, encode_task(task))
    commit_as(rig, "roles.ingest", rig.topics.events_raw, all_committed(rig))
    verify(untouched, "--set", "kafka.group_id=roles")
    commit_as(rig, "roles.enrich", rig.topics.enrichment_pending, {0: 1})
    (problem,) = found(untouched, "--set", "kafka.group_id=roles")
    expected = {"check": "records", "event_id": "handed-on", "origin": [rig.topics.enrichment_pending, 0, 0]}
    assert expected.items() <= problem.items()


def test_forwarded_work_that_waits_on_its_topic_or_went_on_is_no_problem(copy: Settled) -> None:
    rig = copy.rig
    log = copy.table(LOG).filter(pl.col("outcome") == "committed", pl.col("child").is_null())
    told = log.group_by("event_id").first().sort("event_id").select(log.columns).head(2)
    waits, went = told["event_id"]
    copy.delete(LOG, f"event_id IN ('{waits}', '{went}')")
    copy.append(LOG, told.with_columns(outcome=pl.lit("forwarded")))
    taken = told.filter(pl.col("event_id") == went)
    passed_on = {"topic": pl.lit(rig.topics.enrichment_pending), "offset": pl.lit(4711)}
    copy.append(LOG, taken.with_columns(**passed_on, outcome=pl.lit("parked")))
    assert {(each["check"], each["event_id"]) for each in found(copy) if each["check"] != "rows"} == {
        ("forwarded", waits),
        ("parked", went),  # the line of the task itself is no trace of what it says
    }
    task = EnrichmentTask(
        event_id=waits,
        event_type="PROJECT_CREATED",
        project_id="1",
        ingested_at=0,
        origin=Origin(rig.topics.events_raw, 0, 0),
        first_tried_at=0,
    )
    produce(rig, rig.topics.enrichment_pending, 2, encode_task(task))
    assert {each["event_id"] for each in found(copy) if each["check"] != "rows"} == {went}


def test_a_retry_that_was_parked_again_and_done_in_one_flush_is_no_problem(copy: Settled) -> None:
    done = copy.table(LOG).filter(pl.col("child").is_not_null())
    again = done.with_columns(outcome=pl.lit("parked"), attempts=pl.col("attempts") - 1)
    not_counted = done.with_columns(outcome=pl.lit("parked"))
    copy.append(LOG, pl.concat([again, not_counted]))
    verify(copy)


def test_what_waits_on_another_host_is_unprovable_and_said(copy: Settled) -> None:
    rig = copy.rig
    copy.delete_delay_row()
    mark = encode("claimx-elsewhere", QueueMark("00ff", 3))
    commit_as(rig, "two-hosts.ingest", rig.topics.events_raw, all_committed(rig), mark)
    report = verify(copy, "--set", "kafka.group_id=two-hosts")
    assert numbers(report)["parked"][1:] == (0, 1)
    assert any("claimx-elsewhere" in note for note in report["notes"])


def test_a_period_bounds_records_and_lines(untouched: Settled) -> None:
    report = verify(untouched, "--until", "2020-01-01")
    assert {numbers(report)[name][0] for name in ("records", "rows", "parked")} == {0}
    report = verify(untouched, "--since", "1d")
    assert numbers(report)["rows"][0] == numbers(verify(untouched))["rows"][0]
    claimx("verify", *untouched.options, "--since", "yesterday", code=2)


def test_text_is_for_people_and_jsonl_has_a_line_for_each_problem(copy: Settled) -> None:
    expected = lose_a_task(copy)
    text = claimx("verify", *copy.options, code=3).stdout
    problems = [line for line in text.splitlines() if line.startswith("rows: ")]
    first, head = problems[0], text.splitlines()[len(problems)]
    assert first.startswith("rows: its event is committed, and the row is not there, event ")
    assert first.endswith(f"claimx_tasks {expected['key']}")
    assert head.split() == ["check", "of", "looked", "at", "problems", "unprovable"]
    lines = [
        json.loads(line)
        for line in claimx("verify", *copy.options, "-o", "jsonl", code=3).stdout.splitlines()
    ]
    schemas = [line["schema"] for line in lines]
    assert schemas[0] == "claimx.verify.problem/1"
    assert schemas.count("claimx.verify.problem/1") == len(problems) > 0
    assert schemas[-1] == "claimx.verify.check/1"


def test_a_group_that_has_committed_nothing_is_said(untouched: Settled) -> None:
    report = verify(untouched, "--set", "kafka.group_id=nobody")
    assert any("nobody.ingest has committed nothing" in note for note in report["notes"])


def test_what_cannot_be_reached_has_its_exit_code(copy: Settled, tmp_path: Path) -> None:
    down = claimx("verify", *copy.options, "--set", "kafka.bootstrap_servers=127.0.0.1:1", code=5)
    assert "error: kafka.unreachable" in down.stderr
    absent = claimx("verify", *copy.options, "--set", f"lake.tables_url={tmp_path}/none", code=78)
    assert "claimx_event_log is not there" in absent.stderr
    copy.delay.write_bytes(b"no database, but long enough to be taken for one" * 100)
    broken = claimx("verify", *copy.options, code=1)
    assert "cannot be read as a delay queue" in broken.stderr
    assert (
        msgspec.json.decode(claimx("verify", *copy.options, "-o", "json", code=1).stderr)["error"]["code"]
        == "failed"
    )


def test_beside_a_running_daemon_it_never_cries_wolf(broker: Broker, tmp_path: Path) -> None:
    with rig_on(broker, tmp_path, 9, 1500, faults=True) as rig:
        config = rig.config(
            api__max_concurrent="4", lake__flush_interval_s="0.5", retry__delays_s="[1.0, 1.0, 1.0, 1.0]"
        )
        rig.start_feed()
        rig.run(config)
        wait_until(lambda: sum(rig.committed().values()) > 0, "a first commit")
        seen = 0
        while (looked_at := records_looked_at(config)) < rig.manifest.records:
            seen += looked_at > 0
        assert seen > 2, "the daemon was done before it was looked at"


def records_looked_at(config: Path) -> int:
    report = claimx_json("verify", "-c", config)
    return numbers(report)["records"][0]


def test_a_run_of_stages_with_topics_between_them_is_clean_and_a_lost_line_of_a_task_is_found(
    broker: Broker, tmp_path: Path
) -> None:
    with rig_on(broker, tmp_path, 10, 200) as rig:
        config = rig.config(
            edges__enrich='"topic"',
            edges__download='"topic"',
            download__spool_url=f'"file://{tmp_path}/spool"',
        )
        rig.feed_all()
        assert rig.run(config, "--exit-when-idle").wait(120) == 0
        report = claimx_json("verify", "--files", "-c", config)
        assert report["is_clean"], report["problems"]
        log = rig.table(LOG)
        assert numbers(report)["records"][0] == log.height > rig.manifest.records
        assert numbers(report)["forwarded"][0] == log.filter(pl.col("outcome") == "forwarded").height > 100
        lost = log.filter(pl.col("topic") == rig.topics.downloads_pending).row(0, named=True)
        settled = Settled(rig, config, tmp_path)
        settled.delete(LOG, f"event_id = '{lost['event_id']}' AND topic = '{rig.topics.downloads_pending}'")
        problems = found(settled)
        assert {"records", "forwarded"} >= {each["check"] for each in problems}
        assert any(each["origin"] == place(lost) for each in problems)
