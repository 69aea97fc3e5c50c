"""Nothing that an answer or a record may hold in any place crashes, loses the event, or harms the rows beside it.

``support.sources`` says which fields a row and a column are made of. Whatever is broken, every other row is there with
its key, every other column has its value, and all of them can be written.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claimx.adapters.delta_frames import events_frame, rows_frame
from claimx.domain.answers import ApiRequest, GetMedia, GetProject, GetTask, GetVideos, Json
from claimx.domain.events import Event, decode
from claimx.domain.handlers.plan import Plan
from claimx.domain.handlers.registry import plan_for
from claimx.domain.rows import Row, Value, key_of, merge_values
from claimx.domain.tables import TABLES
from claimx.domain.tasks import EnrichmentTask, Origin, enrichment_task
from claimx.domain.times import Micros
from claimx.errors import ItemError, PoisonError
from support import payloads, sources
from support.payloads import ASSIGNMENT_ID, BROKEN, FETCHED_AT, MEDIA_ID, MISSING, VIDEO_ID, places, task
from support.plans import HEALTHY, Api, converse
from support.sources import Path, Source, touches


class Case(NamedTuple):
    """One answer in one of its shapes.

    Args:
        prefix: where in ``body`` the bare answer stands.
        within: where in the bare answer ``prefix`` leads to, if it is a part of it.
        fates: by code, the paths that may end the event so.
    """

    asked: EnrichmentTask
    request: type[ApiRequest]
    sources: Sequence[Source]
    body: Json
    prefix: Path = ()
    within: Path = ()
    fates: Mapping[str, str] = {}

    def bare(self, place: Path) -> Path:
        """Where a place of ``body`` lies in the bare answer; what holds the answer is all of it."""
        if place[: len(self.prefix)] != self.prefix:
            return self.within
        return self.within + place[len(self.prefix) :]


def two_emails() -> dict[str, Json]:
    body = payloads.project()
    customer = body["project"]["customerInformation"]
    customer["emails"].append({"emailAddress": "second@example.com", "primary": False})
    customer["phones"].append({"phoneNumber": "5125550000", "phoneCountryCode": 2})
    body["teamMembers"].append({"userName": "second.rep@example.com", "primaryContact": None, "mfn": None})
    return body


PROJECT = two_emails()
FILES = [payloads.media(), payloads.media("2") | {"expiresAt": "2026-02-01T00:00:00Z"}]
CALLS = [payloads.video() | {"recordingUrls": ["https://a.example/1?s=SECRET"]}, payloads.video("2")]
TASK = payloads.assignment() | {"response": payloads.form()}
CREATED = task("PROJECT_CREATED")
ALL_FILES, ONE_FILE = task("PROJECT_FILE_ADDED"), task("PROJECT_FILE_ADDED", media_id=MEDIA_ID)
ASSIGNED = task("CUSTOM_TASK_ASSIGNED", task_assignment_id=ASSIGNMENT_ID)
CALLED = task("VIDEO_COLLABORATION_COMPLETED", video_collaboration_id=VIDEO_ID)

OF_PROJECT = (GetProject, sources.PROJECT)
PROJECT_FATES = {"project.not_found": "project", "api.wrong_project": "project.projectId"}
TASK_FATES = {"task.not_found": "assignmentId", "api.wrong_task": "assignmentId"}
TASK_FATES |= {"api.wrong_project": "projectId"}
NAMED_FATES = {"media.not_found": "0.mediaID"}


def list_shapes(items: list[Json], *names: str) -> Iterator[tuple[str, Json, Path, Path]]:
    """The items in every shape of a list: name, body, and where the bare list, or its first item, stands."""
    yield "list", items, (), ()
    yield "object", items[0], (), (0,)
    yield "list in a list", [{"data": items}], (0, "data"), ()
    for name in names:
        yield name, {name: items}, (name,), ()
        yield f"object in {name}", {name: items[0]}, (name,), (0,)


CASES: dict[str, Case] = {
    "project: data": Case(CREATED, *OF_PROJECT, {"data": PROJECT}, ("data",), (), PROJECT_FATES),
    "project: bare": Case(CREATED, *OF_PROJECT, PROJECT, (), (), PROJECT_FATES),
    "project: list": Case(CREATED, *OF_PROJECT, [PROJECT], (0,), (), PROJECT_FATES),
    "project: data with list": Case(
        CREATED, *OF_PROJECT, {"data": [PROJECT]}, ("data", 0), (), PROJECT_FATES
    ),
    "project: alone": Case(CREATED, *OF_PROJECT, PROJECT["project"], (), ("project",), PROJECT_FATES),
    "task": Case(ASSIGNED, GetTask, sources.TASK, TASK, (), (), TASK_FATES),
    "task: data": Case(
        ASSIGNED, GetTask, sources.TASK, {"data": payloads.assignment()}, ("data",), (), TASK_FATES
    ),
}
for shape, body, prefix, within in list_shapes(FILES, "data", "media"):
    CASES[f"media: {shape}"] = Case(
        ALL_FILES, GetMedia, sources.MEDIA, body, prefix, within, {"media.not_found": "9"}
    )
    CASES[f"media, named: {shape}"] = Case(
        ONE_FILE, GetMedia, sources.MEDIA[:1], body, prefix, within, NAMED_FATES
    )
for shape, body, prefix, within in list_shapes(CALLS, "data", "collaborations", "videoCollaboration"):
    CASES[f"videos: {shape}"] = Case(CALLED, GetVideos, sources.VIDEO, body, prefix, within)

Known = dict[tuple[str, tuple[Value, ...]], Mapping[str, Value]]


def rows_of(case: Case, body: Json, spots: Sequence[Path]) -> Sequence[Row]:
    """The rows of an answer; none if it ended the event in a way that what was broken may."""
    api = {**HEALTHY, case.request: body}
    rows, code = rows_or_code(plan_for(case.asked, is_last_ask=True), api)
    assert code is None or any(touches(spot, case.fates[code]) for spot in spots), code
    return rows


def rows_or_code(plan: Plan, api: Api) -> tuple[Sequence[Row], str | None]:
    """The rows of a conversation, or the code of the error that ended it."""
    try:
        return converse(plan, api)[0].rows, None
    except ItemError as error:
        return (), error.code


def written(rows: Sequence[Row], *, in_table: bool) -> Known:
    """Rows by key: as they are, or merged onto an empty table."""
    return {
        (row.table, key_of(TABLES[row.table], row)): merge_values(TABLES[row.table], {}, row.values)
        if in_table
        else row.values
        for row in rows
    }


def assert_unharmed(case: Case, before: Sequence[Row], after: Known, spots: Sequence[Path]) -> None:
    """Every row that none of these spots makes is there; every column too."""
    for row, source in zip(before, case.sources, strict=False):
        assert row.table == source.table
        if any(touches(spot, need) for spot in spots for need in source.needs):
            continue
        found = after[row.table, key_of(TABLES[row.table], row)]
        for column in row.values.keys() | found.keys():
            paths = source.columns.get(column)
            if paths is None or not any(touches(spot, paths) for spot in spots):
                assert found.get(column) == row.values.get(column), column


def assert_writable(rows: Sequence[Row]) -> None:
    for name in {row.table for row in rows}:
        mine = [row for row in rows if row.table == name]
        rows_frame(TABLES[name].columns, mine)
        for row in mine:
            assert None not in key_of(TABLES[name], row)
            assert row.values.keys() <= {column.name for column in TABLES[name].columns}


def broken_in_place(body: Json, place: Path, values: Sequence[object]) -> Iterator[object]:
    """Break a payload at one place in several ways, one after the other, and mend it: copies of 165 KB are slow."""
    holder = body
    for step in place[:-1]:
        holder = holder[step]  # type: ignore[index, call-overload]
    old = holder[place[-1]]  # type: ignore[index, call-overload]
    for value in values:
        if value is not MISSING:
            holder[place[-1]] = value  # type: ignore[index, call-overload]
            yield value
            holder[place[-1]] = old  # type: ignore[index, call-overload]
        elif isinstance(holder, dict):
            kept = dict(holder)
            del holder[place[-1]]
            yield value
            holder.clear()
            holder.update(kept)
        else:
            del holder[place[-1]]
            yield value
            holder.insert(place[-1], old)


EVERY = (MISSING, *BROKEN)


def ways(number: int, place: Path) -> Sequence[object]:
    """How a place is broken: in every way; below a form's first question, where no code looks, in three in turn."""
    is_deep = place[0] == "response" and any(isinstance(step, int) and step > 0 for step in place)
    return (MISSING, None, EVERY[number % len(EVERY)]) if is_deep else EVERY


@pytest.mark.parametrize("name", CASES)
def test_no_broken_field_harms_anything_but_what_is_made_of_it(name: str):
    case = CASES[name]
    body, before = deepcopy(case.body), rows_of(case, case.body, [()])
    assert {(row.table, tuple(row.values)) for row in before}
    for number, place in enumerate(places(case.body)):
        spot, changed = case.bare(place), []
        for value in broken_in_place(body, place, ways(number, place)):
            rows = rows_of(case, body, [spot])
            if rows == before:
                continue
            try:
                assert_unharmed(case, before, written(rows, in_table=False), [spot])
            except (AssertionError, KeyError) as error:
                pytest.fail(f"{value!r:.80} at {place}: {error!r}")
            changed += rows
        assert_writable(changed)
    assert body == case.body


@pytest.mark.parametrize("name", CASES)
def test_an_answer_that_is_something_else_altogether_is_no_crash(name: str):
    for body in BROKEN:
        assert_writable(rows_of(CASES[name], body, [()]))


@pytest.mark.parametrize("name", CASES)
def test_a_field_that_is_not_there_leaves_the_others_in_the_table(name: str):
    case = CASES[name]
    body, before = deepcopy(case.body), rows_of(case, case.body, [()])
    for place in places(case.body):
        spot = case.bare(place)
        for _ in broken_in_place(body, place, (MISSING, None)):
            after = written(rows_of(case, body, [spot]), in_table=True)
            assert_unharmed(case, before, after, [spot])


SMALL = [name for name in CASES if name != "task"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def fresh(values: Sequence[Json]) -> st.SearchStrategy[Json]:
    """One of these values, as a copy: what is drawn later may be put into it."""
    return st.sampled_from(values).map(deepcopy)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_several_broken_fields_at_once_harm_nothing_but_what_is_made_of_them(data: st.DataObject):
    case = CASES[data.draw(st.sampled_from(SMALL))]
    body = deepcopy(case.body)
    before = rows_of(case, case.body, [()])
    spots = []
    for _ in range(data.draw(st.integers(2, 6))):
        place = data.draw(st.sampled_from(places(body)))
        value = data.draw(st.just(MISSING) | fresh(BROKEN) | JSON)
        if value is MISSING and isinstance(place[-1], int):
            value = None  # what follows in the list would move up
        spots.append(case.bare(place))
        next(broken_in_place(body, place, [value]))
        if not places(body):
            break
    rows = rows_of(case, body, spots)
    assert_writable(rows)
    assert_unharmed(case, before, written(rows, in_table=False), spots)


RECORD: dict[str, Json] = {
    "eventType": "POLICYHOLDER_INVITED",
    "projectId": 5395115,
    "mediaId": 96269553,
    "taskAssignmentId": 5423878,
    "videoCollaborationId": 1048577,
    "masterFileName": "0GKVCPF",
    "ingestedAt": "2026-01-11T15:41:40.882Z",
    "email": "pat.sample@example.com",
    "firstName": "Pat",
    "unknown": {"deep": [1, None]},
}
ENVELOPE: dict[str, Json] = {
    "event_id": "evt_12345",
    "event_type": "POLICYHOLDER_JOINED",
    "project_id": "5395115",
    "media_id": "96269553",
    "task_assignment_id": None,
    "video_collaboration_id": None,
    "master_file_name": None,
    "ingested_at": "2026-01-11T15:41:40.882Z",
    "raw_data": RECORD,
}
RECORDS: dict[str, dict[str, Json]] = {
    "flat": RECORD,
    "envelope": ENVELOPE,
    "envelope without fields": {"raw_data": RECORD},
    "envelope with text": {**ENVELOPE, "raw_data": json.dumps(RECORD)},
}
KAFKA_TIME: Micros = FETCHED_AT
BEFORE_YEAR_1, AFTER_YEAR_9999 = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"


class Outcome:
    """What records became: to be written all at once in the end."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.rows: list[Row] = []

    def of(self, value: bytes, timestamp: Micros = KAFKA_TIME) -> Event | None:
        """The event of a record, its conversation held; None for what is a dead letter."""
        try:
            event = decode(value, 7, timestamp, None)
        except PoisonError:
            return None
        self.events.append(event)
        if event.is_enriched:
            asked = enrichment_task(event, Origin("claimx.events.raw", 0, 7), KAFKA_TIME)
            rows, code = rows_or_code(plan_for(asked, is_last_ask=True), HEALTHY)
            assert code in {None, "api.wrong_project"}
            self.rows += rows
        return event

    def assert_writable(self) -> None:
        assert events_frame(TABLES["claimx_events"], self.events, KAFKA_TIME).height == len(self.events)
        assert_writable(self.rows)


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_broken_in_one_place_is_an_event_or_malformed(name: str):
    record, outcome = deepcopy(RECORDS[name]), Outcome()
    whole = outcome.of(json.dumps(record).encode())
    assert whole is not None
    for place in places(record):
        for value in broken_in_place(record, place, EVERY):
            event = outcome.of(json.dumps(record).encode())
            if event is None:
                assert value not in (MISSING, None) or place[-1] in {"eventType", "projectId", "raw_data"}, (
                    place
                )
            elif value in (MISSING, None) and name == "flat":
                assert_same_but(whole, event, place[-1])
    outcome.assert_writable()


def assert_same_but(whole: Event, event: Event, name: str | int) -> None:
    columns = {
        "mediaId": "media_id",
        "taskAssignmentId": "task_assignment_id",
        "masterFileName": "master_file_name",
    }
    columns |= {"videoCollaborationId": "video_collaboration_id", "ingestedAt": "ingested_at"}
    for column in {"event_type", "project_id", *columns.values()} - {columns.get(str(name))}:
        assert getattr(event, column) == getattr(whole, column), column


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_cut_off_or_flipped_at_any_byte_is_an_event_or_malformed(name: str):
    value, outcome = json.dumps(RECORDS[name]).encode(), Outcome()
    for position in range(len(value)):
        assert outcome.of(value[:position]) is None
        for byte in (0, value[position] ^ 1, 0xFF, ord("0"), ord('"'), ord("}")):
            outcome.of(value[:position] + bytes([byte]) + value[position + 1 :])
    outcome.assert_writable()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_record_broken_in_several_places_is_an_event_or_malformed(data: st.DataObject):
    record, outcome = deepcopy(RECORDS[data.draw(st.sampled_from(list(RECORDS)))]), Outcome()
    for _ in range(data.draw(st.integers(2, 5))):
        if spots := places(record):
            value = data.draw(st.just(MISSING) | fresh(BROKEN) | JSON)
            next(broken_in_place(record, data.draw(st.sampled_from(spots)), [value]))
    outcome.of(json.dumps(record).encode(), data.draw(st.sampled_from([KAFKA_TIME, 0, -1])))
    outcome.assert_writable()


@pytest.mark.parametrize("time", [BEFORE_YEAR_1, AFTER_YEAR_9999])
@pytest.mark.parametrize("timestamp", [KAFKA_TIME, 0])
def test_an_event_of_a_time_that_no_table_holds_can_be_written(time: str, timestamp: Micros):
    outcome = Outcome()
    assert outcome.of(json.dumps(RECORD | {"ingestedAt": time}).encode(), timestamp)
    outcome.assert_writable()
