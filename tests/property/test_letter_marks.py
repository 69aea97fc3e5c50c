"""Marks of dead letters: what is added is kept, and what is written comes back, in the bytes that a broker takes."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx.domain.letter_marks import MAX_TEXT, Mark, Marks, Run, Stored, decode, encode
from claimx.errors import EngineError

NOW = 1_700_000_000_000_000
SPAN = 120
runs = st.builds(
    lambda start, length, mark: Run(start, start + length, mark),
    st.integers(0, SPAN - 20),
    st.integers(1, 20),
    st.sampled_from(Mark),
)


def model(added: list[Run]) -> dict[int, Mark]:
    marked: dict[int, Mark] = {}
    for run in added:
        for offset in range(run.start, run.end):
            marked.setdefault(offset, run.mark)
    return marked


@given(st.lists(runs, max_size=30), st.integers(0, SPAN))
def test_marks_are_a_map_of_offsets_in_which_the_first_mark_stays(added: list[Run], low: int) -> None:
    marks, wanted = Marks(added), model(added)
    assert {o: marks.at(o) for o in range(SPAN)} == {o: wanted.get(o) for o in range(SPAN)}
    assert marks.frontier(low) == next(o for o in range(low, SPAN + 1) if o not in wanted)
    ordered = marks.runs
    assert all(a.end < b.start or (a.end == b.start and a.mark is not b.mark) for a, b in pairwise(ordered))


@given(st.lists(runs, max_size=30), st.integers(0, SPAN))
def test_what_is_written_is_read_again_from_the_low_watermark_on(added: list[Run], low: int) -> None:
    marks = Marks(added)
    stored = encode(marks, low, NOW)
    assert stored is not None
    assert stored.offset == marks.frontier(low)
    again = decode(stored)
    assert [again.at(o) for o in range(low, SPAN)] == [marks.at(o) for o in range(low, SPAN)]
    assert again.written_at is not None
    assert 0 <= NOW - again.written_at < 3_600_000_000


@given(st.sets(st.integers(0, 5000), max_size=3000), st.integers(100, MAX_TEXT))
def test_whatever_form_fits_what_is_done_stays_done_and_what_is_open_stays_open(
    done: set[int], limit: int
) -> None:
    marks = Marks(Run(offset, offset + 1, Mark.REPLAYED) for offset in done)
    stored = encode(marks, 0, NOW, limit)
    if stored is None:
        return
    assert len(stored.text) <= limit
    again = decode(stored)
    assert {o for o in range(5001) if again.at(o) is not None} == done


def test_ten_thousand_letters_of_one_partition_marked_at_random_fit() -> None:
    luck = random.Random(1)
    done = [offset for offset in range(10_000) if luck.random() < 0.5]
    stored = encode(Marks(Run(o, o + 1, Mark.REPLAYED) for o in done), 0, NOW)
    assert stored is not None
    again = decode(stored)
    assert [o for o in range(10_000) if again.at(o) is not None] == done


def test_a_million_letters_done_in_order_take_a_few_bytes_and_keep_how() -> None:
    stored = encode(Marks([Run(0, 900_000, Mark.REPLAYED), Run(900_000, 1_000_000, Mark.PURGED)]), 0, NOW)
    assert stored is not None
    assert len(stored.text) < 40
    assert (decode(stored).at(899_999), decode(stored).at(999_999)) == (Mark.REPLAYED, Mark.PURGED)


def test_what_fits_in_no_form_is_said() -> None:
    luck = random.Random(1)
    marks = Marks(Run(o, o + 1, Mark.PURGED) for o in range(60_000) if luck.random() < 0.5)
    assert encode(marks, 0, NOW) is None


def test_an_offset_that_somebody_set_by_hand_is_done_below() -> None:
    assert decode(Stored(7, "")).runs == (Run(0, 7, Mark.DONE),)
    assert decode(Stored(-1001, "")).runs == ()


@pytest.mark.parametrize(
    "text", ["2 0 a0:", "hello", "1 0 a0:x1", "1 0 a0:r", "1 0 b0:~~~", "1 0 a0:r1 r2", "1 0 b0:00"]
)
def test_metadata_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(EngineError, match="commit metadata"):
        decode(Stored(1, text))
