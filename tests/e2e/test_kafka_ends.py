"""What ends a run, because no waiting helps: each says what it is and what to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from support.kafka import Broker
from support.rig import PARTITIONS, Daemon, Rig, rig_on, wait_until
from support.settled import commit_as

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def rig(broker: Broker, tmp_path: Path) -> Iterator[Rig]:
    with rig_on(broker, tmp_path, 7, 50) as made:
        yield made


def said(daemon: Daemon, code: int, *texts: str) -> None:
    assert daemon.wait(90) == code, daemon.log()[-3000:]
    for text in texts:
        assert text in daemon.log()
    assert "Traceback" not in daemon.log()


def test_brokers_that_never_answer_are_waited_for_as_long_as_is_set(rig: Rig) -> None:
    config = rig.config(kafka__bootstrap_servers='"127.0.0.1:1"', kafka__outage_s="3.0")
    said(rig.run(config), 5, '"kafka.missed"', "error: kafka.unreachable: 127.0.0.1:1", "hint: is it up")


def test_a_missing_topic_is_named_and_how_to_make_it(rig: Rig) -> None:
    config = rig.config()
    config.write_text(config.read_text().replace(rig.topics.downloads_dlq, "no.such.topic"))
    said(rig.run(config), 1, "no.such.topic", "hint: claimx topics init")


@pytest.mark.kafka
def test_a_topic_that_is_deleted_meanwhile_ends_the_run(rig: Rig) -> None:
    daemon = rig.run(rig.config())
    wait_until(lambda: daemon.assigned(rig.topics.events_raw) == PARTITIONS, "the start")
    admin = AdminClient({"bootstrap.servers": rig.broker.bootstrap_servers})
    for done in admin.delete_topics([rig.topics.enrichment_dlq]).values():
        done.result(20)
    said(daemon, 1, f"these topics do not exist: {rig.topics.enrichment_dlq}", "hint: claimx topics init")


@pytest.mark.kafka
def test_an_offset_that_has_left_the_log_ends_the_run(rig: Rig) -> None:
    rig.feed_all()
    full = next(n for n in range(PARTITIONS) if len(rig.delivered(n)) > 2)
    commit_as(rig, f"{rig.group}.ingest", rig.topics.events_raw, {full: 1})
    admin = AdminClient({"bootstrap.servers": rig.broker.bootstrap_servers})
    for done in admin.delete_records([TopicPartition(rig.topics.events_raw, full, 2)]).values():
        done.result(20)
    said(
        rig.run(rig.config()),
        1,
        f"{rig.topics.events_raw}[{full}]: the committed offset is out of range",
        "claimx offsets set --stage STAGE --topic TOPIC --to earliest",
    )
