"""How long Kafka's absence is borne, and what ends the wait at once; under a virtual clock."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from claimx.errors import ClaimxError, KafkaGoneError, KafkaRefusedError, TopicsAbsentError
from claimx.stages.outage import Outage
from claimx.telemetry.log import configure
from simulation.simloop import SimLoop

GONE, REFUSED, ABSENT = (
    KafkaGoneError("b:9092"),
    KafkaRefusedError("b:9092", "look"),
    TopicsAbsentError("raw"),
)
Wait = Callable[[Outage], Awaitable[None]]


class Story:
    """What each look finds, one after the other; the last one stays."""

    def __init__(self, *found: ClaimxError | None) -> None:
        self.left = list(found)
        self.looks = 0

    async def check(self) -> None:
        self.looks += 1
        found = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if found is not None:
            raise found


@pytest.fixture
def loop() -> Iterator[SimLoop]:
    loop = SimLoop(lambda: 0.0)
    yield loop
    loop.close()


def ended(loop: SimLoop, story: Story, wait: Wait, outage_s: float = 60.0) -> Outage:
    """Let it wait for up to a thousand seconds."""
    outage = Outage(story.check, outage_s, configure("error", "json"))

    async def bounded() -> None:
        async with asyncio.timeout(1000):
            await wait(outage)

    loop.run_until_complete(bounded())
    return outage


@pytest.mark.parametrize(
    ("found", "looks"),
    [((None,), 1), ((GONE, GONE, None), 3), ((REFUSED, None), 2), ((REFUSED, GONE, None), 3)],
)
def test_the_start_waits_for_brokers_and_bears_one_refusal(
    loop: SimLoop, found: tuple[ClaimxError | None, ...], looks: int
) -> None:
    story = Story(*found)
    assert ended(loop, story, Outage.until_there).reason is None
    assert story.looks == looks


@pytest.mark.parametrize(
    ("found", "seconds"),
    [((REFUSED,), 1.0), ((ABSENT,), 0.0), ((GONE, ABSENT), 1.0), ((GONE,), 60.0)],
)
def test_the_start_ends_with_what_no_waiting_helps_against(
    loop: SimLoop, found: tuple[ClaimxError, ...], seconds: float
) -> None:
    with pytest.raises(type(found[-1])):
        ended(loop, Story(*found), Outage.until_there)
    assert loop.time() == seconds


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        ((None, GONE), 15.0 + 60.0),
        ((None, REFUSED), 15.0 + 60.0),
        ((None, REFUSED, GONE), 15.0 + 60.0),
        ((None, ABSENT), 15.0 + 2.0),
        ((ABSENT, None, ABSENT, ABSENT, None, GONE), 1.0 + 15.0 + 2.0 + 15.0 + 60.0),
    ],
)
def test_a_run_ends_when_it_has_lasted(
    loop: SimLoop, found: tuple[ClaimxError | None, ...], seconds: float
) -> None:
    assert found[-1] is not None
    with pytest.raises(type(found[-1])):
        ended(loop, Story(*found), Outage.watch)
    assert loop.time() == seconds


@pytest.mark.parametrize("wait", [Outage.until_there, Outage.watch])
def test_a_budget_of_nothing_waits_for_ever(loop: SimLoop, wait: Wait) -> None:
    with pytest.raises(TimeoutError):
        ended(loop, Story(GONE), wait, outage_s=0.0)


def test_an_outage_that_ends_counts_no_more(loop: SimLoop) -> None:
    story = Story(*[GONE] * 50, None, *[GONE] * 50, None)
    with pytest.raises(TimeoutError):
        ended(loop, story, Outage.watch)
