"""The consumer of claimx.events.raw, as the event loop sees it."""

import asyncio
from collections.abc import Sequence

from claimx.adapters.kafka_client import Config, client_config
from claimx.adapters.kafka_thread import ConsumerThread
from claimx.config.tree import Kafka as KafkaSettings
from claimx.domain.receipts import Partition
from claimx.errors import EngineError
from claimx.ports.source import Assignments, RecordBatch
from claimx.telemetry.log import Log

_KIB = 1024


class KafkaSource:
    """Implements ports.source.Source.

    Args:
        config: made by ``consumer_config``.
        assignments: told of every assignment and revoke, on the event loop.
    """

    def __init__(self, config: Config, topic: str, assignments: Assignments, log: Log) -> None:
        self.topic = topic
        self._ready: asyncio.Queue[RecordBatch | EngineError | None] = asyncio.Queue()
        self._thread = ConsumerThread(config, topic, assignments, self._ready.put_nowait, log)
        self._is_started = False
        self._is_stopped = False

    async def get(self) -> RecordBatch | None:
        """Wait for the next batch; the first call subscribes.

        Raises:
            OffsetOutOfRangeError: the committed offset has left the log.
            EngineError: the consumer cannot go on.
        """
        if not self._is_started:
            self._is_started = True
            self._thread.start()
        item = await self._ready.get()
        if isinstance(item, EngineError):
            raise item
        if self._is_stopped or item is None:
            return None
        if item.items:
            self._thread.taken()
        return item

    async def commit(self, offsets: Sequence[tuple[Partition, int]]) -> None:
        """Commit frontiers; those of revoked handles are dropped when the command runs.

        Raises:
            TransientError: ``kafka.*``.
        """
        await self._thread.commit(offsets)

    def pause(self, partition: Partition) -> None:
        """Stop fetching one partition; its prefetch is thrown away, membership is kept."""
        self._thread.set_slow(partition, is_slow=True)

    def resume(self, partition: Partition) -> None:
        """Fetch it again."""
        self._thread.set_slow(partition, is_slow=False)

    async def lag(self) -> int:
        """Records of the assigned partitions that are not committed yet.

        Raises:
            TransientError: ``kafka.*``.
        """
        return await self._thread.lag()

    def stop(self) -> None:
        """End intake; commits still go through."""
        self._is_stopped = True
        self._thread.stop()
        self._ready.put_nowait(None)

    async def close(self) -> None:
        """Leave the group and end the thread."""
        self._is_stopped = True
        if self._is_started:
            await self._thread.close()


def consumer_config(
    settings: KafkaSettings, stage: str, instance: str, prefetch_bytes: int, log: Log
) -> Config:
    """Configure a consumer that commits only what it is told to, and says so where records have gone.

    Args:
        prefetch_bytes: bound of librdkafka's queue.
    """
    return {
        **client_config(settings, f"{instance}.{stage}", log),
        "group.id": f"{settings.group_id}.{stage}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
        "queued.max.messages.kbytes": max(1, prefetch_bytes // _KIB),
        "fetch.message.max.bytes": min(prefetch_bytes, 1024 * _KIB),
        "fetch.max.bytes": prefetch_bytes,
    }
