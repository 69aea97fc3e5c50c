"""The embedded broker: librdkafka's own mock cluster, which the confluent-kafka wheel carries, in its own process.

It speaks the Kafka protocol to any client, keeps everything in memory, and silently drops what is older than the last
5 MB or 100,000 records of a partition (Source: reference/speed.md 9); the feed paces itself so that nobody meets that.
"""

import argparse
import ctypes
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from claimx.errors import ConfigError
from claimx.sandbox.child import announce, ending

_PRODUCER = 0
_ERROR_BYTES = 512


def library_path() -> Path:
    """Find the librdkafka of the confluent-kafka wheel.

    Raises:
        ConfigError: the package is not installed from a wheel that brings its own.
    """
    spec = find_spec("confluent_kafka")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        for pattern in ("../confluent_kafka.libs/librdkafka-*.so*", ".dylibs/librdkafka*.dylib"):
            for path in sorted(package.glob(pattern)):
                return path.resolve()
    raise ConfigError("no librdkafka beside confluent_kafka: the sandbox needs the package's wheel")


def load_library() -> ctypes.CDLL:
    """Load librdkafka and declare what we call of it; undeclared, ctypes would cut pointers to 32 bits."""
    library = ctypes.CDLL(str(library_path()))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    declared = {
        "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
    }
    for name, (result, arguments) in declared.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class MockCluster:
    """One broker in this process. Groups form without the usual wait of three seconds.

    Args:
        topics: names of the topics to make; others come up with 4 partitions when first used.
    """

    def __init__(self, topics: Sequence[str], partitions: int) -> None:
        self._library = load_library()
        message = ctypes.create_string_buffer(_ERROR_BYTES)
        self._client = self._library.rd_kafka_new(_PRODUCER, None, message, _ERROR_BYTES)
        if not self._client:
            raise ConfigError(f"librdkafka: {message.value.decode()}")
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self.create_topics(topics, partitions)

    @property
    def bootstrap_servers(self) -> str:
        """``host:port``."""
        servers: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return servers.decode()

    def create_topics(self, topics: Sequence[str], partitions: int) -> None:
        """Make topics; the cluster does not answer the CreateTopics of a client."""
        for topic in topics:
            self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


def main() -> None:
    """Run the broker until told to end."""
    parser = argparse.ArgumentParser(prog="claimx.sandbox.broker")
    parser.add_argument("--topics", required=True, help="comma separated")
    parser.add_argument("--partitions", type=int, default=24)
    options = parser.parse_args()
    end = ending()
    with MockCluster(options.topics.split(","), options.partitions) as cluster:
        announce(bootstrap_servers=cluster.bootstrap_servers)
        end.wait()


if __name__ == "__main__":
    main()
