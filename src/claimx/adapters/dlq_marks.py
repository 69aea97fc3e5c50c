"""What was replayed and purged, in the commit metadata of a group of our own (design.md 4)."""

import time
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from claimx.adapters.dlq_reader import GROUP
from claimx.adapters.kafka_errors import Client
from claimx.domain.letter_marks import RENEW_AFTER, Marks, Stored, decode, encode
from claimx.errors import EngineError
from claimx.ports.clock import Clock
from claimx.ports.dlq import Shelf, Span

_ASK_S = 10.0
_COMMIT_S = 30.0
_POLL_S = 0.01


class KafkaMarkStore:
    """Implements ports.dlq.MarkStore, by a consumer that joins nothing and is assigned nothing."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._answers: list[KafkaError | None] = []
        self._consumer = client.consumer(
            {"group.id": GROUP, "enable.auto.commit": False, "on_commit": self._committed}
        )

    def load(self, spans: Mapping[Shelf, Span]) -> Mapping[Shelf, Marks]:
        """Read the marks; those that Kafka may forget soon are committed again."""
        marks = self._load(spans, list(spans))
        now = self._clock.now()
        old = {
            shelf: each
            for shelf, each in marks.items()
            if each.written_at is not None and now - each.written_at > RENEW_AFTER
        }
        if old:
            self.store(spans, old)
        return marks

    def fits(self, spans: Mapping[Shelf, Span], marks: Mapping[Shelf, Marks]) -> Sequence[Shelf]:
        """Try to write them."""
        return [shelf for shelf, each in marks.items() if encode(each, spans[shelf].low, 0) is None]

    def store(self, spans: Mapping[Shelf, Span], marks: Mapping[Shelf, Marks]) -> None:
        """Read, merge, commit."""
        stored = self._load(spans, list(marks))
        offsets = []
        for shelf, each in stored.items():
            each.merge(marks[shelf])
            written = encode(each, spans[shelf].low, self._clock.now())
            if written is None:
                raise EngineError(f"{shelf}: what is marked does not fit into the group's commit metadata")
            offsets.append(TopicPartition(*shelf, written.offset, written.text))
        if offsets:
            self._commit(offsets)

    def close(self) -> None:
        """Close the consumer."""
        self._client.close(self._consumer)

    def _load(self, spans: Mapping[Shelf, Span], shelves: Sequence[Shelf]) -> dict[Shelf, Marks]:
        """Marks beyond the end of a partition are those of a former topic of this name: they count for nothing."""
        try:
            found = self._consumer.committed([TopicPartition(*shelf) for shelf in shelves], timeout=_ASK_S)
        except KafkaException as error:
            raise self._client.translated(error.args[0]) from error
        marks = {}
        for each in found:
            if each.error is not None:
                raise self._client.translated(each.error)
            shelf = Shelf(each.topic, each.partition)
            if each.offset > spans[shelf].high:
                marks[shelf] = Marks()
                continue
            try:
                marks[shelf] = decode(Stored(each.offset, each.metadata or ""))
            except EngineError as error:
                raise EngineError(f"group {GROUP}, {shelf}: {error}") from error
        return marks

    def _commit(self, offsets: list[TopicPartition]) -> None:
        """Commit with a deadline of our own: a synchronous commit hangs for minutes on a frozen broker."""
        self._answers.clear()
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            raise self._client.translated(error.args[0]) from error
        until = time.perf_counter() + _COMMIT_S
        while not self._answers and time.perf_counter() < until:
            self._consumer.poll(_POLL_S)
        if not self._answers:
            raise self._client.unreachable("the commit was not acknowledged in time")
        if (refused := self._answers[0]) is not None:
            raise self._client.translated(refused)

    def _committed(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        self._answers.append(error or next((each.error for each in offsets if each.error is not None), None))
