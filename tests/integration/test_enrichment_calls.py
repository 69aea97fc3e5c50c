"""How many calls a burst costs: counted by the simulator, against what the rules of batching predict."""

from collections.abc import Sequence
from random import Random

import pytest

from claimx.config import tree
from claimx.domain.tasks import EnrichmentTask
from claimx.sandbox.simulator.world import World
from support.bursts import events_of, stage_of

EVENTS, PROJECTS, BATCH = 10_000, 50, 256
_FETCHING = frozenset({"PROJECT_CREATED", "PROJECT_MFN_ADDED", "POLICYHOLDER_INVITED"})


def predicted(tasks: Sequence[EnrichmentTask]) -> int:
    """At most: in each batch one media call, one report and one project call for each project that needs it.

    And one pre-flight for each project, once.
    """
    calls = len({task.project_id for task in tasks})
    for start in range(0, len(tasks), BATCH):
        batch = tasks[start : start + BATCH]
        calls += len(
            {("project" if t.event_type in _FETCHING else t.event_type, t.project_id) for t in batch}
        )
    return calls


@pytest.mark.timeout(120)
@pytest.mark.parametrize("is_shuffled", [False, True], ids=["bursts of one project", "all projects mixed"])
async def test_ten_thousand_events_of_fifty_projects_cost_no_more_calls_than_the_rules_say(is_shuffled: bool):
    rng = Random(7)
    tasks = events_of(World(1), EVENTS, PROJECTS, rng)
    if is_shuffled:
        rng.shuffle(tasks)
    async with stage_of(tree.Enrich(batch_items=BATCH)) as stage:
        await stage.take(tasks)
        counters, stats = stage.flow.runtime.counters, stage.simulator.stats
        calls = stats.requests.total()
        assert calls == counters.api_calls <= predicted(tasks)
        assert calls < (EVENTS / 2 if is_shuffled else EVENTS / 30)
        assert counters.api_calls_saved >= EVENTS - calls
        assert counters.batched_events == EVENTS
        assert stats.highest["api"] <= 20
        assert len(stage.lake.state.rows["claimx_projects"]) == PROJECTS
        named = {task.media_id for task in tasks if task.media_id}
        assert {key[0] for key in stage.lake.state.rows["claimx_attachment_metadata"]} == named
