"""The embedded broker and the other processes of the sandbox: ready in time, and gone with their owner."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from claimx.config.load import load
from claimx.errors import EngineError
from claimx.sandbox.launch import TOPICS, Broker, Sandbox
from claimx.sandbox.process import Process

BROKER = [sys.executable, "-m", "claimx.sandbox.broker", "--topics", "a,b", "--partitions", "24"]
SIMULATOR = [sys.executable, "-m", "claimx.sandbox.simulator", "--token", "x"]
ENDED_S = 10


def start(command: list[str]) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert msgspec.json.decode(child.stdout.readline())
    return child


def release(child: subprocess.Popen[bytes]) -> None:
    child.stdin.close()
    child.stdout.close()
    child.wait(ENDED_S)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("command", [BROKER, SIMULATOR], ids=["broker", "simulator"])
def test_a_child_ends_when_its_stdin_closes(command: list[str]) -> None:
    child = start(command)
    release(child)
    assert child.returncode == 0


@pytest.mark.parametrize("command", [BROKER, SIMULATOR], ids=["broker", "simulator"])
def test_a_child_ends_at_sigterm(command: list[str]) -> None:
    child = start(command)
    child.send_signal(signal.SIGTERM)
    assert child.wait(ENDED_S) == 0
    release(child)


def test_a_child_does_not_outlive_an_owner_that_was_killed() -> None:
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen({BROKER!r}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    pid = int(owner.stdout.readline())
    assert is_alive(pid)
    owner.kill()
    owner.wait(ENDED_S)
    owner.stdout.close()
    until = time.monotonic() + ENDED_S
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_alive(pid)


async def test_a_group_forms_at_once_and_commits_stay(tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker:
        produce(broker.bootstrap_servers, "claimx.events.raw", 100)
        began = time.monotonic()
        consumer = consumer_of(broker.bootstrap_servers)
        consumer.subscribe(["claimx.events.raw"])
        seen = 0
        while seen < 100 and time.monotonic() < began + 10:
            seen += len(consumer.consume(100, timeout=0.2))
        assert seen == 100
        assert time.monotonic() - began < 2.5  # 3 s is librdkafka's usual delay
        consumer.commit(asynchronous=False)
        consumer.close()
        observer = consumer_of(broker.bootstrap_servers)
        found = observer.committed([TopicPartition("claimx.events.raw", n) for n in range(24)], timeout=5)
        observer.close()
        assert sum(max(partition.offset, 0) for partition in found) == 100


async def test_every_topic_has_24_partitions(tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker:
        observer = consumer_of(broker.bootstrap_servers)
        topics = observer.list_topics(timeout=5).topics
        observer.close()
    assert {name: len(topics[name].partitions) for name in TOPICS.values()} == dict.fromkeys(
        TOPICS.values(), 24
    )


async def test_an_empty_value_and_a_tombstone_stay_apart(tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
        for value in (b"", None):
            producer.produce("claimx.events.raw", value, b"k")
        assert producer.flush(10) == 0
        consumer = consumer_of(broker.bootstrap_servers)
        consumer.subscribe(["claimx.events.raw"])
        values: list[bytes | None] = []
        until = time.monotonic() + 10
        while len(values) < 2 and time.monotonic() < until:
            values += [message.value() for message in consumer.consume(2, timeout=0.2)]
        consumer.close()
    assert values == [b"", None]


async def test_a_process_that_fails_to_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="the following arguments are required"):
        async with Process("claimx.sandbox.broker", [], tmp_path):
            pass


async def test_the_sandbox_tells_a_pipeline_all_it_needs(tmp_path: Path) -> None:
    async with Sandbox(1, 50, state_dir=tmp_path) as sandbox:
        await sandbox.feed_done()
        by_dict = load(None, {}, sandbox.settings_overrides()).settings
        (tmp_path / "claimx.toml").write_text(sandbox.settings_toml())
        by_file = load(tmp_path / "claimx.toml", {}).settings
        assert by_dict == by_file
        assert len(sandbox.manifest.keys["claimx_events"]) == 50
        assert produced(by_dict.kafka.bootstrap_servers) == sandbox.manifest.records


async def test_a_sandbox_may_use_a_broker_of_ones_own(tmp_path: Path) -> None:
    async with (
        Broker(tmp_path) as broker,
        Sandbox(1, 50, broker=broker.bootstrap_servers, state_dir=tmp_path) as sandbox,
    ):
        await sandbox.feed_done()
        assert sandbox.settings_overrides()["kafka.bootstrap_servers"] == broker.bootstrap_servers
        assert produced(broker.bootstrap_servers) == sandbox.manifest.records


async def test_a_feed_without_its_topic_fails_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="does not answer"):
        async with Sandbox(1, 50, broker="127.0.0.1:1", state_dir=tmp_path):
            pass


def consumer_of(bootstrap_servers: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "g",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )


def produce(bootstrap_servers: str, topic: str, number: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    for one in range(number):
        producer.produce(topic, b"{}", str(one).encode())
    assert producer.flush(10) == 0


def produced(bootstrap_servers: str) -> int:
    observer = consumer_of(bootstrap_servers)
    partitions = [TopicPartition("claimx.events.raw", number) for number in range(24)]
    total = sum(observer.get_watermark_offsets(partition, timeout=5)[1] for partition in partitions)
    observer.close()
    return total
