"""``claimx trace`` on a real run: one story, from every place that knows of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from support.commands import claimx, claimx_json
from support.kafka import Broker
from support.rig import TOKEN
from support.settled import Settled, produce, settled_run

pytestmark = pytest.mark.timeout(180)

LOG = "claimx_event_log"


@pytest.fixture(scope="module")
def untouched(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    with settled_run(broker, tmp_path_factory.mktemp("settled")) as settled:
        yield settled


def trace(settled: Settled, *arguments: object) -> Any:
    return claimx_json("trace", *arguments, *settled.options)


def of(story: Any, source: str) -> list[dict[str, Any]]:
    return [entry for entry in story["entries"] if entry["source"] == source]


def a_line(settled: Settled, wanted: pl.Expr) -> dict[str, Any]:
    return (
        settled.table(LOG)
        .sort("partition", "offset")
        .row(by_predicate=wanted & wanted.cum_sum().eq(1), named=True)
    )


def test_a_file_that_was_retried_has_its_whole_story_in_order(untouched: Settled) -> None:
    line = a_line(untouched, pl.col("child").is_not_null())
    story = trace(untouched, line["event_id"])
    assert (story["schema"], story["kind"], story["event_ids"]) == (
        "claimx.trace/1",
        "event",
        [line["event_id"]],
    )
    times = [entry["at"] for entry in story["entries"]]
    assert times == sorted(times)
    (record,) = of(story, "record")
    assert record["details"] | {"bytes": 0} == {
        "topic": line["topic"], "partition": line["partition"], "offset": line["offset"], "bytes": 0
    }  # fmt: skip
    assert record["details"]["bytes"] > 50
    (event,) = of(story, "event")
    assert event["details"]["event_type"] == "PROJECT_FILE_ADDED"
    assert "raw_data" not in event["details"]
    first, second = (entry["details"] for entry in of(story, "log"))
    assert (first["outcome"], first["attempts"], first["error_code"]) == ("parked", 1, "file.5xx")
    assert (second["outcome"], second["attempts"], second["child"]) == ("committed", 2, line["child"])
    media_id = event["details"]["media_id"]
    tables = {entry["what"] for entry in of(story, "row")}
    assert {f"claimx_attachment_metadata {media_id}", f"claimx_attachments {media_id}"} <= tables
    (file,) = of(story, "file")
    assert file["what"].endswith("bytes: stored")
    assert file["details"]["bytes"] == file["details"]["stored_bytes"]
    assert not of(story, "delay")
    assert not of(story, "dead letter")


def test_an_id_may_be_its_beginning_or_a_media_file_or_a_project(untouched: Settled) -> None:
    line = a_line(untouched, pl.col("child").is_not_null())
    whole = trace(untouched, line["event_id"])
    assert trace(untouched, line["event_id"][:16]) == whole
    media_id = line["child"].partition(":")[2]
    media = trace(untouched, media_id)
    assert (media["kind"], media["event_ids"]) == ("media", [line["event_id"]])
    assert [e["what"] for e in media["entries"]] == [e["what"] for e in whole["entries"]]
    project = trace(untouched, line["project_id"])
    assert project["kind"] == "project"
    assert {e["what"] for e in whole["entries"]} <= {e["what"] for e in project["entries"]}
    assert f"claimx_projects {line['project_id']}" in {
        entry["what"].partition(",")[0] for entry in of(project, "row")
    }
    assert trace(untouched, line["project_id"], "--as", "project") == project
    several = claimx("trace", "v1:00000", *untouched.options, code=1)
    assert "is known neither" in several.stderr


def test_the_beginning_of_several_event_ids_is_refused_with_their_names(
    untouched: Settled, tmp_path: Path
) -> None:
    copy = untouched.copy(tmp_path / "copy")
    rows = copy.table("claimx_events").head(2).with_columns(event_id=pl.Series(["evt-same-1", "evt-same-2"]))
    copy.append("claimx_events", rows)
    refused = claimx("trace", "evt-same", *copy.options, code=1)
    assert (
        "several event ids begin with evt-same\n  hint: which one: evt-same-1, evt-same-2" in refused.stderr
    )
    assert trace(copy, "evt-same-1")["event_ids"] == ["evt-same-1"]


def test_what_waits_and_what_was_given_up_is_told(untouched: Settled) -> None:
    log = untouched.table(LOG)
    waits = log.filter(pl.col("outcome") == "parked", pl.col("event_type").str.starts_with("CUSTOM"))[
        "event_id"
    ][0]
    (delay,) = of(trace(untouched, waits), "delay")
    assert delay["details"] | {"due_at": "", "event_id": waits} == delay["details"] | {"due_at": ""}
    assert (delay["details"]["child"], delay["details"]["code"], delay["details"]["instance"]) == (
        "enrich", "api.429", "claimx-0"
    )  # fmt: skip
    dead = log.filter(pl.col("outcome") == "dead_lettered", pl.col("event_id").is_not_null())["event_id"][0]
    (letter,) = of(trace(untouched, dead), "dead letter")
    assert (letter["details"]["state"], letter["details"]["code"]) == ("open", "event.bad_media_id")
    claimx("dlq", "replay", letter["details"]["id"], *untouched.options)
    (letter,) = of(trace(untouched, dead), "dead letter")
    assert letter["details"]["state"] == "replayed"


def test_a_file_that_is_gone_is_said(untouched: Settled, tmp_path: Path) -> None:
    copy = untouched.copy(tmp_path / "copy")
    media_id, path = copy.table("claimx_attachments").select("media_id", "blob_path").row(3)
    (copy.files / path).unlink()
    assert f"{path}, " in claimx("trace", media_id, *copy.options).stdout
    (file,) = of(trace(copy, media_id), "file")
    assert file["what"].endswith("NOT THERE")


def test_an_event_that_is_not_settled_is_found_in_its_topic_and_an_unknown_one_nowhere(
    untouched: Settled,
) -> None:
    topic = untouched.rig.topics.events_raw
    value = b'{"eventType": "PROJECT_FILE_ADDED", "projectId": 31415926, "mediaId": 27182818, "eventId": "evt-in-flight"}'
    produce(untouched.rig, topic, 2, value)
    for id_, kind in (("evt-in-flight", "event"), ("27182818", "media"), ("31415926", "project")):
        story = trace(untouched, id_)
        (entry,) = story["entries"]
        assert (story["kind"], entry["source"]) == (kind, "record")
        assert entry["what"].endswith(": PROJECT_FILE_ADDED of project 31415926, not settled yet")
    unknown = claimx("trace", "evt-unknown", *untouched.options, code=1)
    assert unknown.stderr == (
        "error: evt-unknown is known neither as event nor as media nor as project\n"
        "  hint: looked at: all tables, delay queues of this host (claimx-0), dead letters, events that are not settled\n"
    )


def test_text_and_jsonl_tell_the_same_and_no_secret(untouched: Settled) -> None:
    line = a_line(untouched, pl.col("child").is_not_null())
    text = claimx("trace", line["event_id"], *untouched.options).stdout
    lines = claimx("trace", line["event_id"], *untouched.options, "-o", "jsonl").stdout
    assert len(text.splitlines()) == len(lines.splitlines()) + 1
    assert text.startswith(f"event {line['event_id']}\n")
    for said in (text, lines):
        assert TOKEN not in said
        assert "sign=" not in said
        assert "X-Amz" not in said
