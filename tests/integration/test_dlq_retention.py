"""What is counted when records go: by retention, by DeleteRecords, by a topic that is made anew; and marks that grow old."""

import random
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from claimx.adapters.dlq_marks import KafkaMarkStore
from claimx.adapters.dlq_reader import KafkaLetterLog
from claimx.adapters.kafka_errors import Client
from claimx.config.load import load
from claimx.domain.letter_marks import Mark, Marks, Run
from claimx.domain.times import DAY, Micros
from claimx.errors import EngineError
from claimx.ports.dlq import Shelf
from claimx.telemetry.log import configure
from support.kafka import Broker
from support.letters import PARTITIONS, Office, enrichment

pytestmark = pytest.mark.timeout(180)
LETTERS = 400


class Stopped:
    """A clock that stands."""

    def __init__(self, now: Micros) -> None:
        self._now = now

    def now(self) -> Micros:
        return self._now


@pytest.fixture
def office(broker: Broker, tmp_path: Path) -> Office:
    made = Office(broker, tmp_path)
    made.create_topics()
    made.bury(enrichment(n) for n in range(LETTERS))
    return made


@pytest.fixture
def client(office: Office) -> Client:
    return Client(load(office.config, {}).settings.kafka, "test", configure("error", "json"))


def test_a_purge_deletes_what_lies_below_the_oldest_open_letter_where_the_broker_can(office: Office) -> None:
    topic = office.topics.enrichment_dlq
    before = office.watermarks(topic)
    report = office.json("dlq", "purge", "--until", "2026-02-02T02:41:40Z", "--yes")
    assert report["purged"] == 100
    assert office.open() == LETTERS - 100
    if office.broker.apache:
        after = office.watermarks(topic)
        assert report["deleted"] == sum(low for low, _ in after) == 100
        assert office.open("--all") == LETTERS - 100
    else:
        assert report["deleted"] is None
        assert office.watermarks(topic) == before
        assert office.open("--all") == LETTERS
    office.claimx("dlq", "replay", "--all", "--yes")
    report = office.json("dlq", "purge", "--all", "--yes")
    assert (report["purged"], report["deleted"]) == (0, LETTERS - 100 if office.broker.apache else None)
    assert office.open() == 0
    office.bury([enrichment(n) for n in range(3)])
    assert office.open() == 3


@pytest.mark.kafka
def test_counts_are_right_after_retention_has_moved_the_low_watermark(office: Office) -> None:
    topic = office.topics.enrichment_dlq
    office.claimx("dlq", "replay", "--project", "1007")
    assert office.open() == LETTERS - LETTERS // 50
    admin = AdminClient({"bootstrap.servers": office.broker.bootstrap_servers})
    cut = [TopicPartition(topic, n, high // 2) for n, (_, high) in enumerate(office.watermarks(topic))]
    for done in admin.delete_records(cut).values():
        done.result(20)
    left = [each for each in office.records(topic) if each.key() != b"1007"]
    assert office.open() == len(left)
    assert office.json("dlq", "replay", "--all", "--yes")["replayed"] == len(left)
    assert office.open() == 0


def test_marks_are_renewed_before_kafka_forgets_them(office: Office, client: Client) -> None:
    log = KafkaLetterLog(client)
    spans = log.spans([office.topics.enrichment_dlq])
    shelf = next(shelf for shelf, span in spans.items() if span.high)
    for days in (0, 0.5, 2):
        store = KafkaMarkStore(client, Stopped(int(DAY * (1000 + days))))
        if not days:
            store.store(spans, {shelf: Marks([Run(1, 2, Mark.REPLAYED)])})
        assert store.load(spans)[shelf].at(1) is Mark.REPLAYED
        written = store.load(spans)[shelf].written_at
        assert written == DAY * (1000 + (2 if days == 2 else 0))
        store.close()
    log.close()


def test_marks_of_a_former_topic_of_that_name_count_for_nothing(office: Office, client: Client) -> None:
    log, store = KafkaLetterLog(client), KafkaMarkStore(client, Stopped(DAY))
    shelf = Shelf(office.topics.enrichment_dlq, 0)
    spans = log.spans([shelf.topic])
    far = {shelf: spans[shelf]._replace(high=10**6)}
    store.store(far, {shelf: Marks([Run(0, 10**6, Mark.PURGED)])})
    assert store.load(spans)[shelf].runs == ()
    assert office.open() == LETTERS
    log.close()
    store.close()


def test_what_two_operators_mark_one_after_the_other_is_kept(office: Office, client: Client) -> None:
    log = KafkaLetterLog(client)
    spans = log.spans([office.topics.enrichment_dlq])
    first, second = (KafkaMarkStore(client, Stopped(DAY)) for _ in range(2))
    one, other = (Shelf(office.topics.enrichment_dlq, n) for n in range(2))
    first.load(spans)
    second.store(spans, {one: Marks([Run(3, 4, Mark.PURGED)]), other: Marks([Run(1, 2, Mark.PURGED)])})
    first.store(spans, {one: Marks([Run(5, 6, Mark.REPLAYED)])})
    seen = first.load(spans)
    assert [seen[one].at(offset) for offset in (3, 4, 5)] == [Mark.PURGED, None, Mark.REPLAYED]
    assert seen[other].at(1) is Mark.PURGED
    for each in (first, second, log):
        each.close()


def test_metadata_of_somebody_else_is_not_overwritten(office: Office, client: Client) -> None:
    store = KafkaMarkStore(client, Stopped(DAY))
    log = KafkaLetterLog(client)
    spans = log.spans([office.topics.enrichment_dlq])
    store._commit([TopicPartition(office.topics.enrichment_dlq, 0, 1, "9 of a newer version")])
    with pytest.raises(
        EngineError, match=r"claimx-dlq-cli, .*dlq.0.: the commit metadata is not of this version"
    ):
        store.store(spans, {Shelf(office.topics.enrichment_dlq, 0): Marks()})
    office.claimx("dlq", "list", code=1)
    store.close()
    log.close()


def test_what_lies_too_scattered_to_be_remembered_is_refused_before_anything_is_done(
    office: Office, client: Client
) -> None:
    store, log = KafkaMarkStore(client, Stopped(DAY)), KafkaLetterLog(client)
    spans = log.spans([office.topics.enrichment_dlq])
    luck = random.Random(1)
    scattered = Marks(Run(o, o + 1, Mark.PURGED) for o in range(1, 60_000) if luck.random() < 0.5)
    shelf = Shelf(office.topics.enrichment_dlq, PARTITIONS - 1)
    assert store.fits(spans, {shelf: scattered}) == [shelf]
    with pytest.raises(EngineError, match="does not fit"):
        store.store(spans, {shelf: scattered})
    store.close()
    log.close()


def test_a_read_ends_where_the_topic_ended_whatever_is_buried_meanwhile(
    office: Office, client: Client
) -> None:
    log = KafkaLetterLog(client)
    spans = log.spans([office.topics.enrichment_dlq])
    office.bury(enrichment(n) for n in range(LETTERS, LETTERS + 50))
    assert sum(map(len, log.read(spans))) == LETTERS
    assert sum(map(len, log.read(spans))) == LETTERS
    log.close()


@pytest.mark.kafka
def test_a_read_ends_although_the_records_are_deleted_meanwhile(office: Office, client: Client) -> None:
    log = KafkaLetterLog(client)
    spans = log.spans([office.topics.enrichment_dlq])
    admin = AdminClient({"bootstrap.servers": office.broker.bootstrap_servers})
    ends = [TopicPartition(*shelf, span.high) for shelf, span in spans.items() if span.high]
    for done in admin.delete_records(ends).values():
        done.result(20)
    assert sum(map(len, log.read(spans))) == 0
    log.close()
