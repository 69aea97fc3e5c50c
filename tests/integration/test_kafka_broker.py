"""The brokers that other tests stand on."""

import time
import uuid

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from support.kafka import Broker

RECORDS = 200


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"round-trip-{uuid.uuid4().hex}"
    broker.create_topics(name, partitions=3)
    return name


def filled(broker: Broker, topic: str) -> set[bytes]:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "enable.idempotence": True})
    values = {f"value-{number}".encode() for number in range(RECORDS)}
    for value in values:
        producer.produce(topic, value, key=value[-1:])
    assert producer.flush(30) == 0
    return values


def consumer_of(broker: Broker, group: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            # the mock cluster waits for a member that has left until its session ends
            "session.timeout.ms": 6000,
        }
    )


def read(consumer: Consumer, wanted: int) -> list[bytes]:
    deadline = time.monotonic() + 30
    got: list[bytes] = []
    while len(got) < wanted and time.monotonic() < deadline:
        got += [
            message.value() for message in consumer.consume(wanted - len(got), 0.2) if message.error() is None
        ]
    return got


def test_what_is_produced_is_consumed(broker: Broker, topic: str) -> None:
    values = filled(broker, topic)
    consumer = consumer_of(broker, f"group-{topic}")
    consumer.subscribe([topic])
    assert set(read(consumer, RECORDS)) == values
    consumer.close()


def test_a_group_goes_on_where_it_committed(broker: Broker, topic: str) -> None:
    values = filled(broker, topic)
    got = []
    for _ in range(2):
        consumer = consumer_of(broker, f"group-{topic}")
        consumer.subscribe([topic])
        got += read(consumer, RECORDS // 2)
        consumer.commit(asynchronous=False)
        consumer.close()
    assert sorted(got) == sorted(values)


def test_a_topic_has_the_partitions_that_were_asked_for(broker: Broker, topic: str) -> None:
    metadata = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(topic, timeout=10)
    assert len(metadata.topics[topic].partitions) == 3


@pytest.mark.kafka
def test_apache_kafka_makes_no_topic_by_itself(broker: Broker) -> None:
    metadata = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=10)
    assert "never-made" not in metadata.topics
    assert (
        AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        .list_topics("never-made", timeout=10)
        .topics["never-made"]
        .error
    )
