"""Where a partition starts when it is assigned."""

import time
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from claimx.errors import KafkaGoneError

_ASK_S = 5.0
_REST_S = 0.05
_PATIENCE_S = 240.0
"""Less than max.poll.interval.ms, for meanwhile nothing is polled."""


def starting(
    consumer: Consumer, partitions: Sequence[TopicPartition], is_closing: Callable[[], bool]
) -> list[TopicPartition]:
    """What Kafka has committed, and nothing else; where there is nothing, the earliest record.

    Raises:
        KafkaGoneError: the broker does not tell.
    """
    until = time.perf_counter() + _PATIENCE_S
    why = "closing"
    while not is_closing() and time.perf_counter() < until:
        try:
            return [
                where if where.offset >= 0 else _earliest(consumer, where)
                for where in _committed(consumer, partitions)
            ]
        except KafkaException as error:
            why = error.args[0].str()
        time.sleep(_REST_S)
    raise KafkaGoneError(f"the broker does not tell the committed offsets: {why}")


def _committed(consumer: Consumer, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
    found = consumer.committed(list(partitions), timeout=_ASK_S)
    for where in found:
        if where.error is not None:
            raise KafkaException(where.error)
    return found


def _earliest(consumer: Consumer, where: TopicPartition) -> TopicPartition:
    low, _ = consumer.get_watermark_offsets(where, timeout=_ASK_S)
    return TopicPartition(where.topic, where.partition, low)
