"""Which projects are fetched before rows that refer to them."""

import pytest

from claimx.adapters.memory import MemoryLake
from claimx.config import tree
from claimx.domain.rows import Row
from claimx.domain.times import SECOND, Micros
from claimx.errors import LakeError
from claimx.stages.projects import Projects
from support.flows import flow_of, settings_of

TTL_S = 60.0


class Clock:
    def __init__(self) -> None:
        self.time: Micros = 1_768_146_000_000_000

    def now(self) -> Micros:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def projects_of(clock: Clock, lake: MemoryLake) -> Projects:
    settings = settings_of(enrich=tree.Enrich(project_ttl_s=TTL_S))
    return flow_of(settings, clock=clock, lake=lake).projects


async def test_a_project_in_the_table_is_known_until_its_answer_is_too_old(clock: Clock) -> None:
    lake = MemoryLake()
    await lake.merge(
        "claimx_projects", [Row("claimx_projects", {"project_id": "1", "fetched_at": clock.time})]
    )
    assert await projects_of(clock, lake).unknown(["1", "2"]) == ["2"]
    clock.time += int(TTL_S * SECOND)
    assert await projects_of(clock, lake).unknown(["1"]) == ["1"]


async def test_a_project_of_which_only_a_flag_is_known_is_fetched(clock: Clock) -> None:
    lake = MemoryLake()
    row = Row("claimx_projects", {"project_id": "1", "xa_autolink_fail": True})
    await lake.merge("claimx_projects", [row])
    assert await projects_of(clock, lake).unknown(["1"]) == ["1"]


async def test_a_project_is_fetched_by_one_event_at_a_time_and_is_known_when_its_row_rides(
    clock: Clock,
) -> None:
    projects = projects_of(clock, MemoryLake())
    assert await projects.unknown(["1"]) == ["1"]
    assert await projects.unknown(["1"]) == []
    projects.learn("1", clock.time)
    projects.ended("1", is_settled=True)
    assert await projects.unknown(["1"]) == []


async def test_a_fetch_that_failed_is_left_to_its_own_retry_for_a_while(clock: Clock) -> None:
    projects = projects_of(clock, MemoryLake())
    assert await projects.unknown(["1"]) == ["1"]
    projects.ended("1", is_settled=True)
    assert await projects.unknown(["1"]) == []
    clock.time += 300 * SECOND
    assert await projects.unknown(["1"]) == ["1"]


async def test_a_fetch_that_was_dropped_is_begun_again_by_the_next_event(clock: Clock) -> None:
    projects = projects_of(clock, MemoryLake())
    assert await projects.unknown(["1"]) == ["1"]
    projects.ended("1", is_settled=False)
    assert await projects.unknown(["1"]) == ["1"]


async def test_a_row_that_the_lake_refused_makes_no_project_known(clock: Clock) -> None:
    projects = projects_of(clock, MemoryLake())
    projects.learn("1", clock.time)
    projects.forget("1")
    assert await projects.unknown(["1"]) == ["1"]


async def test_a_table_that_cannot_be_read_holds_nobody_up(clock: Clock) -> None:
    class Broken(MemoryLake):
        async def projects_fetched_at(self, project_ids):
            raise LakeError("no")

    assert await projects_of(clock, Broken()).unknown(["1", "2"]) == ["1", "2"]
