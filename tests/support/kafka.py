"""Brokers for tests: librdkafka's mock cluster in this process, or Apache Kafka (one KRaft node) in a process of its own.

Both look alike: ``bootstrap_servers`` and ``create_topics``; ``apache`` says which one it is.
"""

import base64
import contextlib
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.admin._listoffsets import OffsetSpec

from claimx.sandbox.broker import MockCluster

JARS = Path(__file__).parents[1] / "kafka" / "target" / "jars"
START_S = 90.0
STOP_S = 20.0

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.enable=false
group.consumer.min.session.timeout.ms=6000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=1000
group.consumer.heartbeat.interval.ms=1000
"""


class Broker(Protocol):
    """What tests need of a broker."""

    bootstrap_servers: str
    apache: bool

    def create_topics(self, *names: str, partitions: int = 4) -> None:
        """Make topics, and return when clients can see them."""
        ...


@dataclass
class Mock:
    """librdkafka's mock cluster."""

    cluster: MockCluster
    bootstrap_servers: str
    apache: bool = False

    def create_topics(self, *names: str, partitions: int = 4) -> None:
        self.cluster.create_topics(names, partitions)


@dataclass
class Apache:
    """A running Apache Kafka."""

    process: subprocess.Popen[bytes]
    bootstrap_servers: str
    apache: bool = True

    def create_topics(self, *names: str, partitions: int = 4) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        new = [NewTopic(name, num_partitions=partitions, replication_factor=1) for name in names]
        for made in admin.create_topics(new, operation_timeout=10).values():
            made.result(timeout=20)
        _wait_for_leaders(admin, [TopicPartition(name, n) for name in names for n in range(partitions)])


@contextlib.contextmanager
def mock_broker() -> Iterator[Mock]:
    """Run a mock cluster."""
    with MockCluster([], 0) as cluster:
        yield Mock(cluster, cluster.bootstrap_servers)


@contextlib.contextmanager
def apache_broker(
    directory: Path,
    more: Callable[[int, int], str] = lambda broker, controller: "",
    options: Sequence[str] = (),
) -> Iterator[Apache]:
    """Run an Apache Kafka whose data and log lie in ``directory``. It ends with the block, by its own pid.

    Args:
        more: further properties, which win, given the ports of the broker and of the controller.
        options: of the virtual machine.

    Raises:
        RuntimeError: it did not start; the text has the end of its log.
    """
    if not any(JARS.glob("kafka_2.13-*.jar")):
        raise RuntimeError("the jars of Apache Kafka are not there: run make test-kafka")
    broker, controller = free_ports(2)
    properties = directory / "server.properties"
    text = PROPERTIES.format(broker=broker, controller=controller, data=directory / "data")
    properties.write_text(text + more(broker, controller))
    log = directory / "kafka.log"
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    java = ["java", "-Xmx512m", *options, "-cp", f"{JARS}/*"]
    with log.open("wb") as out:
        named = f"--cluster-id={cluster_id}"  # with a =: one id in 64 begins with a dash
        formatted = [*java, "kafka.tools.StorageTool", "format", named, "-c", str(properties)]
        subprocess.run(formatted, stdout=out, stderr=out, check=True, timeout=START_S)
        process = subprocess.Popen([*java, "kafka.Kafka", str(properties)], stdout=out, stderr=out)
    try:
        _wait_until_ready(process, f"127.0.0.1:{broker}", log)
        yield Apache(process, f"127.0.0.1:{broker}")
    finally:
        _stop(process)


def _wait_for_leaders(admin: AdminClient, made: list[TopicPartition]) -> None:
    """A topic is made a moment before its partitions can be asked for anything."""
    deadline = time.monotonic() + STOP_S
    while True:
        asked = admin.list_offsets(dict.fromkeys(made, OffsetSpec.latest()), request_timeout=5)
        try:
            for future in asked.values():
                future.result(timeout=10)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def free_ports(number: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [each.getsockname()[1] for each in sockets]


def _wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    host, port = address.split(":")
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            AdminClient({"bootstrap.servers": address}).list_topics(timeout=5)
        except (OSError, KafkaException):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"Apache Kafka did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_S)
