"""When a failed item is tried again."""

from dataclasses import dataclass

_VISIBILITY_DELAYS_S = (5.0, 15.0, 45.0, 120.0)
_QUICK_MIN_S, QUICK_MAX_S = 0.2, 2.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays and limits of the delay queue.

    Args:
        delays_s: one delay for each counted failure; four delays are five tries.
        max_age_s: an item older than this is given up.
        visibility_s: how long a thing that the API does not show is asked for again.
    """

    delays_s: tuple[float, ...]
    max_age_s: float
    visibility_s: float

    def delay(self, attempt: int, unit: float) -> float:
        """Seconds until the try after ``attempt`` (>= 1) failed ones, with 20 % of jitter either way."""
        return self.delays_s[min(attempt, len(self.delays_s)) - 1] * (0.8 + 0.4 * unit)

    @staticmethod
    def visibility_delay(asked: int) -> float:
        """Seconds until a thing is asked for again that was not visible ``asked`` times before."""
        return _VISIBILITY_DELAYS_S[min(asked, len(_VISIBILITY_DELAYS_S) - 1)]


def quick_delay(unit: float) -> float:
    """Seconds between two tries of one pass, for ``unit`` in [0, 1)."""
    return _QUICK_MIN_S + (QUICK_MAX_S - _QUICK_MIN_S) * unit


def redo_delay(tries: int, cap_s: float, unit: float) -> float:
    """Seconds before an idempotent write is done again after ``tries`` failures: doubling, jittered, capped."""
    return float(min(cap_s, 0.1 * 2.0 ** min(tries, 16))) * (0.5 + unit)
