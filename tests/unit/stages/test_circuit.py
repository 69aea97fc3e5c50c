"""The breaker: distinct items open it, any answer closes it, one probe at a time."""

import asyncio

import pytest

from claimx.config.tree import Circuit as CircuitSettings
from claimx.stages.circuit import Circuit, State
from claimx.telemetry.counters import Counters


class Told:
    def __init__(self) -> None:
        self.events: list[str] = []
        self.fields: dict[str, dict[str, object]] = {}

    def debug(self, event: str, **fields: object) -> None:
        self.events.append(event)
        self.fields[event] = fields

    info = warning = error = debug


@pytest.fixture
def log() -> Told:
    return Told()


def circuit_of(log: Told, reset_s: float = 0.01) -> Circuit:
    return Circuit("api", CircuitSettings(failures=3, reset_s=reset_s), log, Counters())


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
    assert log.events == ["circuit.opened", "circuit.half_opened", "circuit.closed"]


async def test_a_failed_probe_opens_again_and_the_next_one_is_another(log: Told) -> None:
    circuit = await opened(log)
    async with asyncio.timeout(5):
        assert await circuit.enter() is True
        circuit.failed("a", is_probe=True)
        assert circuit.state is State.OPEN
        assert await circuit.enter() is True


async def test_every_transition_is_told_with_how_long_it_was_open(log: Told) -> None:
    circuit = await opened(log)
    async with asyncio.timeout(5):
        await circuit.enter()
        circuit.failed("a", is_probe=True)
        await circuit.enter()
    circuit.answered()
    assert log.events == [
        "circuit.opened",
        "circuit.half_opened",
        "circuit.reopened",
        "circuit.half_opened",
        "circuit.closed",
    ]
    assert log.fields["circuit.opened"] == {"dependency": "api", "reason": "failures", "count": 3}
    assert log.fields["circuit.closed"]["probes"] == 2
    for event in ("circuit.half_opened", "circuit.reopened", "circuit.closed"):
        open_s = log.fields[event]["open_s"]
        assert isinstance(open_s, float)
        assert open_s >= 0


async def test_a_credential_refused_for_one_project_is_that_project_s_matter(log: Told) -> None:
    circuit = circuit_of(log)
    for _ in range(100):
        circuit.refused("5395115", is_probe=False)
    assert not circuit.is_open


async def test_a_credential_refused_for_two_projects_pauses_all_until_a_probe_is_answered(log: Told) -> None:
    circuit = circuit_of(log)
    circuit.refused("5395115", is_probe=False)
    circuit.refused("5395116", is_probe=False)
    async with asyncio.timeout(5):
        assert await circuit.enter() is True
        circuit.refused("5395117", is_probe=True)
        assert circuit.state is State.OPEN
        assert await circuit.enter() is True
    circuit.answered()
    assert not circuit.is_open


async def test_a_success_between_two_refusals_forgets_the_first(log: Told) -> None:
    circuit = circuit_of(log)
    circuit.refused("5395115", is_probe=False)
    circuit.answered()
    circuit.refused("5395116", is_probe=False)
    assert not circuit.is_open


async def test_a_dependency_that_asks_for_more_patience_than_the_reset_time_gets_it(log: Told) -> None:
    circuit = circuit_of(log, reset_s=0.01)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for item in "abc":
        circuit.failed(item, is_probe=False, patience_s=0.2)
    async with asyncio.timeout(5):
        assert await circuit.enter() is True
    assert loop.time() >= began + 0.2


async def test_every_transition_is_counted() -> None:
    counters = Counters()
    circuit = Circuit("api", CircuitSettings(failures=1, reset_s=0.01), Told(), counters)
    circuit.failed("a", is_probe=False)
    async with asyncio.timeout(5):
        await circuit.enter()
    circuit.answered()
    assert counters.circuit_transitions == {
        ("api", "open"): 1,
        ("api", "half_open"): 1,
        ("api", "closed"): 1,
    }
