"""The feed keeps its distance, so that nothing falls out of the embedded broker before it is read."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from claimx.errors import ConfigError
from claimx.sandbox.feed import Feed, run
from claimx.sandbox.launch import Broker
from claimx.sandbox.simulator.records import records
from claimx.sandbox.simulator.world import World

TOPIC, GROUP = "claimx.events.raw", "claimx.ingest"
EVENTS = 30_000
BOUND_S = 40


class Reader:
    """A slow pipeline: reads, and commits now and then."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": GROUP,
                "auto.offset.reset": "error",
                "enable.auto.commit": False,
            }
        )
        self._consumer.subscribe([TOPIC], on_assign=self._from_the_beginning)
        self.values: list[bytes | None] = []

    def _from_the_beginning(self, consumer: Consumer, partitions) -> None:
        for partition in partitions:
            partition.offset = 0  # strictly 0: had the broker dropped it, this would be an error
        consumer.assign(partitions)

    def read(self) -> None:
        messages = self._consumer.consume(4000, timeout=0.2)
        for message in messages:
            assert message.error() is None, message.error()
            self.values.append(message.value())
        if messages:
            self._consumer.commit(asynchronous=False)

    def close(self) -> None:
        self._consumer.close()


@contextmanager
def feeding(broker: Broker, events: int) -> Iterator[tuple[Feed, threading.Thread]]:
    """Feed in a thread until all is sent or the block ends."""
    feed, end = Feed(broker.bootstrap_servers, TOPIC, GROUP), threading.Event()
    feed.check()
    thread = threading.Thread(target=run, args=(feed, World(1), events, end))
    thread.start()
    try:
        yield feed, thread
    finally:
        end.set()
        thread.join(BOUND_S)
        feed.close()
    assert not thread.is_alive()


def has_waited(feed: Feed, thread: threading.Thread, times: int) -> bool:
    until = time.monotonic() + BOUND_S
    while feed.waits < times and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.02)
    return feed.waits >= times and thread.is_alive()


async def test_a_feed_larger_than_the_retention_arrives_whole(tmp_path: Path) -> None:
    wanted = [record.value for record in records(World(1), EVENTS)]
    # some 8 MB in one partition that keeps 5 MB
    async with Broker(tmp_path, partitions=1) as broker:
        with feeding(broker, EVENTS) as (feed, thread), closing(Reader(broker.bootstrap_servers)) as reader:
            assert has_waited(feed, thread, 1)
            until = time.monotonic() + BOUND_S
            while len(reader.values) < len(wanted) and time.monotonic() < until:
                reader.read()
    assert reader.values == wanted
    assert 0 < feed.farthest <= 5_000


async def test_a_feed_waits_for_a_pipeline_that_does_not_commit(tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker:
        with feeding(broker, 60_000) as (feed, thread):
            assert has_waited(feed, thread, 3)
            assert 0 < feed.farthest <= 20_000


async def test_a_feed_to_a_topic_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async with Broker(tmp_path, topics=("another",)) as broker:
        feed = Feed(broker.bootstrap_servers, TOPIC, GROUP)
        with pytest.raises(ConfigError, match="no topic"):
            feed.check()
        feed.close()
