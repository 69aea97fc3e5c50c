"""When dead letters are too many."""

import asyncio

import pytest

from claimx.config.tree import Flood
from claimx.domain.outcomes import Outcome
from claimx.stages.flood import FloodGate
from claimx.telemetry.log import configure


def gate_of(**limits: float) -> FloodGate:
    return FloodGate(Flood(**limits), configure("error", "json"))


async def held(gate: FloodGate) -> bool:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await gate.admit()
    return True


async def test_letters_in_a_row_are_held_until_a_record_settles_otherwise() -> None:
    gate = gate_of(max_consecutive=3)
    for _ in range(3):
        await gate.admit()
    assert gate.reason == "consecutive"
    assert await held(gate)
    gate.settled(Outcome.COMMITTED, 1)
    async with asyncio.timeout(1):
        await gate.admit()
    assert gate.reason is None


async def test_letters_in_a_minute_are_held_until_the_minute_is_over() -> None:
    gate = gate_of(max_per_minute=2)
    for _ in range(2):
        await gate.admit()
        gate.settled(Outcome.COMMITTED, 1)
    assert gate.reason == "per_minute"
    assert await held(gate)
    gate._minute[0] -= 60
    assert gate.reason is None


async def test_a_ratio_says_nothing_before_a_hundred_records() -> None:
    gate = gate_of(max_ratio=0.1)
    gate.settled(Outcome.DEAD_LETTERED, 50)
    assert gate.reason is None
    gate.settled(Outcome.COMMITTED, 60)
    assert gate.reason == "ratio"
    gate.settled(Outcome.COMMITTED, 440)
    assert gate.reason is None


async def test_what_is_parked_tells_nothing() -> None:
    gate = gate_of(max_consecutive=1)
    await gate.admit()
    gate.settled(Outcome.PARKED, 1)
    assert gate.reason == "consecutive"


async def test_a_drain_does_not_wait_for_the_end_of_a_flood() -> None:
    gate = gate_of(max_consecutive=1)
    await gate.admit()
    async with asyncio.timeout(1):
        await gate.passed(lambda: True)
    assert gate.reason == "consecutive"
