"""Records from Kafka, batch by batch, and the commands that go back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from claimx.domain.events import Event, Malformed, Tombstone
from claimx.domain.receipts import Partition
from claimx.domain.results import ResultRecord
from claimx.domain.tasks import TaskRecord
from claimx.domain.times import Micros

Item = Event | TaskRecord | ResultRecord | Malformed | Tombstone
"""A decoded record: of claimx.events.raw an event, of a pending topic a task, of the results topic a result."""


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Decoded records of one partition, in the order of their offsets; may be empty.

    Args:
        position: the offset after all that the consumer has seen, trailing transaction markers included.
        size_bytes: the sum of the items' sizes.
        times: when the first and the last of them were written, by Kafka's clock; None where nobody knows.
    """

    partition: Partition
    items: Sequence[Item]
    position: int
    size_bytes: int
    times: tuple[Micros, Micros] | None = None


class Assignments(Protocol):
    """What a source tells the engine. Called on the event loop, in order with the batches."""

    def assigned(self, topic: str, number: int, start: int, note: str) -> Partition:
        """Begin a partition at ``start`` and return its handle; an older handle of it ends.

        Args:
            note: the metadata of its committed offset; empty where there is none.
        """
        ...

    def revoked(self, partition: Partition) -> int:
        """Fence a partition and return the frontier, which the caller may still commit while it owns it."""
        ...


@dataclass(frozen=True, slots=True)
class KafkaVitals:
    """How a consumer is, as far as it knows without asking.

    Args:
        polled_at: when it last came back from the broker client, by the event loop's clock; None: it does not run.
        brokers_up: connections to brokers that stand; None: not told yet.
        ends: the high watermark of each assigned partition that was fetched from; a few seconds old.
    """

    polled_at: float | None = None
    brokers_up: int | None = None
    ends: Mapping[tuple[str, int], int] = field(default_factory=dict)


class Source(Protocol):
    """One consumer: of the topics that one stage takes in."""

    topics: Sequence[str]

    @property
    def vitals(self) -> KafkaVitals:
        """How it is; may be asked from any thread, and costs nothing."""
        ...

    async def get(self) -> RecordBatch | None:
        """Wait for the next batch; None when stopped.

        Raises:
            ClaimxError: the consumer cannot go on.
        """
        ...

    async def commit(self, offsets: Sequence[tuple[Partition, int]], note: str) -> None:
        """Commit frontiers; those of revoked handles are dropped when the command would run.

        Args:
            note: the metadata of these commits, and of those that a revoke makes from now on.

        Raises:
            TransientError: ``kafka.commit``, the broker did not take it (all of it counts as not committed).
        """
        ...

    def pause(self, partition: Partition) -> None:
        """Stop fetching one partition; group membership is kept."""
        ...

    def resume(self, partition: Partition) -> None:
        """Fetch it again."""
        ...

    async def lag(self) -> int:
        """Records of the assigned partitions that are not committed yet.

        Raises:
            TransientError: ``kafka.lag``, the broker does not answer, or partitions are not assigned yet.
        """
        ...

    def stop(self) -> None:
        """End intake: ``get`` returns None from now on; commits still go through."""
        ...

    async def close(self) -> None:
        """Leave the group; to be called after the last commit."""
        ...
