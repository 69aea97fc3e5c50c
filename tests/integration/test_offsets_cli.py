"""``claimx offsets`` against a broker: what is told, what is moved, and who is in the way."""

import json
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from claimx.domain.queue_mark import QueueMark, encode
from support.commands import on_a_terminal
from support.kafka import Broker
from support.letters import PARTITIONS, Office
from support.rig import CLAIMX, wait_until

pytestmark = pytest.mark.timeout(180)
MARK = encode("claimx-0", QueueMark("0badc0de", 42))
RECORDS = 10
OLD_MS, NEW_MS = 1_700_000_000_000, 1_770_000_000_000


class Groups(Office):
    """Topics of one test with ten records on each partition of claimx.events.raw, and groups of its own."""

    def fill(self) -> None:
        self.create_topics()
        self.group = f"claimx-{uuid.uuid4().hex[:8]}"
        with self.config.open("a") as file:
            file.write(
                f'[kafka.client]\n"session.timeout.ms" = 6000\n[process]\nstate_dir = "{self.root}/state"\n'
            )
        self.config.write_text(
            self.config.read_text().replace("[kafka]\n", f'[kafka]\ngroup_id = "{self.group}"\n')
        )
        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers})
        for n in range(RECORDS):
            for partition in range(PARTITIONS):
                producer.produce(
                    self.topics.events_raw,
                    b"%d" % n,
                    partition=partition,
                    timestamp=OLD_MS if n < RECORDS // 2 else NEW_MS,
                )
        assert producer.flush(30) == 0

    def commit(self, offset: int, metadata: str = MARK) -> None:
        """Commit as a run did that is over."""
        with closing(self.consumer("ingest")) as consumer:
            wanted = [TopicPartition(self.topics.events_raw, n, offset, metadata) for n in range(PARTITIONS)]
            for done in consumer.commit(offsets=wanted, asynchronous=False):
                assert done.error is None

    def consumer(self, stage: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.broker.bootstrap_servers,
                "group.id": f"{self.group}.{stage}",
                "client.id": f"other.{stage}",
                "enable.auto.commit": False,
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 1000,
            }
        )

    def committed(self) -> list[tuple[int, str]]:
        with closing(self.consumer("ingest")) as consumer:
            asked = [TopicPartition(self.topics.events_raw, n) for n in range(PARTITIONS)]
            return [(each.offset, each.metadata or "") for each in consumer.committed(asked, timeout=10)]

    @contextmanager
    def member(self) -> Iterator[None]:
        """Somebody consumes with the group."""
        with closing(self.consumer("ingest")) as consumer:
            consumer.subscribe([self.topics.events_raw])

            def is_assigned() -> bool:
                consumer.poll(0.2)
                return len(consumer.assignment()) == PARTITIONS

            wait_until(is_assigned, "an assignment")
            yield

    def set(self, *arguments: object, code: int = 0) -> Any:
        topic = ("--stage", "ingest", "--topic", self.topics.events_raw)
        return self.json("offsets", "set", *topic, *arguments, code=code)


@pytest.fixture
def groups(broker: Broker, tmp_path: Path) -> Groups:
    made = Groups(broker, tmp_path)
    made.fill()
    return made


def test_show_tells_of_every_stage_and_partition(groups: Groups) -> None:
    groups.commit(4)
    report = groups.json("offsets", "show")
    assert [each["stage"] for each in report["groups"]] == [
        "ingest",
        "enrich",
        "download",
        "upload",
        "results",
    ]
    ingest = report["groups"][0]
    assert (ingest["group"], ingest["lag"]) == (f"{groups.group}.ingest", PARTITIONS * 6)
    assert ingest["members"] == ([] if groups.broker.apache else None)
    raw = [each for each in ingest["partitions"] if each["topic"] == groups.topics.events_raw]
    assert [each["partition"] for each in raw] == list(range(PARTITIONS))
    for each in raw:
        assert (each["committed"], each["low"], each["high"], each["lag"]) == (4, 0, RECORDS, 6)
        assert (each["instance"], each["queue_id"], each["sequence"]) == ("claimx-0", "0badc0de", 42)
    replay = [each for each in ingest["partitions"] if each["topic"] == groups.topics.events_replay]
    assert [(each["committed"], each["lag"]) for each in replay] == [(None, 0)] * PARTITIONS
    text = groups.claimx("offsets", "show", "--stage", "ingest").stdout
    assert text.startswith(f"ingest  group {groups.group}.ingest  lag 24")
    lines = groups.claimx("offsets", "show", "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line)["schema"] for line in lines] == ["claimx.offsets.group/1"] * 5


def test_a_committed_offset_that_is_out_of_range_is_exit_3(groups: Groups) -> None:
    groups.commit(RECORDS + 1)
    done = groups.claimx("offsets", "show", "--stage", "ingest", code=3)
    assert "is beyond the end: was the topic made anew?" in done.stdout


def test_a_group_is_moved_and_keeps_what_its_entries_tell(groups: Groups) -> None:
    groups.commit(4)
    dry = groups.set("--to", "latest", "--dry-run")
    assert (dry["dry_run"], dry["skipped"], dry["repeated"]) == (True, 24, 0)
    assert groups.committed() == [(4, MARK)] * PARTITIONS
    for arguments, offsets, counts in (
        (("--to", "latest"), [10, 10, 10, 10], (24, 0)),
        (("--to", "earliest"), [0, 0, 0, 0], (0, 40)),
        (("--to", "7", "--partition", "2"), [0, 0, 7, 0], (7, 0)),
        (("--to", "5", "--partition", "2"), [0, 0, 5, 0], (0, 2)),
        (("--to", "latest", "--partition", "1"), [0, 10, 5, 0], (10, 0)),
    ):
        report = groups.set(*arguments, "--yes")
        assert groups.committed() == [(offset, MARK) for offset in offsets], arguments
        assert (report["skipped"], report["repeated"]) == counts, arguments


@pytest.mark.kafka
def test_a_time_is_its_first_record_and_the_end_where_there_is_none_yet(groups: Groups) -> None:
    for to, offset in (("2025-01-01T00:00Z", 5), ("2020-01-01", 0), ("1h", RECORDS)):
        groups.set("--to", to, "--yes")
        assert groups.committed() == [(offset, "")] * PARTITIONS


def test_without_an_offset_the_earliest_record_is_where_it_stood(groups: Groups) -> None:
    report = groups.set("--to", "3", "--partition", "0", "--yes")
    assert [(each["before"], each["after"], each["skipped"]) for each in report["partitions"]] == [(0, 3, 3)]
    assert groups.committed() == [(3, ""), *[(-1001, "")] * (PARTITIONS - 1)]


def test_a_group_with_members_is_left_alone(groups: Groups) -> None:
    groups.commit(4)
    with groups.member():
        topic = ("--stage", "ingest", "--topic", groups.topics.events_raw)
        done = groups.claimx("offsets", "set", *topic, "--to", "latest", "--yes", code=1)
        assert "has members" in done.stderr
        assert "hint: stop every claimx that consumes with this group" in done.stderr
        if groups.broker.apache:
            assert "other.ingest on 127.0.0.1" in done.stderr
            (group,) = groups.json("offsets", "show", "--stage", "ingest")["groups"]
            assert group["members"] == ["other.ingest on 127.0.0.1"]
        assert groups.committed() == [(4, MARK)] * PARTITIONS


@pytest.mark.kafka
def test_a_group_whose_members_have_left_is_moved(groups: Groups) -> None:
    groups.commit(4)
    with groups.member():
        pass
    groups.set("--to", "latest", "--yes")
    assert groups.committed() == [(RECORDS, MARK)] * PARTITIONS


def test_it_is_confirmed_by_the_groups_name(groups: Groups) -> None:
    groups.commit(4)
    arguments = ("offsets", "set", "--stage", "ingest", "--topic", groups.topics.events_raw, "--to", "latest")
    assert "hint: add --yes" in groups.claimx(*arguments, code=2).stderr
    for answer, code, offset in (("y", 7, 4), (f"{groups.group}.ingest", 0, RECORDS)):
        said, exit_code = on_a_terminal(groups.command(*arguments), answer)
        assert exit_code == code, said
        assert "24 records will be skipped, 0 received again" in said
        assert [each for each, _ in groups.committed()] == [offset] * PARTITIONS


def test_what_makes_no_sense_is_said(groups: Groups) -> None:
    for arguments, code, text in (
        (("--stage", "ingset", "--to", "latest"), 2, "did you mean ingest?"),
        (("--stage", "ingest", "--to", "soon"), 2, "--to soon is no place"),
        (("--stage", "ingest", "--to", "latest"), 1, "ingest has several topics"),
        (("--stage", "enrich", "--to", "latest", "--topic", "x"), 1, "x is no topic of enrich"),
        (("--stage", "enrich", "--to", "5"), 1, "which one is to go to 5?"),
        (("--stage", "enrich", "--to", "5", "--partition", "0"), 1, "has no offset 5"),
        (("--stage", "enrich", "--to", "5", "--partition", "99"), 1, "has no partition 99"),
    ):
        assert text in groups.claimx("offsets", "set", *arguments, "--yes", code=code).stderr
    assert "--every says how often" in groups.claimx("offsets", "show", "--every", "1", code=2).stderr


def test_without_topics_or_broker_it_says_what_to_do(broker: Broker, tmp_path: Path) -> None:
    office = Office(broker, tmp_path)
    done = office.claimx("offsets", "show", code=1)
    assert "hint: claimx topics init makes them" in done.stderr
    office.claimx("offsets", "show", "--set", "kafka.bootstrap_servers=127.0.0.1:1", code=5)


def test_a_watch_goes_on_until_ctrl_c(groups: Groups) -> None:
    command = [
        *(CLAIMX, "offsets", "show", "--stage", "ingest", "--watch", "--every", "0.2"),
        *("-o", "json", "-c", str(groups.config)),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        try:
            lags = [lag_of(watch)]
            groups.commit(RECORDS)
            while lags[-1] and len(lags) < 100:
                lags.append(lag_of(watch))
        finally:
            watch.send_signal(signal.SIGINT)
        assert watch.wait(30) == 130
    assert (lags[0], lags[-1]) == (PARTITIONS * RECORDS, 0)


def lag_of(watch: "subprocess.Popen[str]") -> int:
    assert watch.stdout is not None
    assert watch.stderr is not None
    line = watch.stdout.readline()
    assert line, watch.stderr.read()
    return int(json.loads(line)["groups"][0]["lag"])
