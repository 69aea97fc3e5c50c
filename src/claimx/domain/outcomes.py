"""How a receipt may end, and what a failure makes of an item."""

from dataclasses import dataclass
from enum import IntEnum

from claimx.domain.backoff import RetryPolicy
from claimx.errors import AuthError, ExpiredUrlError, ItemError, NotFoundError, ThrottledError, TransientError


class Outcome(IntEnum):
    """The five ends of a receipt; with mixed children the larger one wins."""

    SKIPPED = 0
    COMMITTED = 1
    FORWARDED = 2
    PARKED = 3
    DEAD_LETTERED = 4

    @property
    def label(self) -> str:
        """The word used in the event log, the summary and the metrics."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Park the item for ``delay_s`` seconds; ``counted`` says whether this pass was an attempt."""

    code: str
    delay_s: float
    counted: bool


@dataclass(frozen=True, slots=True)
class BuryIt:
    """Give the item up: dead letter."""

    code: str
    detail: str


Verdict = RetryLater | BuryIt


@dataclass(frozen=True, slots=True)
class Tries:
    """What an item has behind it.

    Args:
        attempt: passes through the stage, this one included (>= 1).
        asked: times it was asked for before it was visible.
        age_s: seconds since the first try, less the time that a circuit was open.
    """

    attempt: int
    asked: int
    age_s: float


def judge(error: ItemError, tries: Tries, policy: RetryPolicy, unit: float) -> Verdict:
    """Decide what a failed item becomes. Pure: same arguments, same verdict.

    Args:
        error: what the stage or adapter raised.
        tries: what the item has behind it.
        policy: delays and limits.
        unit: random draw in [0, 1) for the jitter.
    """
    if isinstance(error, NotFoundError):
        delay = policy.visibility_delay(tries.asked)
        if tries.age_s < policy.visibility_s:
            return RetryLater(error.code, delay, counted=False)
        return BuryIt(error.code, error.detail)
    if not isinstance(error, TransientError | AuthError | ExpiredUrlError):
        return BuryIt(error.code, error.detail)
    if tries.attempt > len(policy.delays_s) or tries.age_s >= policy.max_age_s:
        return BuryIt(f"{error.code}.exhausted", error.detail)
    delay = policy.delay(tries.attempt, unit)
    if isinstance(error, ThrottledError):
        delay = max(delay, error.retry_after_s)
    return RetryLater(error.code, delay, counted=True)
