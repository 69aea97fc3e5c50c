"""The consumer of a stage, as the event loop sees it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from claimx.adapters.kafka_client import Config, client_config
from claimx.adapters.kafka_records import Place
from claimx.adapters.kafka_stats import INTERVAL_MS
from claimx.adapters.kafka_thread import ConsumerThread, Subscription
from claimx.config.tree import Kafka as KafkaSettings
from claimx.domain.receipts import Partition
from claimx.errors import ClaimxError, TransientError
from claimx.ports.source import Assignments, KafkaVitals, RecordBatch
from claimx.telemetry.log import Log

_KIB = 1024
_BROKER_S = 5.0
_COMMIT_S = 15.0
_CLOSE_S = 8.0
"""Longer than any one call of the thread may take."""


class KafkaSource:
    """Implements ports.source.Source.

    Args:
        configs: made by ``source_configs``.
        subscription: which topics, and how their records are read.
        assignments: told of every assignment and revoke, on the event loop.
    """

    def __init__(
        self, configs: "Configs", subscription: Subscription, assignments: Assignments, log: Log
    ) -> None:
        self.topics = subscription.topics
        self._log = log
        self._admin = AdminClient(configs.admin)
        self._ready: asyncio.Queue[RecordBatch | ClaimxError | None] = asyncio.Queue()
        self._thread = ConsumerThread(
            configs.consumer, subscription, assignments, self._ready.put_nowait, log
        )
        self._is_started = False
        self._is_stopped = False

    async def get(self) -> RecordBatch | None:
        """Wait for the next batch; the first call subscribes.

        Raises:
            OffsetOutOfRangeError: the committed offset has left the log.
            ClaimxError: the consumer cannot go on.
        """
        if not self._is_started:
            self._is_started = True
            self._thread.start()
        item = await self._ready.get()
        if isinstance(item, ClaimxError):
            raise item
        if self._is_stopped or item is None:
            return None
        if item.items:
            self._thread.taken()
        return item

    @property
    def vitals(self) -> KafkaVitals:
        """How the consumer is, for any thread."""
        return self._thread.vitals

    async def commit(self, offsets: Sequence[tuple[Partition, int]], note: str) -> None:
        """Commit frontiers; those of revoked handles are dropped when the command runs.

        Raises:
            TransientError: ``kafka.*``.
        """
        try:
            async with asyncio.timeout(_COMMIT_S):
                await self._thread.commit(offsets, note)
        except TimeoutError as error:
            raise TransientError("kafka.commit", f"no answer within {_COMMIT_S:.0f} s") from error

    def pause(self, partition: Partition) -> None:
        """Stop fetching one partition; its prefetch is thrown away, membership is kept."""
        self._thread.set_slow(partition, is_slow=True)

    def resume(self, partition: Partition) -> None:
        """Fetch it again."""
        self._thread.set_slow(partition, is_slow=False)

    async def lag(self) -> int:
        """Records of the assigned partitions that are not committed yet.

        Asked through a client of its own: behind the consumer's long fetches each answer would take half a second.

        Raises:
            TransientError: ``kafka.lag``.
        """
        self._admin.poll(0)  # what it has to say waits there, in an outage more and more
        owned = self._thread.owned()
        if not owned:
            raise TransientError("kafka.lag", "no partition is assigned")
        ends = await asyncio.to_thread(self._ends, [(p.topic, p.number) for p in owned])
        return sum(max(0, ends[p.topic, p.number] - p.committed) for p in owned)

    def _ends(self, places: Sequence[Place]) -> dict[Place, int]:
        wanted = {TopicPartition(*place): OffsetSpec.latest() for place in places}  # type: ignore[no-untyped-call]
        try:
            asked = self._admin.list_offsets(wanted, request_timeout=_BROKER_S)
            return {
                (where.topic, where.partition): future.result(_BROKER_S).offset
                for where, future in asked.items()
            }
        except KafkaException as error:
            raise TransientError("kafka.lag", error.args[0].str()) from error
        except TimeoutError as error:
            raise TransientError("kafka.lag", "the broker does not answer") from error

    def stop(self) -> None:
        """End intake; commits still go through."""
        self._is_stopped = True
        self._thread.stop()
        self._ready.put_nowait(None)

    async def close(self) -> None:
        """Leave the group and end the thread; one that does not come back from a frozen broker is left behind."""
        self._is_stopped = True
        if not self._is_started:
            return
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._thread.close()
        except TimeoutError:
            self._log.warning("kafka.abandoned", topics=list(self.topics), after_s=_CLOSE_S)


_PROTOCOLS: Mapping[str, Config] = {
    "classic": {"partition.assignment.strategy": "cooperative-sticky"},
    "consumer": {"group.protocol": "consumer"},
}
"""Of both, rebalances are incremental."""
_HABITS: Mapping[str, Config] = {"classic": {}, "consumer": {"group.remote.assignor": "range"}}
"""What ``[kafka.client]`` may change. The broker's own choice, uniform, may give one member all of a topic."""


class Configs(NamedTuple):
    """Of the consumer, and of the client that asks for end offsets."""

    consumer: Config
    admin: Config


def source_configs(
    settings: KafkaSettings, stage: str, instance: str, prefetch_bytes: int, log: Log
) -> Configs:
    """Configure a consumer that commits only what it is told to, and says so where records have gone.

    Args:
        prefetch_bytes: bound of librdkafka's queue.
    """
    client = client_config(settings, f"{instance}.{stage}", log)
    consumer = {
        **_HABITS[settings.group_protocol],
        **client,
        "group.id": f"{settings.group_id}.{stage}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "statistics.interval.ms": INTERVAL_MS,
        "isolation.level": "read_committed",
        **_PROTOCOLS[settings.group_protocol],
        "queued.max.messages.kbytes": max(1, prefetch_bytes // _KIB),
        "fetch.message.max.bytes": min(prefetch_bytes, 1024 * _KIB),
        "fetch.max.bytes": prefetch_bytes,
    }
    return Configs(consumer, client)
