"""The partitions that this process owns, and the first ledger of I1."""

from collections import Counter

from claimx.domain.ledger import TopicCounts
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import Partition, Receipt
from claimx.domain.times import Micros
from claimx.stages.pool import Waiters


class Partitions:
    """Implements ports.source.Assignments. An assignment ends the one before it, whatever became of the revoke.

    Args:
        max_ahead: offsets that a partition may run ahead of its frontier.
    """

    def __init__(self, max_ahead: int) -> None:
        self.max_ahead = max_ahead
        self.owned: dict[tuple[str, int], Partition] = {}
        self.counts: dict[str, TopicCounts] = {}
        self.changes: Counter[str] = Counter()
        """Partitions assigned and revoked."""
        self.notes: list[str] = []
        """Metadata of the commits that partitions started from, not judged yet."""
        self.changed = Waiters()
        self.moved = Waiters()
        self.is_dirty = False

    def assigned(self, topic: str, number: int, start: int, note: str) -> Partition:
        """Begin a partition at ``start`` and return its handle."""
        old = self.owned.get((topic, number))
        if old is not None:
            self.revoked(old)
        partition = self.owned[topic, number] = Partition(topic, number, start, note)
        self.counts.setdefault(topic, TopicCounts())
        self.changes["assigned"] += 1
        if note:
            self.notes.append(note)
        return partition

    def revoked(self, partition: Partition) -> int:
        """Fence a partition and return its frontier."""
        frontier = partition.frontier()
        if partition.revoked:
            return frontier
        partition.revoked = True
        self.changes["revoked"] += 1
        self.counts[partition.topic].revoked += partition.unsettled
        if self.owned.get((partition.topic, partition.number)) is partition:
            del self.owned[partition.topic, partition.number]
        self.moved.wake()
        return frontier

    def begin(self, receipt: Receipt) -> None:
        """Track a receipt of one of these partitions."""
        if receipt.partition is not None:
            receipt.partition.begin(receipt)
            self.counts[receipt.partition.topic].received += receipt.count

    def settle(self, receipt: Receipt) -> None:
        """Settle the offset, or the offsets, of a receipt whose partition is ours."""
        partition = receipt.partition
        if partition is None:
            return
        receipt.is_settled = True
        partition.settled(receipt)
        counts = self.counts[partition.topic]
        counts.settled(receipt.outcome, receipt.count - len(receipt.buried))
        counts.settled(Outcome.DEAD_LETTERED, len(receipt.buried))
        self.touch()

    def touch(self) -> None:
        """Note that a frontier may have moved."""
        self.is_dirty = True
        self.changed.wake()
        self.moved.wake()

    def in_flight(self, topic: str) -> int:
        """Records of a topic that are received and not settled; may be asked from any thread."""
        return sum(p.unsettled for p in list(self.owned.values()) if p.topic == topic)

    def times(self) -> tuple[Micros | None, Micros | None]:
        """When the oldest record that is not committed, and the newest one that is, were written to Kafka."""
        oldest = [p.ages.oldest(p.committed) for p in self.owned.values()]
        newest = [p.ages.newest(p.committed) for p in self.owned.values()]
        return (
            min((at for at in oldest if at is not None), default=None),
            max((at for at in newest if at is not None), default=None),
        )

    def violation(self) -> str | None:
        """What breaks I1 at this moment, or None."""
        for topic, counts in self.counts.items():
            problem = counts.violation(self.in_flight(topic))
            if problem:
                return f"{topic}: {problem}"
        return None
