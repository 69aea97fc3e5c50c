"""The Kafka side of the ingest benchmark: a topic full of events, and the bare loop to compare with."""

from collections.abc import Sequence

import msgspec
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from claimx.domain.times import SECOND, Micros, format_time
from claimx.errors import EngineError

_BATCH = 500
_WAIT_S = 0.2
_BROKER_S = 30.0
_PROJECTS = 5000
_TYPE = "PROJECT_CONVERSATION_UPDATED"


class _Bare(msgspec.Struct, gc=False):
    eventType: str  # noqa: N815  # as sent
    projectId: int  # noqa: N815  # as sent
    ingestedAt: str  # noqa: N815  # as sent
    taskAssignmentId: int | None = None  # noqa: N815  # as sent
    mediaId: int | None = None  # noqa: N815  # as sent
    masterFileName: str | None = None  # noqa: N815  # as sent


def create_topics(servers: str, topics: Sequence[str], partitions: int) -> None:
    """Make topics of one replica.

    Raises:
        KafkaException: the broker did not.
    """
    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.create_topics([NewTopic(topic, partitions, 1) for topic in topics]).values():
        future.result(_BROKER_S)


def produce_events(servers: str, topic: str, events: int, begin: Micros) -> None:
    """Fill a topic with events as ClaimX sends them: camelCase, no id, of a type that has its row only.

    Raises:
        EngineError: not all were acknowledged.
    """
    producer = Producer(
        {"bootstrap.servers": servers, "linger.ms": 20, "acks": "all", "queue.buffering.max.messages": events}
    )
    for n in range(events):
        value = (
            f'{{"eventType":"{_TYPE}","projectId":{5_000_000 + n % _PROJECTS},"mediaId":null,'
            f'"taskAssignmentId":null,"videoCollaborationId":null,"masterFileName":null,'
            f'"ingestedAt":"{format_time(begin + n * SECOND // 1000)}"}}'
        )
        producer.produce(topic, value, key=str(5_000_000 + n % _PROJECTS))
        if n % 1000 == 0:
            producer.poll(0)
    if producer.flush(_BROKER_S):
        raise EngineError("the benchmark's events were not all acknowledged")


def bare_loop(servers: str, topic: str, events: int) -> None:
    """Consume and decode ``events`` records and do nothing with them: the loop to compare with."""
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": "claimx-bench-bare", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    decoder = msgspec.json.Decoder(_Bare)
    seen = 0
    while seen < events:
        messages = consumer.consume(_BATCH, _WAIT_S)
        for message in messages:
            decoder.decode(message.value() or b"")
        seen += len(messages)
    consumer.close()
