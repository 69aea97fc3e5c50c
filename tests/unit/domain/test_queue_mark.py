"""What offset commits tell of the delay queue, as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx.domain.queue_mark import QueueMark, encode, judge

HERE = QueueMark("0123456789abcdef", 100)
LOST = QueueMark("fedcba9876543210", 7)


def test_metadata_is_short_ascii() -> None:
    text = encode("x" * 64, QueueMark("f" * 16, 10**18 - 1))
    assert text.isascii()
    assert len(text) <= 120


@pytest.mark.parametrize(
    ("metadata", "problems"),
    [
        ([], []),
        ([encode("claimx-0", HERE)], []),
        ([encode("claimx-0", HERE._replace(sequence=99)), encode("claimx-0", HERE)], []),
        ([encode("claimx-0", HERE._replace(sequence=101))], ["tell of 101: truncated, or restored"]),
        (
            [encode("claimx-0", HERE._replace(sequence=n)) for n in (101, 103, 102)],
            ["tell of 103: truncated, or restored"],
        ),
        ([encode("claimx-0", LOST)], ["they name fedcba9876543210, with 7 rows inserted"]),
        ([encode("claimx-0", LOST)] * 3, ["lost, or replaced"]),
        (
            [encode("claimx-0", LOST), encode("claimx-0", HERE._replace(sequence=101))],
            ["lost, or replaced", "truncated, or restored"],
        ),
        ([encode("claimx-1", LOST), encode("claimx-", LOST), encode("laimx-0", LOST)], []),
        (["", "\x00", "claimx-delay/1", "claimx-delay/1 claimx-0 fedcba9876543210 -1"], []),
        (["claimx-delay/2 claimx-0 fedcba9876543210 7", encode("claimx-0", LOST) + " 1"], []),
        (["claimx-delay/1 claimx-0 fedcba9876543210 " + "9" * 5000], []),
        (["claimx-delay/1 claimx-0 fedcba9876543210 ٣", '{"claimx-0": 1}'], []),
    ],
)
def test_an_entry_of_this_instance_that_the_file_does_not_bear_out_is_a_problem(
    metadata: list[str], problems: list[str]
) -> None:
    found = judge("claimx-0", HERE, metadata)
    assert len(found) == len(problems)
    for text, part in zip(found, problems, strict=True):
        assert part in text
        assert "claimx-0" in text


@given(st.lists(st.text()))
def test_whatever_others_write_is_ignored(metadata: list[str]) -> None:
    assert judge("claimx-0", HERE, metadata) == []


@given(
    st.from_regex(r"\A[A-Za-z0-9._-]{1,64}\Z"),
    st.lists(st.integers(0, 10**18 - 1), min_size=1),
    st.integers(0, 10**18 - 1),
)
def test_only_a_sequence_above_the_file_s_is_a_problem(instance: str, told: list[int], sequence: int) -> None:
    texts = [encode(instance, HERE._replace(sequence=n)) for n in told]
    assert bool(judge(instance, HERE._replace(sequence=sequence), texts)) == (max(told) > sequence)
