"""Lines that repeat are told a few times, then now and then, with how many were left out."""

import threading
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

from claimx.telemetry.events import EVENTS, Repeats

_MOST_KEYS = 1000
"""Beyond so many kinds of lines, those of one event and level share a bucket."""


class Limit(NamedTuple):
    """A bucket of ``burst`` lines, into which one comes back every ``every_s`` seconds."""

    burst: int
    every_s: float


LIMITS: dict[Repeats, Limit] = {"limited": Limit(100, 1.0), "noisy": Limit(5, 10.0)}
"""Of outcomes of items, and of what an outage repeats. What is ``always`` told has none."""

Key = tuple[object, ...]


class _Bucket:
    __slots__ = ("filled_at", "lines", "suppressed")

    def __init__(self, lines: int, now: float) -> None:
        self.lines = float(lines)
        self.filled_at = now
        self.suppressed = 0


class TokenBuckets:
    """One bucket for each event, level, stage and code. May be asked by any thread.

    Args:
        now: seconds that only grow.
    """

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self.suppressed = 0
        """Lines that were left out so far."""
        self._now = now
        self._lock = threading.Lock()
        self._buckets: dict[Key, _Bucket] = {}

    def admit(self, event: str, level: str, stage: object, code: object) -> int | None:
        """Whether a line may be told: how many like it were left out since the last one, or None: it may not."""
        declared = EVENTS.get(event)
        limit = LIMITS.get("limited" if declared is None else declared.repeats)
        if limit is None or level == "debug":
            return 0
        with self._lock:
            now = self._now()
            bucket = self._bucket((event, level, stage, code), limit, now)
            bucket.lines = min(limit.burst, bucket.lines + (now - bucket.filled_at) / limit.every_s)
            bucket.filled_at = now
            if bucket.lines < 1:
                bucket.suppressed += 1
                self.suppressed += 1
                return None
            bucket.lines -= 1
            suppressed, bucket.suppressed = bucket.suppressed, 0
            return suppressed

    def _bucket(self, key: Key, limit: Limit, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= _MOST_KEYS:
                key = (*key[:2], None, None)
            bucket = self._buckets.setdefault(key, _Bucket(limit.burst, now))
        return bucket
