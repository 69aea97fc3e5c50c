"""The consumer against a broker: stalls, markers, rebalances, offsets that have left the log."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from claimx.adapters.dlq_kafka import KafkaDeadLetters
from claimx.adapters.kafka import KafkaSource, source_configs
from claimx.adapters.kafka_producer import KafkaProducer, producer_config
from claimx.adapters.kafka_thread import Subscription
from claimx.config.tree import Kafka, Topics
from claimx.domain.dead_letter import DeadLetter
from claimx.domain.events import Event, Malformed, Tombstone, decode
from claimx.errors import OffsetOutOfRangeError
from claimx.ports.source import KafkaVitals, RecordBatch
from claimx.stages.partitions import Partitions
from support.kafka import Broker

PARTS = 2
Protocol = Literal["classic", "consumer"]
both = pytest.mark.parametrize("protocol", ["classic", "consumer"])


class Silent:
    def debug(self, event: str, **fields: object) -> None: ...

    info = warning = error = debug


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"source-{uuid.uuid4().hex[:10]}"
    broker.create_topics(name, partitions=PARTS)
    return name


def produce(
    broker: Broker, topic: str, values: list[bytes | None], partition: int = 0, **config: object
) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, **config})
    for value in values:
        producer.produce(topic, value, key=b"1", partition=partition)
    assert producer.flush(30) == 0


def event(n: int) -> bytes:
    return b'{"eventType":"PROJECT_CREATED","projectId":%d,"ingestedAt":"2026-01-11T15:00:00Z"}' % (n + 1)


@asynccontextmanager
async def source_on(
    broker: Broker, topic: str, group: str, protocol: Protocol = "classic", **client: str | int
) -> AsyncIterator[tuple[KafkaSource, Partitions]]:
    classic = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500} if protocol == "classic" else {}
    settings = Kafka(
        bootstrap_servers=broker.bootstrap_servers,
        group_id=group,
        group_protocol=protocol,
        client={**classic, **client},
    )
    parts = Partitions(20_000)
    configs = source_configs(settings, "ingest", "test", 2**22, Silent())
    source = KafkaSource(configs, Subscription([topic], decode), parts, Silent())
    try:
        yield source, parts
    finally:
        async with asyncio.timeout(20):
            await source.close()


async def take(source: KafkaSource, records: int) -> list[RecordBatch]:
    """Take batches, as the intake does, until so many records came."""
    got: list[RecordBatch] = []
    async with asyncio.timeout(40):
        while sum(len(batch.items) for batch in got) < records:
            batch = await source.get()
            assert batch is not None
            batch.partition.position = batch.position
            got.append(batch)
    return got


@both
@pytest.mark.timeout(90)
async def test_records_are_decoded_and_sorted_and_start_where_kafka_says(
    broker: Broker, topic: str, protocol: Protocol
) -> None:
    produce(broker, topic, [event(0), b"{", None, event(1)])
    produce(broker, topic, [event(2)], partition=1)
    group = uuid.uuid4().hex
    async with source_on(broker, topic, group, protocol) as (source, parts):
        batches = await take(source, 5)
        items = [item for batch in batches if batch.partition.number == 0 for item in batch.items]
        assert [type(item) for item in items] == [Event, Malformed, Tombstone, Event]
        assert isinstance(items[1], Malformed)
        assert (items[1].value, items[1].key, items[1].code) == (b"{", b"1", "event.not_json")
        zero = parts.owned[topic, 0]
        await source.commit([(zero, 2)], "")
        zero.position = 2  # as if the rest were in flight: the revoke at the end commits the frontier
    async with source_on(broker, topic, group, protocol) as (source, _):
        again = await take(source, 2)
        assert sorted((b.partition.number, i.offset) for b in again for i in b.items) == [(0, 2), (0, 3)]


@pytest.mark.timeout(120)
async def test_a_stall_longer_than_the_poll_interval_keeps_the_membership(broker: Broker, topic: str) -> None:
    produce(broker, topic, [event(n) for n in range(3000)])
    async with source_on(broker, topic, uuid.uuid4().hex, **{"max.poll.interval.ms": 8000}) as (
        source,
        parts,
    ):
        first = await take(source, 1)
        handle = first[0].partition
        await asyncio.sleep(
            20
        )  # nobody takes a batch: more than twice the poll interval, and the pause after 5 s
        assert not handle.revoked
        rest = await take(source, 3000 - sum(len(b.items) for b in first))
        assert [i.offset for b in first + rest for i in b.items] == list(range(3000))
        await source.commit([(handle, 3000)], "")
        handle.committed = 3000
        assert await source.lag() == 0
        assert list(parts.owned.values()).count(handle) == 1


@both
@pytest.mark.timeout(90)
async def test_a_commit_of_a_revoked_handle_is_dropped(
    broker: Broker, topic: str, protocol: Protocol
) -> None:
    produce(broker, topic, [event(n) for n in range(10)])
    group = uuid.uuid4().hex
    async with source_on(broker, topic, group, protocol) as (source, parts):
        batch = (await take(source, 10))[-1]
        parts.revoked(batch.partition)
        await source.commit([(batch.partition, 10)], "")
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": f"{group}.ingest"})
    (committed,) = consumer.committed([TopicPartition(topic, 0)], timeout=10)
    consumer.close()
    assert committed.offset < 0


@both
@pytest.mark.timeout(120)
async def test_two_members_share_and_the_frontier_is_committed_at_the_revoke(
    broker: Broker, topic: str, protocol: Protocol
) -> None:
    for number in range(PARTS):
        produce(broker, topic, [event(n) for n in range(50)], partition=number)
    group = uuid.uuid4().hex
    async with source_on(broker, topic, group, protocol) as (one, parts):
        await take(one, 100)
        async with source_on(broker, topic, group, protocol) as (two, others), asyncio.timeout(60):
            seen = await two.get()
            assert seen is not None
            assert len(others.owned) == 1
            while len(parts.owned) != 1:
                await asyncio.sleep(0.05)
            # All 50 count as settled, since nothing was begun: the position was committed at the revoke.
            assert seen.partition.committed == 50


@pytest.mark.kafka
@pytest.mark.timeout(90)
async def test_a_trailing_transaction_marker_leaves_no_lag(broker: Broker, topic: str) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": uuid.uuid4().hex})
    producer.init_transactions(30)
    for commit in (True, False, True):
        producer.begin_transaction()
        producer.produce(topic, event(1), partition=0)
        producer.flush(10)
        if commit:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    async with source_on(broker, topic, uuid.uuid4().hex) as (source, parts):
        got = await take(source, 2)
        assert [i.offset for b in got for i in b.items] == [0, 4]
        async with asyncio.timeout(30):
            while parts.owned[topic, 0].position < 6:
                batch = await source.get()
                assert batch is not None
                batch.partition.position = batch.position
        handle = parts.owned[topic, 0]
        await source.commit([(handle, handle.frontier())], "")
        handle.committed = handle.frontier()
        assert await source.lag() == 0


@pytest.mark.kafka
@pytest.mark.timeout(90)
async def test_an_offset_that_has_left_the_log_stops_the_source(broker: Broker, topic: str) -> None:
    produce(broker, topic, [event(n) for n in range(10)])
    group = uuid.uuid4().hex
    async with source_on(broker, topic, group) as (source, parts):
        await take(source, 10)
        await source.commit([(parts.owned[topic, 0], 2)], "")
        parts.owned[topic, 0].position = 2  # so that the revoke at the end commits nothing more
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    for future in admin.delete_records([TopicPartition(topic, 0, 5)]).values():
        future.result(10)
    async with source_on(broker, topic, group) as (source, _):
        with pytest.raises(OffsetOutOfRangeError, match="out of range"):
            await take(source, 1)


@pytest.mark.timeout(60)
async def test_a_dead_letter_is_acknowledged_and_read_back_as_it_was(broker: Broker, topic: str) -> None:
    settings = Kafka(bootstrap_servers=broker.bootstrap_servers, topics=Topics(events_dlq=topic))
    producer = KafkaProducer(producer_config(settings, "test", Silent()))
    letters = KafkaDeadLetters(producer, settings.topics)
    value = bytes(range(256))
    await letters.put(
        DeadLetter("ingest", "id-1", b"k\xff", value, [("h", b"\xff\x00"), ("claimx-id", b"id-1")])
    )
    await producer.close()
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "read", "auto.offset.reset": "earliest"}
    )
    consumer.assign([TopicPartition(topic, n, 0) for n in range(PARTS)])
    (message,) = consumer.consume(1, 10)
    consumer.close()
    assert (message.key(), message.value()) == (b"k\xff", value)
    assert message.headers() == [("h", b"\xff\x00"), ("claimx-id", b"id-1")]


async def test_a_consumer_tells_how_it_is(broker: Broker, topic: str) -> None:
    produce(broker, topic, [event(0), event(1)])
    group = uuid.uuid4().hex
    async with source_on(broker, topic, group) as (source, _):
        assert source.vitals == KafkaVitals()
        await take(source, 2)
        async with asyncio.timeout(20):
            while not source.vitals.ends:
                await asyncio.sleep(0.05)
        vitals = source.vitals
        assert vitals.ends[topic, 0] == 2
        assert vitals.brokers_up
        assert vitals.polled_at is not None
        async with asyncio.timeout(20):
            while source.vitals.polled_at == vitals.polled_at:
                await asyncio.sleep(0.05)
    assert source.vitals.polled_at is None
    assert source.vitals.ends == {}
