"""What the simulator has seen and served."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Stats:
    """Counts since the start. Concurrency is of requests being answered, slow bodies included."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.files: Counter[int] = Counter()
        self.highest: Counter[str] = Counter()
        self._open: Counter[str] = Counter()

    @contextmanager
    def counting(self, endpoint: str, side: str) -> Iterator[None]:
        """Count one request while it is being answered."""
        self.requests[endpoint] += 1
        self._open[side] += 1
        self.highest[side] = max(self.highest[side], self._open[side])
        try:
            yield
        finally:
            self._open[side] -= 1

    def as_json(self, struck: Counter[str]) -> dict[str, object]:
        """Write the counts down; files are keyed by media id and count whole or partial bodies."""
        return {
            "requests": dict(self.requests),
            "statuses": dict(self.statuses),
            "highest_concurrency": dict(self.highest),
            "under_way": dict(self._open),
            "files_served": self.files.total(),
            "per_media": {str(media_id): number for media_id, number in self.files.items()},
            "faults": {kind: number for kind, number in struck.items() if number},
        }
