"""Where the groups of a pipeline are in its topics, asked for without joining them."""

from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from claimx.adapters.kafka_errors import Client
from claimx.domain.times import Micros
from claimx.ports.dlq import Shelf
from claimx.ports.inspection import Committed

_ASK_S = 10.0
_MICROS_PER_MS = 1000


class KafkaPositions:
    """Implements ports.inspection.Positions. A consumer that never subscribes is no member of its group."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def present(self, topics: Sequence[str]) -> Sequence[str]:
        """List what the broker has."""
        consumer = self._consumer("claimx-inspection")
        try:
            there = self._client.topics(consumer, topics, _ASK_S)
            return [topic for topic in topics if topic in there]
        finally:
            self._client.close(consumer)

    def committed(self, group: str, shelves: Sequence[Shelf]) -> Mapping[Shelf, Committed]:
        """Ask the group's coordinator."""
        consumer = self._consumer(group)
        try:
            found = consumer.committed([TopicPartition(*shelf) for shelf in shelves], timeout=_ASK_S)
            return {
                shelf: Committed(each.offset, each.metadata or "")
                for shelf, each in self._told(found).items()
            }
        except KafkaException as error:
            raise self._client.translated(error.args[0]) from error
        finally:
            self._client.close(consumer)

    def first_at(self, when: Micros, shelves: Sequence[Shelf]) -> Mapping[Shelf, int]:
        """Ask for the offsets of a time."""
        consumer = self._consumer("claimx-inspection")
        asked = [TopicPartition(*shelf, when // _MICROS_PER_MS) for shelf in shelves]
        try:
            found = self._told(consumer.offsets_for_times(asked, timeout=_ASK_S))
            return {shelf: each.offset for shelf, each in found.items()}
        except KafkaException as error:
            raise self._client.translated(error.args[0]) from error
        finally:
            self._client.close(consumer)

    def _consumer(self, group: str) -> Consumer:
        return self._client.consumer({"group.id": group, "enable.auto.commit": False})

    def _told(self, found: Sequence[TopicPartition]) -> dict[Shelf, TopicPartition]:
        """Those that have an offset."""
        for each in found:
            if each.error is not None:
                raise self._client.translated(each.error)
        return {Shelf(each.topic, each.partition): each for each in found if each.offset >= 0}
