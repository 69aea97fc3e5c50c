"""The breaker: distinct items open it, any answer closes it, one probe at a time."""

import asyncio

import pytest

from claimx.config.tree import Circuit as CircuitSettings
from claimx.stages.circuit import Circuit, State


class Told:
    def __init__(self) -> None:
        self.events: list[str] = []

    def debug(self, event: str, **fields: object) -> None:
        self.events.append(event)

    info = warning = error = debug


@pytest.fixture
def log() -> Told:
    return Told()


def circuit_of(log: Told, reset_s: float = 0.01) -> Circuit:
    return Circuit("api", CircuitSettings(failures=3, reset_s=reset_s), log)


async def opened(log: Told, reset_s: float = 0.01) -> Circuit:
    circuit = circuit_of(log, reset_s)
    for item in "abc":
        circuit.failed(item, is_probe=False)
    assert circuit.is_open
    return circuit


async def test_one_sick_item_never_looks_like_an_outage(log: Told) -> None:
    circuit = circuit_of(log)
    for _ in range(100):
        circuit.failed("a", is_probe=False)
    assert not circuit.is_open
    assert await circuit.enter() is False


async def test_an_answer_between_starts_the_count_again(log: Told) -> None:
    circuit = circuit_of(log)
    for item in "abababab":
        circuit.failed(item, is_probe=False)
    circuit.answered()
    circuit.failed("c", is_probe=False)
    circuit.failed("d", is_probe=False)
    assert not circuit.is_open


async def test_open_lets_one_probe_through_and_its_answer_lets_all(log: Told) -> None:
    circuit = await opened(log)
    async with asyncio.TaskGroup() as group, asyncio.timeout(5):
        waiting = [group.create_task(circuit.enter()) for _ in range(4)]
        while not any(task.done() for task in waiting):
            await asyncio.sleep(0.001)
        assert [task.result() for task in waiting if task.done()] == [True]
        assert circuit.state is State.HALF_OPEN
        circuit.answered()
    assert sorted(task.result() for task in waiting) == [False, False, False, True]
    assert log.events == ["circuit.opened", "circuit.closed"]


async def test_a_failed_probe_opens_again_and_the_next_one_is_another(log: Told) -> None:
    circuit = await opened(log)
    async with asyncio.timeout(5):
        assert await circuit.enter() is True
        circuit.failed("a", is_probe=True)
        assert circuit.state is State.OPEN
        assert await circuit.enter() is True
