"""Puts dead letters back on topics, and deletes what is done with."""

from collections.abc import Mapping, Sequence
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from claimx.adapters.kafka_errors import Client
from claimx.domain.letters import Outgoing
from claimx.ports.dlq import Shelf

_MESSAGE_MAX_BYTES = 64 * 1024 * 1024
_DELIVERY_MS = 30_000
_POLL_S = 0.1
_ASK_S = 10.0
_LATE = KafkaError._MSG_TIMED_OUT  # noqa: SLF001  # the library's name
_UNSUPPORTED = {
    KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001  # the library's name
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError.POLICY_VIOLATION,  # a compacted topic
}


class KafkaReplayer:
    """Implements ports.dlq.Replayer: idempotent, acknowledged by all replicas in sync."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._producer = client.producer(
            {
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "message.max.bytes": _MESSAGE_MAX_BYTES,
                "delivery.timeout.ms": _DELIVERY_MS,
            }
        )

    def send(self, records: Sequence[tuple[str, Outgoing]]) -> Sequence[str | None]:
        """Produce all, then wait; every one is answered for at the latest after the delivery timeout."""
        answers: dict[int, KafkaError | None] = {}
        for number, (topic, record) in enumerate(records):
            try:
                self._producer.produce(
                    topic,
                    value=record.value,
                    key=record.key,
                    headers=list(record.headers),
                    on_delivery=partial(_delivered, answers, number),
                )
            except KafkaException as error:
                answers[number] = error.args[0]
            except BufferError:
                answers[number] = KafkaError(KafkaError._QUEUE_FULL)  # noqa: SLF001  # the library's name
        while len(answers) < len(records):
            self._producer.poll(_POLL_S)
        errors = [answers[number] for number in range(len(records))]
        if errors and all(error is not None and error.code() == _LATE for error in errors):
            raise self._client.unreachable("nothing was acknowledged in time")
        return [None if error is None else error.name() for error in errors]


class KafkaRecordDeleter:
    """Implements ports.dlq.RecordDeleter."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._admin = client.admin()

    def delete_below(self, offsets: Mapping[Shelf, int]) -> bool:
        """DeleteRecords, which some brokers do not have."""
        if not offsets:
            return True
        asked = [TopicPartition(*shelf, offset) for shelf, offset in offsets.items()]
        try:
            for done in self._admin.delete_records(
                asked, request_timeout=_ASK_S, operation_timeout=_ASK_S
            ).values():
                done.result(2 * _ASK_S)
        except KafkaException as error:
            if error.args[0].code() in _UNSUPPORTED:
                return False
            raise self._client.translated(error.args[0]) from error
        return True


def _delivered(
    answers: dict[int, KafkaError | None], number: int, error: KafkaError | None, _: Message
) -> None:
    answers[number] = error
