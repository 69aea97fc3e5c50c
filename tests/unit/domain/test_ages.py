"""The age of the oldest record that is not committed."""

from claimx.domain.ages import Ages
from claimx.domain.times import SECOND


def test_what_is_committed_has_no_age() -> None:
    ages = Ages()
    assert ages.oldest(0) is None
    ages.note(0, 10, 5 * SECOND, 0)
    assert ages.oldest(10) is None


def test_the_oldest_record_is_that_at_the_committed_offset() -> None:
    ages = Ages()
    for batch in range(5):
        ages.note(batch * 10, batch * 10 + 10, batch * 60 * SECOND, 0)
    assert ages.oldest(0) == 0
    assert ages.oldest(9) == 0
    assert ages.oldest(10) == 60 * SECOND
    assert ages.oldest(49) == 240 * SECOND


def test_batches_of_one_second_share_a_mark_and_committed_ones_are_forgotten() -> None:
    ages = Ages()
    for batch in range(1000):
        ages.note(batch, batch + 1, batch * SECOND // 100, 0)
    assert len(ages._marks) == 10
    assert ages.oldest(999) == 9 * SECOND
    ages.note(1000, 1001, 60 * SECOND, 1000)
    assert ages.oldest(1000) == 60 * SECOND
    assert len(ages._marks) == 2  # the one before stands until the next batch


def test_a_gap_before_the_first_record_changes_nothing() -> None:
    ages = Ages()
    ages.note(105, 110, 3 * SECOND, 100)
    assert ages.oldest(100) == 3 * SECOND
