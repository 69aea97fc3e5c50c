"""The Kafka side of the benchmarks: topics, records, and the bare loop to compare with."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from claimx.domain.events import decode
from claimx.errors import EngineError

_BATCH = 500
_WAIT_S = 0.2
_BROKER_S = 60.0
_QUEUED = 200_000

Produced = tuple[bytes | None, bytes | None, int]
"""Key, value, and the time in ms; 0 for the producer's own."""


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


def clean_up(servers: str, prefix: str) -> None:
    """Delete the topics and groups whose names begin so; what the broker does not delete stays."""
    admin = AdminClient({"bootstrap.servers": servers})
    with suppress(KafkaException):
        topics = [name for name in admin.list_topics(timeout=_BROKER_S).topics if name.startswith(prefix)]
        listed = admin.list_consumer_groups(request_timeout=_BROKER_S).result(_BROKER_S).valid
        groups = [group.group_id for group in listed if group.group_id.startswith(prefix)]
        pending = [*admin.delete_topics(topics).values()] if topics else []
        pending += [*admin.delete_consumer_groups(groups).values()] if groups else []
        for future in pending:
            with suppress(KafkaException):
                future.result(_BROKER_S)


def fill(servers: str, topic: str, records: Iterable[Produced]) -> int:
    """Produce records and wait until all are acknowledged; how many there were.

    Raises:
        EngineError: not all were acknowledged.
    """
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "linger.ms": 20,
            "acks": "all",
            "queue.buffering.max.messages": _QUEUED,
        }
    )
    number = 0
    for number, (key, value, timestamp) in enumerate(records, 1):  # the last one is how many
        while True:
            try:
                producer.produce(topic, value, key=key, timestamp=timestamp)
                break
            except BufferError:
                producer.poll(1)
        if number % 1000 == 0:
            producer.poll(0)
    if producer.flush(_BROKER_S):
        raise EngineError("the benchmark's records were not all acknowledged")
    return number


def bare_loop(servers: str, topic: str, records: int, group_id: str, *, is_whole: bool) -> None:
    """Consume and decode so many records and do nothing with them: the loop to compare with.

    Args:
        is_whole: decode as the pipeline does, the id included; else six fields.
    """
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group_id, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    decoder = msgspec.json.Decoder(_Bare)
    seen = 0
    while seen < records:
        messages = consumer.consume(_BATCH, _WAIT_S)
        for message in messages:
            if is_whole:
                decode(message.value() or b"", message.offset() or 0, message.timestamp()[1] * 1000, None)
            else:
                decoder.decode(message.value() or b"")
        seen += len(messages)
    consumer.close()
