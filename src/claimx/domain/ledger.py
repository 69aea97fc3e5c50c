"""The two ledgers of I1: records per source topic, and rows of the delay queue."""

import msgspec

from claimx.domain.outcomes import Outcome


class TopicCounts(msgspec.Struct):
    """``received`` is the sum of the others and what is in flight, at every moment of a process run."""

    received: int = 0
    committed: int = 0
    forwarded: int = 0
    parked: int = 0
    dead_lettered: int = 0
    skipped: int = 0
    revoked: int = 0

    def settled(self, outcome: Outcome, count: int = 1) -> None:
        """Count records by their outcome."""
        name = outcome.label
        setattr(self, name, getattr(self, name) + count)

    def violation(self, in_flight: int) -> str | None:
        """What is wrong with the sum, or None."""
        done = (
            self.committed + self.forwarded + self.parked + self.dead_lettered + self.skipped + self.revoked
        )
        if self.received == done + in_flight:
            return None
        return f"received {self.received} is not {done} + {in_flight} in flight: {self}"


class DelayCounts(msgspec.Struct):
    """``carried_over + parked = resolved + dead_lettered + dropped + waiting``, in rows inserted and deleted."""

    carried_over: int = 0
    parked: int = 0
    resolved: int = 0
    dead_lettered: int = 0
    dropped: int = 0

    def violation(self, waiting: int) -> str | None:
        """What is wrong with the sum, or None."""
        left, right = (
            self.carried_over + self.parked,
            self.resolved + self.dead_lettered + self.dropped + waiting,
        )
        return None if left == right else f"delay queue: {left} in is not {right} out and waiting: {self}"
