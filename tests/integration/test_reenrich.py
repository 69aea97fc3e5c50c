"""``claimx reenrich``: what stands on the topic, and that a daemon takes it as new work."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from deltalake import DeltaTable

from claimx.domain.dead_letter import letter_id
from claimx.domain.tasks import EnrichmentTask, decode_task
from claimx.sandbox.simulator.world import Project
from support.commands import claimx, claimx_json
from support.kafka import Broker
from support.rig import CLAIMX, PARTITIONS, TOKEN, Rig, rig_on, wait_until

pytestmark = pytest.mark.timeout(180)

SEED = 31


@pytest.fixture
def rig(broker: Broker, tmp_path: Path) -> Iterator[Rig]:
    with rig_on(broker, tmp_path, SEED, 120) as made:
        yield made


@pytest.fixture
def config(rig: Rig) -> Path:
    return rig.config()


def project(rig: Rig, number: int = 0) -> Project:
    return rig.manifest.world.project(number)


def pending(rig: Rig) -> list[Any]:
    """Every record of claimx.enrichment.pending."""
    settings = {
        "bootstrap.servers": rig.broker.bootstrap_servers,
        "group.id": "reader",
        "enable.auto.commit": False,
    }
    with closing(Consumer(settings)) as consumer:
        parts = [TopicPartition(rig.topics.enrichment_pending, n, 0) for n in range(PARTITIONS)]
        ends = sum(end_of(consumer, part) for part in parts)
        consumer.assign(parts)
        found: list[Any] = []
        while len(found) < ends:
            found += [message for message in consumer.consume(100, 0.5) if message.error() is None]
    return found


def end_of(consumer: Consumer, part: TopicPartition) -> int:
    """The end of a partition, as soon as it has a leader: it may be a moment old."""
    found: list[int] = []

    def is_known() -> bool:
        with suppress(KafkaException):
            found.append(consumer.get_watermark_offsets(part, timeout=10)[1])
        return bool(found)

    wait_until(is_known, f"a leader of {part}", 20)
    return found[0]


def tasks(records: list[Any]) -> list[EnrichmentTask]:
    made = [decode_task(record.value()) for record in records]
    assert all(isinstance(task, EnrichmentTask) for task in made)
    return made  # type: ignore[return-value]


def test_a_project_is_asked_for_whole_under_its_key(rig: Rig, config: Path) -> None:
    asked = project(rig)
    report = claimx_json("reenrich", asked.project_id, "-c", config)
    records = pending(rig)
    made = tasks(records)
    wanted = {
        ("PROJECT_CREATED", None, None),
        ("PROJECT_FILE_ADDED", None, None),
        *(("CUSTOM_TASK_ASSIGNED", str(task.assignment_id), None) for task in asked.tasks),
        *(("VIDEO_COLLABORATION_INVITE_SENT", None, str(video)) for video in asked.videos),
    }
    assert asked.tasks
    assert asked.videos
    assert {(t.event_type, t.task_assignment_id, t.video_collaboration_id) for t in made} == wanted
    assert len(made) == len(wanted) == sum(report["tasks"].values())
    assert {record.key() for record in records} == {str(asked.project_id).encode()}
    for record, task in zip(records, made, strict=True):
        headers = dict(record.headers())
        assert headers["claimx-event-id"] == task.event_id.encode()
        assert headers["claimx-reenrich"].endswith(b"Z")
        assert task.event_id.startswith("reenrich:")
        assert (task.attempt, task.asked, task.media_id) == (1, 0, None)
    assert (report["schema"], report["projects"], report["failures"]) == ("claimx.reenrich/1", 1, [])


def test_no_two_tasks_of_one_run_or_of_two_fold_into_one(rig: Rig, config: Path) -> None:
    ids = [project(rig, n).project_id for n in range(3)]
    for _ in range(2):
        claimx("reenrich", *ids, "-c", config)
    made = tasks(pending(rig))
    assert len({task.event_id for task in made}) == len(made) > 10
    assert len({(task.origin, task.child) for task in made}) == len(made), "delay rows"
    assert len({letter_id(task.origin, task.child) for task in made}) == len(made), "dead letters"
    assert all(task.origin.topic == "claimx.reenrich" and 0 <= task.origin.offset < 2**63 for task in made)


def test_claims_and_files_name_projects_and_each_is_asked_for_once(
    rig: Rig, config: Path, tmp_path: Path
) -> None:
    first, second = project(rig, 1), project(rig, 2)
    listed = tmp_path / "projects.txt"
    listed.write_text(
        f"# of yesterday\n{first.project_id}\n\n  {second.project_id}  # again\n{first.project_id}\n"
    )
    report = claimx_json("reenrich", "--from-file", listed, "--claim", second.claim_number, "-c", config)
    assert report["projects"] == 2
    assert {task.project_id for task in tasks(pending(rig))} == {
        str(first.project_id),
        str(second.project_id),
    }
    piped = subprocess.run(
        [CLAIMX, "reenrich", "--from-file", "-", "--dry-run", "-c", str(config)],
        input=f"{first.project_id}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert piped.stdout.startswith("1 project would be asked for: 1 projects, 1 media lists")


def test_a_dry_run_puts_nothing_on_the_topic(rig: Rig, config: Path) -> None:
    report = claimx_json("reenrich", project(rig).project_id, "--dry-run", "-c", config)
    assert (report["projects"], report["dry_run"]) == (1, True)
    assert report["tasks"]["assignments"] == len(project(rig).tasks)
    assert pending(rig) == []


def test_what_fails_fails_alone_and_is_named(rig: Rig, config: Path) -> None:
    good, bad = project(rig, 1).project_id, project(rig, 2).project_id
    rig.faults({"kind": "status", "at": ["report"], "ids": [str(bad)], "status": 503})
    report = claimx_json("reenrich", bad, good, "--claim", "99-999Z-99Z", "-c", config, code=6)
    assert {each["subject"] for each in report["failures"]} == {f"project {bad}", "claim 99-999Z-99Z"}
    assert {task.project_id for task in tasks(pending(rig))} == {str(good)}
    done = claimx("reenrich", bad, "-c", config, code=1)
    assert f"failed: project {bad}: api.5xx" in done.stdout
    rig.faults()
    refused = claimx("reenrich", good, "-c", config, "--set", "api.token=bm90OnJpZ2h0", code=4)
    assert "api.401" in refused.stderr
    claimx("reenrich", good, "-c", config, "--set", "kafka.bootstrap_servers=127.0.0.1:1", code=5)
    assert TOKEN not in done.stdout + done.stderr + refused.stderr


def test_many_projects_must_be_confirmed_and_nonsense_is_refused(rig: Rig, config: Path) -> None:
    done = claimx("reenrich", *range(1, 102), "-c", config, code=2)
    assert "hint: add --yes" in done.stderr
    claimx("reenrich", "-c", config, code=2)
    assert "for a claim number: --claim" in claimx("reenrich", "01-123A-45B", "-c", config, code=2).stderr
    claimx("reenrich", "5", "--rate", "0", "-c", config, code=2)
    assert pending(rig) == []


def test_a_daemon_brings_back_rows_and_files_that_were_lost(rig: Rig, config: Path) -> None:
    rig.feed_all()
    assert rig.run(config, "--exit-when-idle").wait(120) == 0
    assert rig.problems() == []
    by_files = rig.table("claimx_attachments").group_by("project_id").len().sort("len", "project_id")
    project_id = by_files["project_id"][-1]
    lost = {}
    for table in (
        "claimx_projects",
        "claimx_attachment_metadata",
        "claimx_tasks",
        "claimx_video_collab",
        "claimx_attachments",
    ):
        before = rig.table(table)
        DeltaTable(rig.tables / table).delete(f"project_id = '{project_id}'")
        lost[table] = before.height - rig.table(table).height
    assert lost["claimx_attachments"] > 0
    for path in (rig.files / project_id).rglob("*.*"):
        path.unlink()
    claimx("reenrich", project_id, "-c", config)
    again = rig.run(config, "--exit-when-idle")
    assert again.wait(120) == 0, again.log()[-2000:]
    assert [problem for problem in rig.problems() if "missing" in problem] == []
    report = claimx_json("verify", "--files", "-c", config)
    assert report["is_clean"], report["problems"]
