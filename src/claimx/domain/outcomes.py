"""How a receipt may end, and what a failure makes of an item."""

from dataclasses import dataclass
from enum import Enum, IntEnum

from claimx.domain.backoff import RetryPolicy
from claimx.errors import (
    AuthError,
    DependencyDownError,
    ExpiredUrlError,
    ItemError,
    NotFoundError,
    SpoolLostError,
    ThrottledError,
    TransientError,
)


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


class Wait(Enum):
    """Why an item waits, and so what the pass costs it."""

    ATTEMPT = "attempt"
    """It failed: the pass counts."""
    NOT_VISIBLE = "not_visible"
    """The API does not show it yet: counted apart."""
    OUTAGE = "outage"
    """It was the probe of an open circuit, or its spool file is lost: nothing counts, but it ages, so that it ends."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Park the item for ``delay_s`` seconds."""

    code: str
    delay_s: float
    wait: Wait


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
        return _not_visible(error, tries, policy)
    if isinstance(error, SpoolLostError) and tries.age_s < policy.max_age_s:
        return RetryLater(error.code, 0.0, Wait.OUTAGE)
    if not isinstance(error, TransientError | AuthError | ExpiredUrlError):
        return BuryIt(error.code, error.detail)
    is_down = isinstance(error, DependencyDownError)
    if tries.age_s >= policy.max_age_s or (tries.attempt > len(policy.delays_s) and not is_down):
        return BuryIt(f"{error.code}.exhausted", error.detail)
    if isinstance(error, DependencyDownError):
        return RetryLater(error.code, error.retry_after_s, Wait.OUTAGE)
    delay = policy.delay(tries.attempt, unit)
    if isinstance(error, ThrottledError):
        delay = max(delay, error.retry_after_s)
    return RetryLater(error.code, delay, Wait.ATTEMPT)


def _not_visible(error: NotFoundError, tries: Tries, policy: RetryPolicy) -> Verdict:
    if tries.age_s >= policy.visibility_s:
        return BuryIt(error.code, error.detail)
    return RetryLater(error.code, policy.visibility_delay(tries.asked), Wait.NOT_VISIBLE)
