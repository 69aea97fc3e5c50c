"""``claimx retries`` and ``claimx status`` beside a running daemon, and at the file of one that was killed."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.domain.letters import DeadRecord, Place, read_letter
from support.commands import Done, claimx, claimx_json, on_a_terminal
from support.delayed import ask, row
from support.kafka import Broker
from support.rig import CLAIMX, TOKEN, Daemon, Rig, rig_on, wait_until

SEED, EVENTS = 11, 120
DRAIN = """
import socket, sys
each = socket.socket(socket.AF_UNIX)
each.connect(sys.argv[1])
each.sendall(b'{"command": "drain"}\\n')
print(each.makefile().readline())
"""
pytestmark = pytest.mark.timeout(240)


class Beside:
    """A rig whose API refuses some tasks and files for long, so that there are parked rows; and an operator.

    Fewer than five of each: no circuit opens.
    """

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.tasks = sorted(key[0] for key in rig.manifest.keys["claimx_tasks"])[:3]
        self.media = sorted(key[0] for key in rig.manifest.keys["claimx_attachments"])[:3]
        self.config = rig.config(retry__delays_s="[900.0, 900.0]")
        self.break_things()
        rig.feed_all()

    def break_things(self) -> None:
        self.rig.faults(
            {"kind": "status", "at": ["task"], "ids": self.tasks, "status": 429, "seconds": 600},
            {"kind": "status", "at": ["file", "object"], "ids": self.media, "status": 503, "seconds": 600},
        )

    def start(self) -> Daemon:
        """Run the daemon until everything is either done or parked."""
        daemon = self.rig.run(self.config)
        wait_until(lambda: sum(self.rig.committed().values()) == self.rig.manifest.records, "all committed")
        return daemon

    @property
    def delay_file(self) -> Path:
        return self.rig.root / "state" / "claimx-0" / "delay.sqlite"

    def claimx(self, *arguments: object, code: int = 0) -> Done:
        done = claimx(*arguments, "-c", self.config, code=code)
        assert TOKEN not in done.stdout + done.stderr
        assert "X-Amz" not in done.stdout + done.stderr
        return done

    def json(self, *arguments: object, code: int = 0) -> Any:
        return claimx_json(*arguments, "-c", self.config, code=code)

    def rows(self, *arguments: object) -> list[dict[str, Any]]:
        done = self.claimx("retries", "list", "-o", "jsonl", *arguments)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def letters(self) -> list[Any]:
        """Every dead letter of tasks that an operator has dropped."""
        topics = self.rig.topics
        found = [
            read_letter(
                DeadRecord(
                    Place(m.topic(), m.partition(), m.offset()), 0, m.key(), m.value(), m.headers() or []
                )
            )
            for topic in (topics.enrichment_dlq, topics.downloads_dlq)
            for m in self.rig.letters(topic)
        ]
        return [letter for letter in found if letter.code == "retry.dropped"]


@pytest.fixture
def beside(broker: Broker, tmp_path: Path) -> Iterator[Beside]:
    with rig_on(broker, tmp_path, SEED, EVENTS) as rig:
        yield Beside(rig)


def work(rows: Sequence[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {(*row["origin"], row["child"]) for row in rows}


def stop(daemon: Daemon) -> dict[str, Any]:
    daemon.send(signal.SIGTERM)
    assert daemon.wait(40) == 0, daemon.log()[-3000:]
    summary = daemon.summary
    assert summary["ledger_violation"] is None
    return summary


def test_a_running_process_lists_hastens_and_drops_its_rows_and_its_ledger_holds(beside: Beside) -> None:
    daemon = beside.start()
    rows = beside.rows()
    assert work(rows) == {tuple(row) for row in read(beside.delay_file)}
    assert Counter(row["stage"] for row in rows).keys() == {"enrich", "download"}
    report = beside.json("retries", "list", "--limit", "3")
    assert (report["through"], report["total"], len(report["rows"])) == ("process", len(rows), 3)
    assert report["rows"] == sorted(report["rows"], key=lambda row: row["due_at"])
    assert sum(report["by_code"].values()) == len(rows)

    # the filters
    first = next(row for row in rows if row["stage"] == "download")
    for arguments, fits in (
        (("--stage", "enrich"), lambda row: row["stage"] == "enrich"),
        (("--code", first["code"]), lambda row: row["code"] == first["code"]),
        (("--code", first["code"].split(".")[0]), lambda row: row["code"] == first["code"]),
        (("--code", first["code"][:-1]), lambda _: False),
        (("--project", first["project_id"]), lambda row: row["project_id"] == first["project_id"]),
        (("--event", first["event_id"][:12]), lambda row: row["event_id"].startswith(first["event_id"][:12])),
        (("--due", "now"), lambda _: False),
        (("--due", "1h"), lambda _: True),
    ):
        assert work(beside.rows(*arguments)) == work(list(filter(fits, rows))), arguments

    # a dry run changes nothing, and nobody is there to confirm
    downloads = [row for row in rows if row["stage"] == "download"]
    dry = beside.json("retries", "drop", "--stage", "download", "--dry-run")
    assert (dry["selected"], dry["done"], dry["dry_run"]) == (len(downloads), 0, True)
    done = beside.claimx("retries", "drop", "--stage", "download", code=2)
    assert "hint: add --yes" in done.stderr
    assert work(beside.rows()) == work(rows)

    # drop one, hasten the rest
    chosen = first["project_id"]
    dropped = beside.json("retries", "drop", "--project", chosen, "--yes")
    gone = [row for row in rows if row["project_id"] == chosen]
    assert (dropped["done"], dropped["failed"], dropped["stopped_by"]) == (len(gone), 0, None)
    letters = beside.letters()
    assert {(*letter.origin, letter.child) for letter in letters} == work(gone)
    assert len(letters) == len(gone)
    beside.rig.faults()
    hastened = beside.json("retries", "run", "--all", "--yes")
    assert hastened["done"] == len(rows) - len(gone)
    wait_until(lambda: not beside.rows(), "the rest is done")

    # what was dropped comes back by a replay
    beside.claimx("dlq", "replay", "--code", "retry.dropped", "--yes")
    wait_until(lambda: not any(beside.rig.open_work().values()), "the replayed work is done")
    summary = stop(daemon)
    counts = summary["delay_queue"]
    assert counts["dropped"] == len(gone)
    assert counts["parked"] == len(rows) == counts["resolved"] + counts["dropped"]
    assert beside.rig.problems() == []
    assert '"control.asked"' in daemon.log()
    assert TOKEN not in daemon.log()


def test_without_a_process_the_rows_are_changed_at_the_file_and_without_kafka_they_stay(
    beside: Beside,
) -> None:
    daemon = beside.start()
    rows = beside.rows()
    daemon.kill()
    report = beside.json("retries", "list")
    assert (report["through"], report["total"], report["leased"]) == ("file", len(rows), 0)
    drop_without_kafka(beside)
    assert work(beside.rows()) == work(rows)
    assert beside.letters() == []
    dropped = beside.json("retries", "drop", "--stage", "download", "--yes")
    gone = [row for row in rows if row["stage"] == "download"]
    assert (dropped["through"], dropped["done"]) == ("file", len(gone))
    assert {(*letter.origin, letter.child) for letter in beside.letters()} == work(gone)
    beside.rig.faults()
    hastened = beside.json("retries", "run", "--stage", "enrich")
    assert hastened["done"] == len(rows) - len(gone)
    assert beside.json("retries", "run", "--stage", "enrich")["unchanged"] == len(rows) - len(gone)
    again = beside.rig.run(beside.config, "--exit-when-idle")
    assert again.wait(60) == 0, again.log()[-3000:]
    counts = again.summary["delay_queue"]
    assert (counts["carried_over"], counts["resolved"]) == (len(rows) - len(gone),) * 2
    assert again.summary["ledger_violation"] is None


def test_what_a_dead_process_had_in_work_is_free_and_its_crash_is_counted_once(tmp_path: Path) -> None:
    died = tmp_path / "died" / "claimx-0"
    asyncio.run(die(tmp_path / "delay.sqlite", died))
    config = tmp_path / "claimx.toml"
    config.write_text(
        f'[api]\ntoken = "{TOKEN}"\n[lake]\ntables_url = "t"\nfiles_url = "f"\n[process]\nstate_dir = "{died.parent}"\n'
    )
    assert [leased for (leased,) in ask(died / "delay.sqlite", "SELECT token IS NOT NULL FROM delayed")] == [
        1
    ]
    for _ in range(2):
        (listed,) = claimx_json("retries", "list", "-c", config)["rows"]
        assert (listed["is_leased"], listed["crashes"]) == (False, 1)
    said, code = on_a_terminal([CLAIMX, "retries", "drop", "--all", "-c", config], "n")
    assert (code, "0 rows dropped" in said) == (7, True), said
    assert "drop 1 row: each becomes a dead letter? [y/N]" in said
    said, code = on_a_terminal([CLAIMX, "retries", "drop", "--all", "--no-input", "-c", config], "y")
    assert (code, "hint: add --yes" in said) == (2, True), said
    assert claimx_json("retries", "list", "-c", config)["total"] == 1


async def die(alive: Path, died: Path) -> None:
    """Lease a row, and leave what the disk has at that moment."""
    queue = SqliteDelayQueue(alive)
    queue.open()
    await queue.park([row(1, 5)])
    await queue.lease(9, 1, ["download"])
    shutil.copytree(alive.parent, died, ignore=shutil.ignore_patterns("died"))
    await queue.close()


def test_a_queue_that_is_not_there_or_a_process_that_does_not_answer_is_said_and_verify_knows_of_drops(
    beside: Beside,
) -> None:
    done = beside.claimx("retries", "list", code=1)
    assert "no delay queue is there" in done.stderr
    assert "hint: are process.state_dir and process.instance those of the run?" in done.stderr
    daemon = beside.start()
    (beside.delay_file.parent / "control.sock").unlink()
    done = beside.claimx("retries", "list", code=1)
    assert "does not answer on its control socket, and holds its lock" in done.stderr
    assert "hint: it begins or ends" in done.stderr
    stop(daemon)
    beside.claimx("retries", "drop", "--all", "--yes")
    assert beside.json("verify")["problems"] == [], "each dropped row stands among the dead letters"


def test_status_tells_the_live_numbers_watches_and_ends_with_the_process(beside: Beside) -> None:
    assert "no claimx of this instance runs here" in beside.claimx("status", code=5).stderr
    daemon = beside.start()
    status = beside.json("status")
    rows = read(beside.delay_file)
    assert status["delay_queue"]["waiting"] == len(rows)
    assert sum(status["delay_queue"]["by_stage"].values()) == len(rows)
    assert status["topics"][beside.rig.topics.events_raw]["received"] == beside.rig.manifest.records
    assert (status["lag"], status["in_flight"], status["ledger_violation"]) == (0, 0, None)
    assert status["pid"] == daemon.process.pid
    assert set(status["queues"]) == {"enrich", "download", "upload"}
    text = beside.claimx("status").stdout
    assert "TROUBLE" not in text
    assert beside.rig.topics.events_raw in text
    command = [CLAIMX, "status", "--watch", "--every", "0.2", "-o", "json", "-c", str(beside.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        seen = [json.loads(watch.stdout.readline())["uptime_s"] for _ in range(3)]
        watch.send_signal(signal.SIGINT)
        assert watch.wait(20) == 130
    assert seen == sorted(set(seen))
    path = beside.delay_file.parent / "control.sock"
    told = subprocess.run(
        [sys.executable, "-c", DRAIN, str(path)], capture_output=True, text=True, timeout=30, check=True
    )
    assert json.loads(told.stdout)["ok"] is True
    assert daemon.wait(40) == 0, daemon.log()[-3000:]
    assert not path.exists()
    assert beside.claimx("status", code=5).stdout == ""


def test_an_open_circuit_is_exit_3(beside: Beside) -> None:
    daemon = beside.start()
    beside.rig.faults({"kind": "status", "status": 503, "seconds": 600})
    produce_new_projects(beside.rig)
    wait_until(lambda: '"circuit.opened"' in daemon.log(), "an open circuit")
    assert "TROUBLE      circuit api is open" in beside.claimx("status", code=3).stdout
    assert beside.json("status", code=3)["circuits"]["api"] == "open"


def test_dropping_while_rows_are_being_worked_on_counts_each_once(beside: Beside) -> None:
    """Rows become due, are leased, fail and are parked again all the while; the ledger adds up whoever wins."""
    beside.rig.faults(
        {"kind": "status", "at": ["task"], "ids": beside.tasks, "status": 503},
        {"kind": "status", "at": ["file", "object"], "ids": beside.media, "status": 503},
    )
    beside.config.write_text(beside.config.read_text().replace("[900.0, 900.0]", str([0.2] * 400)))
    daemon = beside.start()
    end, leased = time.monotonic() + 60, 0
    while beside.rows() and time.monotonic() < end:
        leased += beside.json("retries", "drop", "--all", "--yes")["leased"]
        assert beside.json("status")["ledger_violation"] is None
    assert beside.rows() == []
    assert leased > 0, "none was being worked on: the test proves nothing"
    summary = stop(daemon)
    counts = summary["delay_queue"]
    assert counts["dropped"] > 0
    assert counts["parked"] == counts["resolved"] + counts["dead_lettered"] + counts["dropped"]
    letters = beside.letters()
    assert len({letter.id for letter in letters}) == len(letters) == counts["dropped"]


def drop_without_kafka(beside: Beside) -> None:
    arguments = ("retries", "drop", "--all", "--yes", "-c", beside.config, "--set")
    done = claimx(*arguments, "kafka.topics.downloads_dlq=no.such.topic", code=1)
    assert "these topics do not exist: no.such.topic" in done.stderr
    claimx(*arguments, "kafka.bootstrap_servers=127.0.0.1:1", code=5)


def produce_new_projects(rig: Rig) -> None:
    producer = Producer({"bootstrap.servers": rig.broker.bootstrap_servers})
    for n in range(12):
        event = {"eventId": f"new-{n}", "eventType": "PROJECT_CREATED", "projectId": 7_000_000 + n}
        producer.produce(rig.topics.events_raw, json.dumps(event).encode(), partition=0)
    assert producer.flush(30) == 0


def read(path: Path) -> list[tuple[Any, ...]]:
    return ask(path, 'SELECT topic, partition, "offset", child FROM delayed')
