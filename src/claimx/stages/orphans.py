"""Finds records that nobody holds any more: they can never settle, so their partition would stand for ever."""

import sys

from claimx.domain.receipts import InFlight, Partition, Receipt
from claimx.domain.tasks import Origin
from claimx.stages.partitions import Partitions


class Orphans:
    """Looks at what holds each frontier back.

    Whoever works on a receipt, or lets it wait, refers to it: a queue, a task, a flush. One to which only its partition
    refers is in nobody's hands, whatever the bug was that lost it (docs/decisions/0020). So no loop keeps a name for what
    it has handed on.
    """

    def __init__(self, partitions: Partitions, in_flight: InFlight) -> None:
        self._partitions = partitions
        self._in_flight = in_flight
        self._suspects: frozenset[Origin] = frozenset()
        self._none = _references(_with_an_orphan())

    def look(self) -> list[Origin]:
        """The records that were orphans at this look and the last one; for the event loop's thread."""
        found = frozenset(
            partition.oldest.origin
            for partition in self._partitions.owned.values()
            if partition.oldest is not None and self._is_orphan(partition)
        )
        both, self._suspects = found & self._suspects, found
        return sorted(both)

    def _is_orphan(self, partition: Partition) -> bool:
        partition.frontier()  # leaves behind what has settled
        oldest = partition.oldest
        if oldest is None:
            return False
        is_joinable = self._in_flight.has(oldest)
        del oldest
        return _references(partition) - is_joinable <= self._none


def _references(partition: Partition) -> int:
    oldest = partition.oldest
    return sys.getrefcount(oldest)


def _with_an_orphan() -> Partition:
    partition = Partition("", 0, 0)
    partition.begin(Receipt.of(partition, 0, 0, 0))
    return partition
