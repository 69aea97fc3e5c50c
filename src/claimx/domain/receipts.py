"""What a record in flight must settle, and the frontier of each partition. Pure; one event loop owns it."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from claimx.domain.events import Event
from claimx.domain.outcomes import Outcome
from claimx.domain.tasks import Origin
from claimx.domain.times import Micros

Key = tuple[str, str, str]
"""The work that a receipt began with: (stage, event_id, child)."""


class Lease(NamedTuple):
    """A taken delay row: what it is deleted by."""

    origin: Origin
    child: str
    token: int


class Partition:
    """One assignment of one partition. Every assignment makes a new handle, so late results cannot reach the next.

    Only delivered offsets are tracked, so that gaps (compaction, transaction markers) cost nothing.

    Args:
        start: the first offset that will be delivered.
        note: the metadata of the commit that it starts from.
    """

    __slots__ = ("_queue", "committed", "note", "number", "position", "revoked", "topic", "unsettled")

    def __init__(self, topic: str, number: int, start: int, note: str = "") -> None:
        self.topic = topic
        self.number = number
        self.position = start
        self.committed = start
        self.note = note
        self.revoked = False
        self.unsettled = 0
        self._queue: deque[Receipt] = deque()

    def begin(self, receipt: "Receipt") -> None:
        """Track a receipt; receipts come in the order of their offsets."""
        self._queue.append(receipt)
        self.unsettled += receipt.count

    def settled(self, receipt: "Receipt") -> None:
        """Count a receipt of this partition as settled."""
        self.unsettled -= receipt.count

    def frontier(self) -> int:
        """The lowest offset not settled, or the position if there is none: what may be committed.

        Cost: O(1) amortised.
        """
        queue = self._queue
        while queue and queue[0].is_settled:
            queue.popleft()
        return queue[0].offset if queue else self.position

    @property
    def oldest(self) -> "Receipt | None":
        """What holds the frontier back."""
        return self._queue[0] if self._queue else None

    def ahead(self) -> int:
        """Offsets between the frontier and the position: how much a crash would deliver again."""
        return self.position - self.frontier()


class Receipt:
    """What one record, one run of records with one fate, or one lease must settle.

    It counts open children (rows, work handed on) and settles once, with the largest outcome among them.

    Args:
        origin: the first raw record; for a run, its first record.
        partition: the handle whose offset it settles; None for a lease.
        lease: the delay row it deletes; None for a record.
        run: the events of a run that shares one fate; empty for a single record.
    """

    __slots__ = (
        "api_calls",
        "attempts",
        "began_at",
        "buried",
        "error_code",
        "event_id",
        "event_type",
        "is_broken",
        "is_settled",
        "joined",
        "key",
        "lease",
        "open",
        "origin",
        "outcome",
        "partition",
        "project_id",
        "run",
        "size_bytes",
        "stage",
    )

    def __init__(
        self,
        origin: Origin,
        size_bytes: int,
        began_at: Micros,
        *,
        partition: Partition | None = None,
        lease: Lease | None = None,
        run: Sequence[Event] = (),
    ) -> None:
        self.origin = origin
        self.size_bytes = size_bytes
        self.began_at = began_at
        self.partition = partition
        self.lease = lease
        self.run = run
        self.open = 1
        self.outcome = Outcome.SKIPPED
        self.key: Key | None = None
        self.joined: tuple[Receipt, ...] = ()
        self.is_settled = False
        self.is_broken = False
        self.event_id: str | None = None
        self.event_type: str | None = None
        self.project_id: str | None = None
        self.stage = "ingest"
        self.attempts = 1
        self.api_calls = 0
        self.error_code: str | None = None
        self.buried: dict[str, str] = {}  # event ids of a run that alone were dead-lettered, and why

    @classmethod
    def of(
        cls,
        partition: Partition,
        offset: int,
        size_bytes: int,
        began_at: Micros,
        *,
        run: Sequence[Event] = (),
    ) -> Self:
        """Begin the receipt of one record of a partition, or of a run that begins with it."""
        origin = Origin(partition.topic, partition.number, offset)
        return cls(origin, size_bytes, began_at, partition=partition, run=run)

    @property
    def offset(self) -> int:
        """The lowest offset that it holds back."""
        return self.origin.offset

    @property
    def count(self) -> int:
        """Records that it settles."""
        return len(self.run) or 1

    @property
    def is_fenced(self) -> bool:
        """Its partition is another process's now: it settles nothing."""
        return self.partition is not None and self.partition.revoked

    @property
    def is_wanted(self) -> bool:
        """Somebody who may still settle waits for its work."""
        return not self.is_fenced or any(not other.is_fenced for other in self.joined)


class InFlight:
    """The map of receipts in flight, and a bounded memory of the keys that this process has committed.

    Args:
        memory: how many committed keys are remembered.
    """

    def __init__(self, memory: int = 100_000) -> None:
        self._memory = memory
        self._map: dict[Key, Receipt] = {}
        self._recent: OrderedDict[Key, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._map)

    def enlist(self, receipt: Receipt, key: Key) -> bool:
        """Say whether the receipt's work is to be done: True, or it joined a receipt of the same work: False."""
        receipt.key = key
        first = self._map.get(key)
        if first is not None:
            first.joined = (*first.joined, receipt)
            return False
        self._map[key] = receipt
        return True

    def has(self, receipt: Receipt) -> bool:
        """Whether a receipt of the same work could join this one."""
        return receipt.key is not None and self._map.get(receipt.key) is receipt

    def was_committed(self, key: Key) -> bool:
        """Whether this process has settled that work as committed."""
        return key in self._recent

    def seal(self, receipt: Receipt) -> None:
        """Let nobody join any more: before work leaves for a topic, a delay row or a dead letter.

        Who carries that work could come back here, join, and settle by an outcome that stands on itself.
        """
        if receipt.key is not None and self.has(receipt):
            del self._map[receipt.key]

    def drop(self, receipt: Receipt) -> None:
        """Note that work of the receipt was left undone: nobody may join it, and its key is never remembered."""
        receipt.is_broken = True
        self.seal(receipt)

    def close(self, receipt: Receipt, outcome: Outcome) -> Iterable[Receipt]:
        """Close one child; when it was the last, return the receipt and all that joined it, with their outcome.

        Every effect of the receipt is durable then; what is left is its log line and its settlement.
        """
        receipt.outcome = max(receipt.outcome, outcome)
        receipt.open -= 1
        if receipt.open > 0:
            return ()
        if receipt.open < 0:
            raise AssertionError(f"a child of {receipt.origin} closed twice")
        self.seal(receipt)
        if receipt.outcome is Outcome.COMMITTED and not receipt.is_broken and receipt.key is not None:
            self._remember(receipt.key)
        for other in receipt.joined:
            other.outcome = receipt.outcome
            other.error_code = receipt.error_code
        return (receipt, *receipt.joined)

    def _remember(self, key: Key) -> None:
        self._recent[key] = None
        if len(self._recent) > self._memory:
            self._recent.popitem(last=False)
