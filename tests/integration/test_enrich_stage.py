"""The enrich stage against the simulator: an event whose answer names another project, one that names no file."""

from collections.abc import Sequence

import msgspec
import pytest

from claimx.adapters.clock import WallClock
from claimx.adapters.memory import MemoryDeadLetters, MemoryDelayQueue
from claimx.config import tree
from claimx.domain.tasks import EnrichmentTask, Origin, decode_task
from claimx.domain.times import SECOND
from claimx.ports.delay import DelayRow
from claimx.sandbox.simulator.faults import Rule
from claimx.sandbox.simulator.world import World
from support.bursts import Stage, stage_of

WORLD = World(1)
HERE = WORLD.project(5)
THERE = next(project for project in map(WORLD.project, range(6, 20)) if project.tasks)
LONG_AGO = 1_768_146_100_000_000
FAR = 2**62


def task_of(event_type: str, project_id: int, ingested_at: int = LONG_AGO, **ids: str) -> EnrichmentTask:
    return EnrichmentTask("e1", event_type, str(project_id), ingested_at, Origin("t", 0, 1), LONG_AGO, **ids)


def keys(stage: Stage, table: str) -> set[object]:
    return {key[0] for key in stage.lake.state.rows[table]}


async def parked(delay: MemoryDelayQueue) -> Sequence[DelayRow]:
    leased, _ = await delay.lease(FAR, 100, ("enrich",))
    return [each.row for each in leased]


OF_ANOTHER = task_of(
    "CUSTOM_TASK_ASSIGNED",
    HERE.project_id,
    task_assignment_id=str(THERE.tasks[0].assignment_id),
)


async def test_an_assignment_of_another_project_brings_that_one_s_rows_first() -> None:
    async with stage_of(tree.Enrich()) as stage:
        await stage.take([OF_ANOTHER])
        assert keys(stage, "claimx_projects") == {str(HERE.project_id), str(THERE.project_id)}
        assert keys(stage, "claimx_tasks") == {THERE.tasks[0].assignment_id}
        calls = stage.flow.runtime.counters.api_calls
        await stage.take([msgspec.structs.replace(OF_ANOTHER, event_id="e2")])
        assert stage.flow.runtime.counters.api_calls == calls + 1, "both projects are known"


@pytest.mark.parametrize(("status", "code"), [(403, "api.403"), (404, "project.not_found"), (500, "api.5xx")])
async def test_a_project_that_the_api_refuses_takes_no_row_of_an_assignment_with_it(
    status: int, code: str
) -> None:
    letters, delay = MemoryDeadLetters(), MemoryDelayQueue()
    async with stage_of(tree.Enrich(), dead_letters=letters, delay=delay) as stage:
        stage.faults.replace([Rule("status", at=("project",), ids=(str(THERE.project_id),), status=status)])
        await stage.take([OF_ANOTHER])
        assert keys(stage, "claimx_tasks") == {THERE.tasks[0].assignment_id}
        assert keys(stage, "claimx_projects") == {str(HERE.project_id)}
    waiting = [(row.task.child, row.code) for row in await parked(delay)]
    buried = [
        (decode_task(letter.value).child, dict(letter.headers)["claimx-error-code"].decode())
        for letter in letters.letters
    ]
    assert waiting + buried == [(f"project:{THERE.project_id}", code)]


async def test_a_young_event_that_names_no_file_looks_again_for_what_has_come_since() -> None:
    hidden = str(HERE.media[0].media_id)
    delay, now = MemoryDelayQueue(), WallClock().now()
    everything = {str(media.media_id) for media in HERE.media}
    async with stage_of(tree.Enrich(), delay=delay) as stage:
        stage.faults.replace([Rule("hidden", ids=(hidden,), seconds=600)])
        await stage.take([task_of("PROJECT_FILE_ADDED", HERE.project_id, now)])
        assert keys(stage, "claimx_attachment_metadata") == everything - {hidden}
        (row,) = await parked(delay)
        assert isinstance(row.task, EnrichmentTask)
        assert (row.code, row.task.asked, row.task.attempt) == ("media.may_come", 1, 1)
        assert set(row.task.seen or ()) == everything - {hidden}
        stage.faults.replace([])
        await stage.take([msgspec.structs.replace(row.task, first_tried_at=now)], is_retry=True)
        assert keys(stage, "claimx_attachment_metadata") == everything
        assert stage.sunk[-1:] == [hidden], "what was seen is not fetched again"
        (row,) = await parked(delay)
        assert isinstance(row.task, EnrichmentTask)
        assert set(row.task.seen or ()) == everything - {hidden}, (
            "a row tells of nothing that may be lost yet"
        )


@pytest.mark.parametrize(
    "task",
    [
        task_of("PROJECT_FILE_ADDED", HERE.project_id, WallClock().now() - 301 * SECOND),
        task_of(
            "PROJECT_FILE_ADDED",
            HERE.project_id,
            WallClock().now(),
            media_id=str(HERE.media[0].media_id),
        ),
        msgspec.structs.replace(task_of("PROJECT_FILE_ADDED", HERE.project_id, WallClock().now()), seen=None),
    ],
    ids=["an old one", "one that names its file", "one behind which no event stands"],
)
async def test_another_event_about_files_is_done_at_once(task: EnrichmentTask) -> None:
    delay = MemoryDelayQueue()
    async with stage_of(tree.Enrich(), delay=delay) as stage:
        await stage.take([task])
        assert stage.sunk
    assert not await parked(delay)
