"""The engine under a virtual clock: many seeds hold every invariant, and seeded bugs are found."""

import contextlib

import pytest

from simulation.bugs import BUGS
from simulation.many import many

SEEDS = 3000


@pytest.mark.timeout(900)
def test_three_thousand_histories_hold_every_invariant() -> None:
    failed = [(seed, problem) for seed, problem, _, _ in many(0, SEEDS) if problem is not None]
    assert not failed, f"replay one with: make replay SEED=N\n{failed[:10]}"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", sorted(BUGS))
def test_a_seeded_bug_is_found_within_three_thousand_histories(bug: str) -> None:
    with contextlib.closing(many(0, SEEDS, bug)) as results:
        found = next((seed for seed, problem, _, _ in results if problem is not None), None)
    assert found is not None


@pytest.mark.parametrize("seed", [3, 17])
def test_a_seed_replays_exactly(seed: int) -> None:
    again = [result[1:] for result, *_ in (list(many(seed, seed + 1)) for _ in range(2))]
    assert again[0] == again[1]
    assert again[0][1] > 100  # steps: something happened
