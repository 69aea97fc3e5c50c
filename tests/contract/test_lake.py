"""What every lake promises."""

from collections.abc import AsyncGenerator
from itertools import permutations

import pytest

from claimx.domain.rows import Row
from claimx.domain.times import DAY, SECOND
from claimx.errors import RowsRejectedError
from support.lakes import NOW, InMemory, KeptLake, OnDisk, event, line, opened, project


@pytest.fixture(params=["memory", "delta"])
async def kept(request, tmp_path) -> AsyncGenerator[KeptLake, None]:
    if request.param == "memory":
        yield InMemory()
        return
    on_disk = OnDisk(tmp_path / "lake")
    await opened(on_disk.lake)
    yield on_disk
    await on_disk.lake.close()


async def test_an_event_is_there_once_however_often_it_comes(kept):
    for _ in range(3):
        await kept.lake.merge_events([event("v1:a"), event("v1:b", NOW + SECOND)], NOW)
    await kept.lake.merge_events([event("v1:b", NOW + SECOND), event("v1:c", NOW - 3 * DAY)], NOW)
    assert kept.event_ids() == ["v1:a", "v1:b", "v1:c"]


async def test_a_given_id_that_comes_with_another_time_is_the_same_event(kept):
    await kept.lake.merge_events([event("a", is_id_given=True)], NOW)
    for days in (-7, -1, 0, 1, 7):
        await kept.lake.merge_events([event("a", NOW + days * DAY, is_id_given=True)], NOW)
    assert kept.event_ids() == ["a"]


async def test_a_batch_of_many_days_and_both_kinds_of_id_is_all_there(kept):
    batch = [
        event(f"{day}/{given}", NOW - day * DAY, is_id_given=given)
        for day in range(4)
        for given in (True, False)
    ]
    for _ in range(2):
        await kept.lake.merge_events(batch, NOW)
    assert len(kept.event_ids()) == 8


async def test_rows_are_merged_by_the_policies_of_their_columns(kept):
    await kept.lake.merge(
        "claimx_projects",
        [project(status="Active", city="Oslo", fetched_at=NOW, created_at=NOW, contents_task_sent=False)],
    )
    await kept.lake.merge(
        "claimx_projects", [project(master_file_name="M", master_file_name_source="event 5")]
    )
    await kept.lake.merge("claimx_projects", [project(contents_task_sent=True, contents_task_at=NOW + 9)])
    await kept.lake.merge(
        "claimx_projects",
        [
            project(
                status="Closed", fetched_at=NOW + SECOND, created_at=NOW - SECOND, contents_task_at=NOW + 4
            )
        ],
    )
    await kept.lake.merge("claimx_projects", [project(status="Stale", city="Rome", fetched_at=NOW + 1)])
    (row,) = kept.rows("claimx_projects")
    assert {name: value for name, value in row.items() if value is not None} == {
        "project_id": "5395115",
        "status": "Closed",
        "fetched_at": NOW + SECOND,
        "created_at": NOW - SECOND,
        "master_file_name": "M",
        "master_file_name_source": "event 5",
        "contents_task_sent": True,
        "contents_task_at": NOW + 4,
    }


ARRIVALS = [
    project(status="Old", city="Oslo", fetched_at=NOW, created_at=NOW, updated_at=NOW, event_id="e1"),
    project(status="New", fetched_at=NOW + 2, created_at=NOW + 2, updated_at=NOW + 2, event_id="e2"),
    project(master_file_name="M", master_file_name_source="event 1", updated_at=NOW + 1, event_id="e3"),
    project(contents_task_sent=True, contents_task_at=NOW + 3, updated_at=NOW + 3, event_id="e4"),
]


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
async def test_the_order_of_arrival_does_not_matter(kept, order):
    for number in order:
        await kept.lake.merge("claimx_projects", [ARRIVALS[number], project("1", fetched_at=NOW)])
    row = next(row for row in kept.rows("claimx_projects") if row["project_id"] == "5395115")
    told = ("status", "city", "master_file_name", "contents_task_sent", "event_id", "created_at")
    assert [row[name] for name in told] == ["New", None, "M", True, "e4", NOW]


async def test_full_and_partial_rows_go_in_one_merge(kept):
    await kept.lake.merge("claimx_projects", [project("1", city="Oslo", fetched_at=NOW), project("2")])
    await kept.lake.merge(
        "claimx_projects",
        [project("1", contents_task_sent=True), project("2", city="Rome", fetched_at=NOW), project("3")],
    )
    found = {
        row["project_id"]: (row["city"], row["contents_task_sent"]) for row in kept.rows("claimx_projects")
    }
    assert found == {"1": ("Oslo", True), "2": ("Rome", None), "3": (None, None)}


async def test_a_redo_of_every_write_but_the_log_changes_nothing(kept):
    rows = [project("1", city="Oslo", fetched_at=NOW), project("2", contents_task_at=NOW)]
    await kept.lake.merge("claimx_projects", rows)
    before = kept.rows("claimx_projects")
    await kept.lake.merge("claimx_projects", rows)
    assert kept.rows("claimx_projects") == before


async def test_a_bad_row_is_rejected_and_its_neighbours_are_taken_without_it(kept):
    bad = event("v1:bad", raw_data="\ud800")
    with pytest.raises(RowsRejectedError):
        await kept.lake.merge_events([event("v1:a"), bad, event("v1:b")], NOW)
    with pytest.raises(RowsRejectedError):
        await kept.lake.merge_events([bad], NOW)
    await kept.lake.merge_events([event("v1:a"), event("v1:b")], NOW)
    assert kept.event_ids() == ["v1:a", "v1:b"]


async def test_a_bad_row_of_an_entity_is_rejected(kept):
    with pytest.raises(RowsRejectedError):
        await kept.lake.merge("claimx_projects", [project("1"), project("2", city="\udfff")])
    await kept.lake.merge("claimx_projects", [project("1")])
    assert [row["project_id"] for row in kept.rows("claimx_projects")] == ["1"]


async def test_the_log_is_a_history_in_which_work_done_twice_has_two_lines(kept):
    await kept.lake.append_log([line("a", 1), line("b", 2)])
    await kept.lake.append_log([line("b", 2)])
    assert kept.log() == [("a", 1), ("b", 2), ("b", 2)]


async def test_a_contact_is_told_apart_by_both_parts_of_its_key(kept):
    keys = [("c1", "1"), ("c1", "2"), ("c2", "1")]
    for _ in range(2):
        rows = [Row("claimx_contacts", {"contact_id": contact, "project_id": of}) for contact, of in keys]
        await kept.lake.merge("claimx_contacts", rows)
    found = sorted((row["contact_id"], row["project_id"]) for row in kept.rows("claimx_contacts"))
    assert found == keys


async def test_the_clocks_of_projects_are_those_of_the_rows_that_an_answer_wrote(kept):
    await kept.lake.merge(
        "claimx_projects",
        [
            project("1", fetched_at=NOW),
            project("2", master_file_name="M", master_file_name_source="event 0"),
            project("3", fetched_at=NOW + 7),
            project("it's", fetched_at=NOW + 1),
        ],
    )
    asked = ["3", "1", "1", "2", "4", "it's"]
    assert await kept.lake.projects_fetched_at(asked) == {"1": NOW, "3": NOW + 7, "it's": NOW + 1}
    assert await kept.lake.projects_fetched_at([]) == {}
    assert await kept.lake.projects_fetched_at(["4"]) == {}
    await kept.lake.merge(
        "claimx_projects", [project("1", fetched_at=NOW + SECOND), project("4", fetched_at=5)]
    )
    assert await kept.lake.projects_fetched_at(["1", "4"]) == {"1": NOW + SECOND, "4": 5}
