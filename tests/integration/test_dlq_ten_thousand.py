"""Ten thousand dead letters: listed, filtered, replayed by a process that is killed, and gone on with."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from claimx.domain.tasks import decode_task
from support.kafka import Broker
from support.letters import Office, download, enrichment, malformed

pytestmark = pytest.mark.timeout(240)

EACH = {"enrich": 6000, "download": 3000, "ingest": 1000}
BATCH = 500


@pytest.fixture
def office(broker: Broker, tmp_path: Path) -> Office:
    made = Office(broker, tmp_path)
    made.create_topics()
    made.bury(enrichment(n) for n in range(EACH["enrich"]))
    made.bury(download(n) for n in range(EACH["download"]))
    made.bury(malformed(n) for n in range(EACH["ingest"]))
    return made


def replayed(office: Office) -> int:
    topics = office.topics
    return sum(
        high - low
        for topic in (topics.events_replay, topics.enrichment_pending, topics.downloads_pending)
        for low, high in office.watermarks(topic)
    )


def start(office: Office, rate: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        office.command("dlq", "replay", "--all", "--yes", "--rate", rate, "-o", "json"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_replayed(office: Office, process: subprocess.Popen[str], number: int) -> None:
    until = time.monotonic() + 60
    while replayed(office) < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_replay_that_is_killed_is_gone_on_with_and_every_letter_comes_back(office: Office) -> None:
    groups = {g["name"]: g["letters"] for g in office.json("dlq", "list", "--group-by", "stage")["groups"]}
    assert groups == EACH
    assert office.open("--project", "1007") == (EACH["enrich"] + EACH["download"]) // 50
    assert office.open("--code", "url.refused", "--media", "17") == 1

    with start(office, "2000/s") as process:
        wait_until_replayed(office, process, 2500)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    left = office.open()
    assert 10_000 - replayed(office) <= left <= 10_000 - replayed(office) + BATCH

    report = office.json("dlq", "replay", "--all", "--yes")
    assert (report["replayed"], report["failed"]) == (left, 0)
    assert office.open() == 0
    done = office.json("dlq", "list", "--all")
    assert done["total"] == 10_000
    assert {letter["state"] for letter in done["letters"]} == {"replayed"}

    topics = office.topics
    events = [record.value() for record in office.records(topics.events_replay)]
    tasks = [
        decode_task(record.value())
        for topic in (topics.enrichment_pending, topics.downloads_pending)
        for record in office.records(topic)
    ]
    assert set(events) == {malformed(n).value for n in range(EACH["ingest"])}
    names = {(task.origin, task.child) for task in tasks}
    assert len(names) == EACH["enrich"] + EACH["download"]
    again = len(events) + len(tasks) - 10_000
    assert again == left - (10_000 - (replayed(office) - left))
    assert 0 <= again <= BATCH
    assert all(task.attempt == 1 for task in tasks)

    assert office.json("dlq", "replay", "--all", "--yes")["replayed"] == 0


def test_ctrl_c_ends_a_replay_after_what_it_is_doing_and_nothing_is_replayed_twice(office: Office) -> None:
    with start(office, "1000/s") as process:
        wait_until_replayed(office, process, 1000)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    report = json.loads(out)
    assert report["interrupted"]
    assert report["selected"] == 10_000
    assert 1000 <= report["replayed"] < 10_000
    assert report["replayed"] == replayed(office) == 10_000 - office.open()
