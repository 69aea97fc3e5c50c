"""Whatever the order, the copies and the batches in which events come, the same tables stand in the end.

All types of events, over several projects, with an API that always answers the same. Clocks, times of writing and
``event_id`` (the event that wrote a row last) tell of the order, and are left out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from claimx.domain.answers import ApiAnswer, ApiRequest, GetMedia, GetProject, GetTask, GetVideos, Json
from claimx.domain.asking import subject_of
from claimx.domain.attachments import attachment_row
from claimx.domain.events import ENRICHED_TYPES, Event, decode
from claimx.domain.files import object_key
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.handlers.registry import needs_project, plan_for
from claimx.domain.rows import Row, Type, Value, collapse
from claimx.domain.tables import TABLES
from claimx.domain.tasks import CachedFile, Origin, enrichment_task, project_task
from claimx.domain.times import SECOND, Micros, parse_time
from claimx.errors import ItemError, PoisonError
from support import payloads
from support.lakes import InMemory, KeptLake, OnDisk, opened
from support.plans import hold

FULL, NAMELESS, UNKNOWN, BARE = "5395115", "5395116", "5395117", "5395118"
BEGINNING: Micros = parse_time("2026-01-12T00:00:00Z") or 0
AT_ONCE: dict[str, Json] = {"ingestedAt": "2026-01-11T15:01:00Z"}
"""Events of one moment: neither is the newer."""
SHUFFLES, SHUFFLES_ON_DISK = 200, 5


def _nameless() -> dict[str, Json]:
    body = payloads.project(NAMELESS)
    body["project"] |= {"mfn": None, "projectNumber": "02"}
    return body


def _bare() -> dict[str, Json]:
    return {
        "project": {"projectId": int(BARE)},
        "teamMembers": [{"userName": "rep@example.com"}, {"userName": " "}],
    }


def _task(assignment_id: str, project_id: str, **link: Json) -> dict[str, Json]:
    body = payloads.assignment(assignment_id, project_id)
    body["externalLinkData"] |= {"linkId": int(assignment_id) + 1, **link}
    return body


PROJECTS: dict[str, Json] = {
    FULL: {"data": payloads.project(FULL)},
    NAMELESS: _nameless(),
    UNKNOWN: None,
    BARE: [_bare()],
}
FILES: dict[str, list[Json]] = {
    FULL: [payloads.media("1"), payloads.media("2") | {"fullDownloadLink": None}, payloads.media("3")],
    NAMELESS: [payloads.media("4") | {"mediaName": "../../same.jpg"}],
    BARE: [],
}
TASKS: dict[str, Json] = {
    "100": _task("100", FULL),
    "101": _task("101", FULL, email="Second@Example.com"),
    "102": _task("102", NAMELESS, email=None),
    "103": _task("103", FULL),  # an event of another project names it
    "104": payloads.assignment("104", UNKNOWN) | {"externalLinkData": None, "customTask": None},
}
CALLS: dict[str, Json] = {
    FULL: {"data": [payloads.video("7"), payloads.video("8") | {"createdDate": "2026-02-01T00:00:00Z"}]},
    NAMELESS: [],
}


def api(request: ApiRequest) -> Json:
    """What the API always says."""
    match request:
        case GetProject(project_id):
            return PROJECTS[project_id]
        case GetMedia(project_id, ids):
            items = FILES.get(project_id)
            return items and [item for item in items if not ids or str(item["mediaID"]) in ids]
        case GetTask(assignment_id):
            return TASKS.get(assignment_id)
        case GetVideos(project_id):
            return CALLS.get(project_id)


def _records() -> list[bytes]:
    """One record of each event, each with a time of its own but for two times two; the API never takes up ONE or TWO."""
    holder = {"email": "PAT.sample@example.com", "firstName": "Patricia", "phone": "null"}
    told: list[tuple[str, str, dict[str, Json]]] = [
        *((kind, project, {}) for kind in ("PROJECT_CREATED", "PROJECT_FILE_ADDED") for project in PROJECTS),
        *(("PROJECT_FILE_ADDED", FULL, {"mediaId": number}) for number in (1, 2, 3, 9)),
        ("PROJECT_FILE_ADDED", NAMELESS, {"mediaId": "4"}),
        ("PROJECT_MFN_ADDED", FULL, {"masterFileName": "0GKVCPF"}),
        ("PROJECT_MFN_ADDED", NAMELESS, {"masterFileName": "OLD"}),
        ("PROJECT_MFN_ADDED", NAMELESS, {"masterFileName": "NEW"}),
        ("PROJECT_MFN_ADDED", BARE, {}),
        *(("PROJECT_MFN_ADDED", FULL, {"masterFileName": name} | AT_ONCE) for name in ("ONE", "TWO")),
        ("CUSTOM_TASK_ASSIGNED", FULL, {"taskAssignmentId": 100}),
        ("CUSTOM_TASK_COMPLETED", FULL, {"taskAssignmentId": "100"}),
        ("CUSTOM_TASK_ASSIGNED", FULL, {"taskAssignmentId": 101}),
        ("CUSTOM_TASK_COMPLETED", NAMELESS, {"taskAssignmentId": 102}),
        ("CUSTOM_TASK_ASSIGNED", BARE, {"taskAssignmentId": 103}),
        ("CUSTOM_TASK_ASSIGNED", UNKNOWN, {"taskAssignmentId": 104}),
        ("CUSTOM_TASK_ASSIGNED", BARE, {"taskAssignmentId": 999}),
        *((f"POLICYHOLDER_{what}", project, {}) for what in ("JOINED", "INVITED") for project in PROJECTS),
        ("POLICYHOLDER_INVITED", NAMELESS, holder),
        ("POLICYHOLDER_JOINED", UNKNOWN, holder),
        ("POLICYHOLDER_INVITED", BARE, {"email": "new@example.com"}),
        ("POLICYHOLDER_INVITED", BARE, {"email": "new@example.com", "lastName": "Sample"}),
        *(
            (
                "POLICYHOLDER_INVITED",
                BARE,
                {"email": "new@example.com", "firstName": name, "eventId": name} | AT_ONCE,
            )
            for name in ("Kim", "Kit")
        ),
        ("VIDEO_COLLABORATION_INVITE_SENT", FULL, {"videoCollaborationId": 7}),
        ("VIDEO_COLLABORATION_COMPLETED", FULL, {"videoCollaborationId": "7"}),
        ("VIDEO_COLLABORATION_INVITE_SENT", FULL, {}),
        ("VIDEO_COLLABORATION_INVITE_SENT", BARE, {"videoCollaborationId": 9}),
        ("VIDEO_COLLABORATION_COMPLETED", NAMELESS, {}),
        *(
            (kind, project, {})
            for kind in ("PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL", "PERSONAL_PROPERTY_TASK_SHARED")
            for project in (FULL, UNKNOWN, FULL)
        ),
        ("PROJECT_CONVERSATION_UPDATED", FULL, {}),
        ("SOMETHING_NEW", BARE, {}),
        ("PROJECT_CREATED", "no number", {}),
    ]
    return [
        json.dumps(
            {"eventType": kind, "projectId": project, "ingestedAt": f"2026-01-11T15:00:{n:02}Z", **more}
        ).encode()
        for n, (kind, project, more) in enumerate(told)
    ]


RECORDS = _records()


@dataclass
class Engine:
    """What the stages do, in any order that a seed wants.

    Args:
        kept: where rows go.
        rng: decides what may be either way: which answers are shared, which projects are still fresh.
    """

    kept: KeptLake
    rng: Random
    now: Micros = BEGINNING
    fetched: set[str] = field(default_factory=set)
    answers: dict[object, ApiAnswer] = field(default_factory=dict)

    async def take(self, batch: Sequence[bytes]) -> None:
        """Handle one batch: decode, converse, fold, merge."""
        self.answers.clear()
        events = [event for event in map(decoded, batch) if event is not None]
        await self.kept.lake.merge_events(
            list({event.event_id: event for event in events}.values()), self._later()
        )
        rows = [row for event in events if event.is_enriched for row in self._rows(event)]
        self.rng.shuffle(rows)
        for name, table in TABLES.items():
            if mine := collapse(table, [row for row in rows if row.table == name]):
                await self.kept.lake.merge(name, mine)

    def _rows(self, event: Event) -> list[Row]:
        task = enrichment_task(event, Origin("claimx.events.raw", 0, 0), self._later())
        rows: list[Row] = []
        if needs_project(task) and (task.project_id not in self.fetched or self.rng.random() < 0.5):
            rows += self._held(plan_for(project_task(task, self.now), is_last_ask=True)).rows
        enrichment = self._held(plan_for(task, is_last_ask=True))
        if enrichment.refers_to is not None:
            rows += self._held(
                plan_for(project_task(task, self.now, enrichment.refers_to), is_last_ask=True)
            ).rows
        files = [CachedFile(download, 1000, "f" * 64) for download in enrichment.downloads]
        stored = [
            attachment_row(
                file,
                object_key(file.project_id, file.download.media_id, file.download.file_name),
                self._later(),
            )
            for file in files
        ]
        return [*rows, *enrichment.rows, *stored]

    def _held(self, plan: Plan) -> Enrichment:
        try:
            return hold(plan, self._ask)
        except ItemError:
            return Enrichment([])

    def _ask(self, request: ApiRequest) -> ApiAnswer:
        subject = subject_of(request)
        if subject in self.answers and self.rng.random() < 0.5:
            return self.answers[subject]
        answer = payloads.answer(api(request), self._later())
        if isinstance(request, GetProject) and answer.body is not None:
            self.fetched.add(request.project_id)
        if not isinstance(request, GetMedia) or not request.media_ids:
            self.answers[subject] = answer
        return answer

    def _later(self) -> Micros:
        self.now += self.rng.choice((0, 1, SECOND))
        return self.now


def decoded(record: bytes) -> Event | None:
    try:
        return decode(record, 0, BEGINNING, None)
    except PoisonError:
        return None


EVENT_COLUMNS = [
    column.name
    for column in TABLES["claimx_events"].columns
    if column.name not in {"created_at", "event_date"}
]
OF_THE_ORDER = {"event_id", "created_at", "updated_at", "last_enriched_at", "fetched_at", "uploaded_at"}
OF_THE_ORDER |= {"master_file_name_at"}
Tables = dict[str, list[tuple[tuple[str, Value], ...]]]


def standing(kept: KeptLake) -> Tables:
    """All tables, without what tells of the order."""
    tables: Tables = {"claimx_events": sorted((tuple(event.items()) for event in events(kept)), key=repr)}
    for name, table in TABLES.items():
        if table.key and name not in tables:
            left_out = OF_THE_ORDER | {c.name for c in table.columns if c.type is Type.DATE}
            told = [{k: v for k, v in row.items() if k not in left_out} for row in kept.rows(name)]
            tables[name] = sorted((tuple(map(without_time, row.items())) for row in told), key=repr)
    return tables


def events(kept: KeptLake) -> list[dict[str, Value]]:
    if isinstance(kept, InMemory):
        return [
            {name: getattr(event, name) for name in EVENT_COLUMNS}
            for event in kept.lake.state.events.values()
        ]
    return [{name: row[name] for name in EVENT_COLUMNS} for row in kept.rows("claimx_events")]


def without_time(cell: tuple[str, Value]) -> tuple[str, Value]:
    """Of a source its rank; an event's time is its own."""
    name, value = cell
    if name.endswith("_source") and isinstance(value, str) and not value.startswith("event "):
        return name, value.partition(" ")[0]
    return cell


async def in_order() -> Tables:
    """Each record once, one by one."""
    kept = InMemory()
    engine = Engine(kept, Random(0))
    for record in RECORDS:
        await engine.take([record])
    return standing(kept)


async def shuffled(seed: int, kept: KeptLake, largest: int) -> Tables:
    """Each record one to three times, in any order, in batches of any size."""
    rng = Random(seed)
    arrivals = [record for record in RECORDS for _ in range(rng.randint(1, 3))]
    rng.shuffle(arrivals)
    engine = Engine(kept, rng)
    while arrivals:
        size = rng.randint(1, largest)
        await engine.take(arrivals[:size])
        arrivals = arrivals[size:]
    return standing(kept)


def differences(found: Tables, expected: Tables) -> dict[str, list[object]]:
    return {
        name: sorted(set(rows) ^ set(expected[name]), key=repr)
        for name, rows in found.items()
        if rows != expected[name]
    }


async def test_the_scenario_has_every_type_and_fills_every_table():
    kinds = {event.event_type for event in map(decoded, RECORDS) if event is not None}
    assert kinds == ENRICHED_TYPES | {"PROJECT_CONVERSATION_UPDATED", "SOMETHING_NEW"}
    assert len(RECORDS) == len(set(RECORDS))
    expected = await in_order()
    assert {name: len(rows) for name, rows in expected.items()} == {
        "claimx_events": len(RECORDS) - 1,
        "claimx_projects": 4,
        "claimx_contacts": 8,
        "claimx_attachment_metadata": 4,
        "claimx_tasks": 5,
        "claimx_task_templates": 2,
        "claimx_external_links": 4,
        "claimx_video_collab": 3,
        "claimx_attachments": 3,
    }
    names = {row["project_id"]: row["master_file_name"] for row in map(dict, expected["claimx_projects"])}
    assert names == {FULL: "TWO", NAMELESS: "NEW", UNKNOWN: None, BARE: None}


async def test_two_hundred_orders_and_groupings_of_the_same_events_end_in_the_same_tables():
    expected = await in_order()
    for seed in range(SHUFFLES):
        found = await shuffled(seed, InMemory(), largest=40)
        assert differences(found, expected) == {}, f"seed {seed}"


@pytest.mark.parametrize("seed", range(SHUFFLES_ON_DISK))
async def test_delta_tables_end_up_the_same_too(seed: int, tmp_path: Path):
    kept = OnDisk(tmp_path / "lake")
    await opened(kept.lake)
    try:
        assert differences(await shuffled(seed, kept, largest=80), await in_order()) == {}
    finally:
        await kept.lake.close()
