"""Offsets of groups, by Kafka's admin API and a consumer that joins nothing."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin._listoffsets import OffsetSpec

from claimx.adapters.kafka_errors import Client, patiently
from claimx.adapters.topic_reader import KafkaPositions
from claimx.domain.times import Micros
from claimx.errors import OperationError, TopicsAbsentError
from claimx.ports.dlq import Shelf, Span
from claimx.ports.inspection import Committed
from claimx.ports.offsets import Member

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_ASK_S = 10.0
_COMMIT_S = 30.0
_POLL_S = 0.05
_MICROS_PER_MS = 1000
_WITH_MEMBERS = {
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.NON_EMPTY_GROUP,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
}
_NOT_TOLD = {
    KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001  # the library's name
    KafkaError.UNSUPPORTED_VERSION,
}


class _Answer(Protocol[T_co]):
    """A future of the admin client."""

    def result(self, timeout: float) -> T_co: ...


class KafkaOffsetsAdmin:
    """Implements ports.offsets.OffsetsAdmin."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._admin = client.admin()
        self._positions = KafkaPositions(client)

    def shelves(self, topics: Sequence[str]) -> Sequence[Shelf]:
        """Ask for metadata."""
        there = self._client.topics(self._admin, topics, _ASK_S)
        if absent := [topic for topic in topics if topic not in there]:
            raise TopicsAbsentError(f"these topics do not exist: {', '.join(absent)}")
        return [Shelf(topic, number) for topic in topics for number in sorted(there[topic].partitions)]

    def spans(self, shelves: Sequence[Shelf]) -> Mapping[Shelf, Span]:
        """Ask the leaders, for the low ends and for the high ends."""
        lows, highs = self._ends(shelves, OffsetSpec.earliest), self._ends(shelves, OffsetSpec.latest)
        return {shelf: Span(lows[shelf], highs[shelf]) for shelf in shelves}

    def first_at(self, when: Micros, shelves: Sequence[Shelf]) -> Mapping[Shelf, int]:
        """Ask for the offsets of a time; one that has none yet is at its end."""
        found = self._positions.first_at(when, shelves)
        rest = [shelf for shelf in shelves if shelf not in found]
        return {**found, **self._ends(rest, OffsetSpec.latest)}

    def committed(self, group: str, shelves: Sequence[Shelf]) -> Mapping[Shelf, Committed]:
        """Ask the group's coordinator."""
        return patiently(lambda: self._positions.committed(group, shelves), _ASK_S)

    def members(self, group: str) -> Sequence[Member] | None:
        """Ask the group's coordinator; librdkafka's mock cluster does not tell."""
        return patiently(lambda: self._members(group), _ASK_S)

    def move(self, group: str, offsets: Mapping[Shelf, Committed]) -> None:
        """Commit with a deadline of our own: a synchronous commit hangs for minutes on a frozen broker."""
        answers: list[KafkaError | None] = []

        def answered(error: KafkaError | None, each: Iterable[TopicPartition]) -> None:
            answers.append(error or next((one.error for one in each if one.error is not None), None))

        consumer = self._client.consumer(
            {
                "group.id": group,
                "enable.auto.commit": False,
                "on_commit": answered,
            }
        )
        wanted = [TopicPartition(*shelf, each.offset, each.metadata) for shelf, each in offsets.items()]
        try:
            consumer.commit(offsets=wanted, asynchronous=True)
            until = time.perf_counter() + _COMMIT_S
            while not answers and time.perf_counter() < until:
                consumer.poll(_POLL_S)
        except KafkaException as error:
            raise self._client.translated(error.args[0]) from error
        finally:
            self._client.close(consumer)
        if not answers:
            raise self._client.unreachable("the commit was not acknowledged in time")
        if (refused := answers[0]) is None:
            return
        if refused.code() in _WITH_MEMBERS:
            raise OperationError(
                f"{group} has members: the broker refuses ({refused.name()})",
                "stop every claimx that consumes with this group; a killed one counts until its session times out",
            )
        raise self._client.translated(refused)

    def _members(self, group: str) -> Sequence[Member] | None:
        answer = self._admin.describe_consumer_groups([group], request_timeout=_ASK_S)[group]
        try:
            members = self._told(answer).members
        except KafkaException as error:
            if error.args[0].code() in _NOT_TOLD:
                return None
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return ()
            raise self._client.translated(error.args[0]) from error
        return [Member(each.client_id, each.host.removeprefix("/")) for each in members]

    def _ends(self, shelves: Sequence[Shelf], end: Callable[[], object]) -> dict[Shelf, int]:
        if not shelves:
            return {}
        wanted = {TopicPartition(*shelf): end() for shelf in shelves}
        asked = self._admin.list_offsets(wanted, request_timeout=_ASK_S)  # type: ignore[arg-type]
        try:
            return {
                Shelf(where.topic, where.partition): self._told(answer).offset
                for where, answer in asked.items()
            }
        except KafkaException as error:
            raise self._client.translated(error.args[0]) from error

    def _told(self, answer: _Answer[T]) -> T:
        try:
            return answer.result(2 * _ASK_S)
        except TimeoutError as error:
            raise self._client.unreachable("no answer in time") from error
