"""The event feed: produces the world's records to the raw topic, in a process of its own.

It stays within a bounded distance of what the pipeline has committed: the embedded broker keeps only the last 5 MB or
100,000 records of a partition and drops the rest in silence (Source: reference/speed.md 9).
"""

import argparse
import sys
import threading
from collections import Counter
from itertools import islice

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from claimx.errors import ConfigError
from claimx.sandbox.child import announce, ending
from claimx.sandbox.simulator.records import Record, records
from claimx.sandbox.simulator.world import World

_CHUNK = 500
_AHEAD = 20_000
_PARTITION_AHEAD = 5_000
"""Some 3 MB at most."""
_LOOK_AGAIN_S = 0.2
_ANSWER_S = 5.0
_FLUSH_S = 30.0


class Feed:
    """Produces records and looks how far the pipeline has come.

    Args:
        group_id: the consumer group whose commits set the pace.
    """

    def __init__(self, bootstrap_servers: str, topic: str, group_id: str) -> None:
        self._topic = topic
        self._producer = Producer(
            {"bootstrap.servers": bootstrap_servers, "enable.idempotence": True, "linger.ms": 5}
        )
        self._observer = Consumer(
            {"bootstrap.servers": bootstrap_servers, "group.id": group_id, "enable.auto.commit": False}
        )
        self._first: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._failed: list[KafkaError] = []
        self.waits = 0
        """Times that it had to wait for the pipeline."""
        self.farthest = 0
        """The most records that the pipeline was ever behind."""

    def check(self) -> None:
        """Make sure that the topic is there.

        Raises:
            ConfigError: it is not, or the broker does not answer.
        """
        try:
            found = self._producer.list_topics(timeout=_ANSWER_S).topics
        except KafkaException as error:
            raise ConfigError("the broker does not answer") from error
        if self._topic not in found:
            raise ConfigError(f"there is no topic {self._topic}: claimx topics init makes it")

    def send(self, chunk: list[Record]) -> None:
        """Produce some records and wait until the broker has acknowledged all of them.

        Raises:
            KafkaException: one was not acknowledged.
        """
        for record in chunk:
            self._producer.produce(
                self._topic,
                record.value,
                record.key,
                timestamp=record.timestamp_ms or 0,
                on_delivery=self._delivered,
            )
            self._producer.poll(0)
        waiting = self._producer.flush(_FLUSH_S)
        if self._failed or waiting:
            raise KafkaException(
                self._failed[0] if self._failed else KafkaError(KafkaError.REQUEST_TIMED_OUT)
            )

    def wait(self, end: threading.Event) -> None:
        """Wait until there is room for another chunk, or ``end``."""
        while not end.is_set() and not self._has_room():
            self.waits += 1
            end.wait(_LOOK_AGAIN_S)

    def close(self) -> None:
        """Let go of the broker."""
        self._observer.close()

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        number, offset = message.partition(), message.offset()
        if error is not None or number is None or offset is None:
            self._failed.append(error or KafkaError(KafkaError.UNKNOWN))
            return
        self._first.setdefault(number, offset)
        self._next[number] = offset + 1

    def _has_room(self) -> bool:
        sent = sum(self._next.values()) - sum(self._first.values())
        if sent + _CHUNK <= _PARTITION_AHEAD:
            return True
        ahead = self._ahead()
        self.farthest = max(self.farthest, ahead.total())
        return ahead.total() + _CHUNK <= _AHEAD and max(ahead.values()) + _CHUNK <= _PARTITION_AHEAD

    def _ahead(self) -> Counter[int]:
        """Count, by partition, the records that were sent and are not committed."""
        asked = [TopicPartition(self._topic, number) for number in self._next]
        try:
            found = self._observer.committed(asked, timeout=_ANSWER_S)
        except KafkaException as error:
            sys.stderr.write(f"feed: how far the pipeline is, is not known: {error}\n")
            found = asked
        committed = {partition.partition: partition.offset for partition in found}
        return Counter(
            {
                number: following - max(committed.get(number, 0), self._first[number])
                for number, following in self._next.items()
            }
        )


def run(feed: Feed, world: World, events: int, end: threading.Event) -> bool:
    """Feed the records of so many events; True when every record is acknowledged, False at ``end``."""
    stream = records(world, events)
    while chunk := list(islice(stream, _CHUNK)):
        feed.wait(end)
        if end.is_set():
            return False
        feed.send(chunk)
    return True


def main() -> int:
    """Run the feed; 0 when every record is acknowledged, 1 when it was told to end before."""
    parser = argparse.ArgumentParser(prog="claimx.sandbox.feed")
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--group-id", required=True, help="the group whose commits set the pace")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=500)
    options = parser.parse_args()
    end = ending()
    feed = Feed(options.bootstrap_servers, options.topic, options.group_id)
    try:
        feed.check()
        announce(topic=options.topic)
        is_done = run(feed, World(options.seed), options.events, end)
    finally:
        feed.close()
    return 0 if is_done else 1


if __name__ == "__main__":
    sys.exit(main())
