"""The dead-letter topics as an operator reads them: bounded by where they ended, in the group of nobody else."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from claimx.adapters.kafka_errors import Client
from claimx.domain.letters import DeadRecord, Place
from claimx.errors import TopicsAbsentError
from claimx.ports.dlq import Shelf, Span

GROUP = "claimx-dlq-cli"
_ASK_S = 10.0
_SILENCE_S = 30.0
_POLL_S = 0.2
_GROUP_OF = 500
_END = KafkaError._PARTITION_EOF  # noqa: SLF001  # the library's name


class KafkaLetterLog:
    """Implements ports.dlq.LetterLog. Memory is bounded by librdkafka's prefetch: 2 MB for each partition."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._consumer = client.consumer(
            {
                "group.id": GROUP,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",  # a purge meanwhile may have deleted where we began
                "queued.max.messages.kbytes": 2048,
                "fetch.queue.backoff.ms": 10,  # by default it rests for a second whenever so much is prefetched
            }
        )

    def spans(self, topics: Sequence[str]) -> Mapping[Shelf, Span]:
        """Ask for the watermarks of every partition."""
        try:
            there = self._client.topics(self._consumer, topics, _ASK_S)
            absent = [topic for topic in topics if topic not in there]
            if absent:
                raise TopicsAbsentError(f"these topics do not exist: {', '.join(absent)}")
            shelves = [Shelf(topic, number) for topic in topics for number in sorted(there[topic].partitions)]
            return {shelf: Span(*self._watermarks(shelf)) for shelf in shelves}
        except KafkaException as error:
            raise self._client.translated(error.args[0]) from error

    def read(self, spans: Mapping[Shelf, Span]) -> Iterator[Sequence[DeadRecord]]:
        """Assign the partitions by hand and consume up to the end of each span."""
        ends = {shelf: span.high for shelf, span in spans.items() if span.high > span.low}
        partitions = [TopicPartition(*shelf, spans[shelf].low) for shelf in ends]
        self._consumer.assign(partitions)
        self._consumer.resume(partitions)  # a partition that an earlier read has paused stays so
        heard = time.perf_counter()
        while ends:
            messages = self._consumer.consume(_GROUP_OF, _POLL_S)
            if messages:
                heard = time.perf_counter()
            elif time.perf_counter() - heard > _SILENCE_S:
                raise self._client.unreachable(f"nothing came for {_SILENCE_S:.0f} s")
            yield [record for message in messages if (record := self._sorted(message, ends)) is not None]
        self._consumer.unassign()

    def close(self) -> None:
        """Close the consumer."""
        self._client.close(self._consumer)

    def _watermarks(self, shelf: Shelf) -> tuple[int, int]:
        found = self._consumer.get_watermark_offsets(TopicPartition(*shelf), timeout=_ASK_S)
        if found is None:
            raise self._client.unreachable(f"{shelf}: no watermarks in time")
        return found

    def _sorted(self, message: Message, ends: dict[Shelf, int]) -> DeadRecord | None:
        """The record of a message within its span; the end of a span takes it off ``ends``."""
        shelf = Shelf(cast(str, message.topic()), cast(int, message.partition()))
        offset, error = cast(int, message.offset()), message.error()
        if error is not None and error.code() != _END:
            if error.retriable():
                return None
            raise self._client.translated(error)
        end = ends.get(shelf)
        if end is None:
            return None
        if error is not None or offset >= end - 1:
            del ends[shelf]
            self._consumer.pause([TopicPartition(*shelf)])
        return _record(message, shelf, offset) if error is None and offset < end else None


def _record(message: Message, shelf: Shelf, offset: int) -> DeadRecord:
    headers = cast(list[tuple[str, bytes | None]], message.headers() or [])
    return DeadRecord(
        Place(*shelf, offset),
        max(message.timestamp()[1], 0) * 1000,
        message.key(),
        message.value(),
        [(name, content or b"") for name, content in headers],
    )
