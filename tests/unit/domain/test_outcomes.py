"""The verdicts, as a table."""

import pytest

from claimx.domain.backoff import RetryPolicy, quick_delay, redo_delay
from claimx.domain.outcomes import BuryIt, Outcome, RetryLater, Tries, Wait, judge
from claimx.errors import (
    AuthError,
    DependencyDownError,
    ExpiredUrlError,
    ItemError,
    NotFoundError,
    PermanentError,
    PoisonError,
    ThrottledError,
    TransientError,
)

POLICY = RetryPolicy((300.0, 600.0, 1200.0, 2400.0), max_age_s=604_800.0, visibility_s=300.0)
HALF = 0.5  # no jitter


@pytest.mark.parametrize(
    ("error", "tries", "verdict"),
    [
        (TransientError("a.x"), Tries(1, 0, 0), RetryLater("a.x", 300.0, Wait.ATTEMPT)),
        (TransientError("a.x"), Tries(4, 0, 5000), RetryLater("a.x", 2400.0, Wait.ATTEMPT)),
        (TransientError("a.x", "d"), Tries(5, 0, 9000), BuryIt("a.x.exhausted", "d")),
        (TransientError("a.x"), Tries(2, 0, 604_800), BuryIt("a.x.exhausted", "")),
        (
            ThrottledError("a.429", retry_after_s=900),
            Tries(1, 0, 0),
            RetryLater("a.429", 900.0, Wait.ATTEMPT),
        ),
        (ThrottledError("a.429", retry_after_s=1), Tries(1, 0, 0), RetryLater("a.429", 300.0, Wait.ATTEMPT)),
        (DependencyDownError("a.x", retry_after_s=60), Tries(1, 0, 0), RetryLater("a.x", 60, Wait.OUTAGE)),
        (DependencyDownError("a.x", retry_after_s=60), Tries(5, 0, 100), RetryLater("a.x", 60, Wait.OUTAGE)),
        (DependencyDownError("a.x", retry_after_s=60), Tries(1, 0, 604_800), BuryIt("a.x.exhausted", "")),
        (AuthError("a.401"), Tries(1, 0, 0), RetryLater("a.401", 300.0, Wait.ATTEMPT)),
        (ExpiredUrlError("f.403"), Tries(1, 0, 0), RetryLater("f.403", 300.0, Wait.ATTEMPT)),
        (NotFoundError("m.nf"), Tries(1, 0, 0), RetryLater("m.nf", 5.0, Wait.NOT_VISIBLE)),
        (NotFoundError("m.nf"), Tries(1, 3, 200), RetryLater("m.nf", 120.0, Wait.NOT_VISIBLE)),
        (NotFoundError("m.nf"), Tries(1, 9, 299), RetryLater("m.nf", 120.0, Wait.NOT_VISIBLE)),
        (NotFoundError("m.nf", "d"), Tries(1, 9, 300), BuryIt("m.nf", "d")),
        (PermanentError("a.403", "d"), Tries(1, 0, 0), BuryIt("a.403", "d")),
        (PoisonError("e.x"), Tries(1, 0, 0), BuryIt("e.x", "")),
    ],
)
def test_the_class_of_the_error_decides(error: ItemError, tries: Tries, verdict: object) -> None:
    assert judge(error, tries, POLICY, HALF) == verdict


@pytest.mark.parametrize(("unit", "delay"), [(0.0, 240.0), (0.5, 300.0), (0.9999, 359.98)])
def test_jitter_is_a_fifth_either_way(unit: float, delay: float) -> None:
    assert POLICY.delay(1, unit) == pytest.approx(delay, abs=0.1)


def test_quick_tries_are_between_a_fifth_of_a_second_and_two() -> None:
    assert quick_delay(0.0) == 0.2
    assert quick_delay(1.0) == 2.0


@pytest.mark.parametrize(("tries", "delay"), [(0, 0.1), (1, 0.2), (5, 3.2), (6, 5.0), (10_000, 5.0)])
def test_redo_waits_double_and_are_capped(tries: int, delay: float) -> None:
    assert redo_delay(tries, 5.0, HALF) == pytest.approx(delay)


def test_the_larger_outcome_wins() -> None:
    ranked = [Outcome.SKIPPED, Outcome.COMMITTED, Outcome.FORWARDED, Outcome.PARKED, Outcome.DEAD_LETTERED]
    assert sorted(ranked) == ranked
    assert Outcome.DEAD_LETTERED.label == "dead_lettered"
