"""Each type of event: what it asks, which rows it writes, what it downloads, and how it fails."""

import msgspec
import pytest

from claimx.domain.answers import GetMedia, GetProject, GetTask, GetVideos
from claimx.domain.coerce import link
from claimx.domain.events import ENRICHED_TYPES
from claimx.domain.handlers.media import link_of
from claimx.domain.handlers.registry import HANDLERS, needs_project, plan_for
from claimx.domain.policyholders import Policyholder
from claimx.domain.tables import TABLES
from claimx.domain.tasks import project_task
from claimx.errors import ItemError, NotFoundError, PermanentError, TransientError
from support import payloads
from support.payloads import (
    ASSIGNMENT_ID,
    EMAIL,
    EVENT_ID,
    FETCHED_AT,
    INGESTED_AT,
    MEDIA_ID,
    PROJECT_ID,
    SIGNED_LINK,
    VIDEO_ID,
    task,
)
from support.plans import HEALTHY, converse, enrich, rows_of

PROJECT, MEDIA = GetProject(PROJECT_ID), GetMedia(PROJECT_ID, (MEDIA_ID,))
TASK, VIDEOS = GetTask(ASSIGNMENT_ID), GetVideos(PROJECT_ID)
OF_PROJECT = {"claimx_projects": 1, "claimx_contacts": 2}
OF_TASK = OF_PROJECT | {"claimx_tasks": 1, "claimx_task_templates": 1, "claimx_external_links": 1}
OF_MEDIA = OF_PROJECT | {"claimx_attachment_metadata": 1}
OF_VIDEO = OF_PROJECT | {"claimx_video_collab": 1}
OTHER = Policyholder("Other@Example.com", first_name="Kim", phone_number="null", phone_country_code="1")

CASES = [
    ("PROJECT_CREATED", {}, [PROJECT], OF_PROJECT, 0),
    ("PROJECT_MFN_ADDED", {"master_file_name": "NEWNAME"}, [PROJECT], OF_PROJECT, 0),
    ("PROJECT_MFN_ADDED", {}, [PROJECT], OF_PROJECT, 0),
    ("PROJECT_FILE_ADDED", {"media_id": MEDIA_ID}, [MEDIA], OF_MEDIA, 1),
    ("PROJECT_FILE_ADDED", {}, [GetMedia(PROJECT_ID)], OF_MEDIA, 1),
    ("CUSTOM_TASK_ASSIGNED", {"task_assignment_id": ASSIGNMENT_ID}, [TASK], OF_TASK, 0),
    ("CUSTOM_TASK_COMPLETED", {"task_assignment_id": ASSIGNMENT_ID}, [TASK], OF_TASK, 0),
    ("POLICYHOLDER_INVITED", {}, [PROJECT], OF_PROJECT, 0),
    ("POLICYHOLDER_JOINED", {}, [PROJECT], OF_PROJECT, 0),
    ("POLICYHOLDER_INVITED", {"policyholder": OTHER}, [], OF_PROJECT | {"claimx_contacts": 3}, 0),
    ("POLICYHOLDER_JOINED", {"policyholder": OTHER}, [], OF_PROJECT | {"claimx_contacts": 3}, 0),
    ("VIDEO_COLLABORATION_INVITE_SENT", {"video_collaboration_id": VIDEO_ID}, [VIDEOS], OF_VIDEO, 0),
    ("VIDEO_COLLABORATION_INVITE_SENT", {}, [VIDEOS], OF_VIDEO, 0),
    ("VIDEO_COLLABORATION_COMPLETED", {"video_collaboration_id": VIDEO_ID}, [VIDEOS], OF_VIDEO, 0),
    ("PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL", {}, [], {"claimx_projects": 1}, 0),
    ("PERSONAL_PROPERTY_TASK_SHARED", {}, [], {"claimx_projects": 1}, 0),
]


def failure(event_type: str, *, is_last_ask: bool = False, bodies=None, **fields) -> ItemError:
    with pytest.raises(ItemError) as caught:
        enrich(task(event_type, **fields), is_last_ask=is_last_ask, **(bodies or {}))
    return caught.value


def test_every_enriched_type_has_a_handler():
    assert set(HANDLERS) == ENRICHED_TYPES
    assert {case[0] for case in CASES} == ENRICHED_TYPES


@pytest.mark.parametrize(("event_type", "fields", "asked", "tables", "downloads"), CASES)
def test_an_event_asks_and_becomes_rows_and_downloads(event_type, fields, asked, tables, downloads):
    _, requests = converse(plan_for(task(event_type, **fields), is_last_ask=False), HEALTHY)
    assert list(map(type, requests)) == list(map(type, asked))
    assert requests == asked
    enrichment = enrich(task(event_type, **fields))
    assert {
        table: len(rows_of(enrichment, table)) for table in TABLES if rows_of(enrichment, table)
    } == tables
    assert len(enrichment.downloads) == downloads


@pytest.mark.parametrize(("event_type", "fields", "asked", "tables", "downloads"), CASES)
def test_every_row_speaks_of_declared_columns_and_names_its_event(
    event_type, fields, asked, tables, downloads
):
    for row in enrich(task(event_type, **fields)).rows:
        assert set(row.values) <= {column.name for column in TABLES[row.table].columns}
        assert row.values["event_id"] == EVENT_ID
        assert None not in [row.values[name] for name in (*TABLES[row.table].key, "created_at", "updated_at")]


NO_PROJECT = (None, {}, [], {"data": None})
ASKS_PROJECT = [case[:2] for case in CASES if GetProject in map(type, case[2])]
CHILD_TABLES = [(*case[:2], set(case[3]) - set(OF_PROJECT)) for case in CASES if case[3].keys() - OF_PROJECT]


@pytest.mark.parametrize(("event_type", "fields"), ASKS_PROJECT)
def test_a_project_that_the_event_is_about_and_that_is_not_there_is_waited_for(event_type, fields):
    for body in NO_PROJECT:
        error = failure(event_type, bodies={"project": body}, is_last_ask=True, **fields)
        assert isinstance(error, NotFoundError)
        assert error.code == "project.not_found"


@pytest.mark.parametrize(("event_type", "fields", "children"), CHILD_TABLES)
def test_a_pre_flight_that_finds_no_project_stops_no_row_of_the_event(event_type, fields, children):
    healthy = enrich(task(event_type, **fields))
    for body in NO_PROJECT:
        enrichment = enrich(task(event_type, **fields), project=body)
        assert not rows_of(enrichment, "claimx_projects")
        assert enrichment.downloads == healthy.downloads
        for table in children:
            assert rows_of(enrichment, table) == rows_of(healthy, table)


@pytest.mark.parametrize(("event_type", "fields", "asked", "tables", "downloads"), CASES)
def test_an_event_whose_rows_need_a_project_has_a_pre_flight_unless_it_asks_itself(
    event_type, fields, asked, tables, downloads
):
    flags = {"PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL", "PERSONAL_PROPERTY_TASK_SHARED"}
    asks = GetProject in map(type, asked)
    assert needs_project(task(event_type, **fields)) is not (asks or event_type in flags)


def test_a_pre_flight_asks_for_the_project_and_writes_it_with_its_contacts():
    fetch = project_task(task("PROJECT_FILE_ADDED", media_id=MEDIA_ID), FETCHED_AT)
    enrichment, asked = converse(plan_for(fetch, is_last_ask=False), HEALTHY)
    assert asked == [PROJECT]
    assert list(enrichment.rows) == list(enrich(task("PROJECT_CREATED")).rows)
    assert (fetch.child, fetch.attempt, fetch.asked) == (f"project:{PROJECT_ID}", 1, 0)


def test_another_project_in_the_answer_is_not_written():
    error = failure("PROJECT_CREATED", bodies={"project": payloads.project("999")})
    assert isinstance(error, TransientError)
    assert error.code == "api.wrong_project"


def test_a_download_has_all_that_the_stage_needs():
    (download,) = enrich(task("PROJECT_FILE_ADDED", media_id=MEDIA_ID)).downloads
    assert download.url == SIGNED_LINK
    assert (download.project_id, download.media_id) == (PROJECT_ID, MEDIA_ID)
    assert (download.file_name, download.file_type) == ("IMG_0042.jpg", "jpg")
    assert download.first_tried_at == FETCHED_AT
    assert download.origin == task("PROJECT_FILE_ADDED").origin
    assert (download.attempt, download.asked, download.refresh_count) == (1, 0, 0)


def test_only_the_named_media_is_taken_from_a_full_list():
    listed = [payloads.media("1"), payloads.media(MEDIA_ID), payloads.media("3")]
    enrichment = enrich(task("PROJECT_FILE_ADDED", media_id=MEDIA_ID), media={"data": listed})
    assert [row["media_id"] for row in rows_of(enrichment, "claimx_attachment_metadata")] == [MEDIA_ID]
    assert [download.media_id for download in enrichment.downloads] == [MEDIA_ID]


def test_an_event_that_names_no_media_takes_all_each_once():
    listed = [payloads.media("1"), payloads.media("2"), payloads.media("2"), {"mediaName": "no id"}]
    enrichment = enrich(task("PROJECT_FILE_ADDED"), media=listed)
    assert [download.media_id for download in enrichment.downloads] == ["1", "2"]


@pytest.mark.parametrize("body", [[], {"data": []}, {"media": None}])
def test_a_project_without_media_is_fine_if_none_was_named(body):
    enrichment = enrich(task("PROJECT_FILE_ADDED"), media=body)
    assert not enrichment.downloads
    assert rows_of(enrichment, "claimx_projects")


@pytest.mark.parametrize("link", [None, "", "  ", 5, [], {}])
def test_media_without_a_link_has_a_row_and_no_download(link):
    enrichment = enrich(
        task("PROJECT_FILE_ADDED", media_id=MEDIA_ID), media={**payloads.media(), "fullDownloadLink": link}
    )
    assert not enrichment.downloads
    (row,) = rows_of(enrichment, "claimx_attachment_metadata")
    assert row["full_download_link"] is None


@pytest.mark.parametrize(
    ("event_type", "fields", "bodies", "kind", "code"),
    [
        ("PROJECT_FILE_ADDED", {"media_id": MEDIA_ID}, {"media": []}, NotFoundError, "media.not_found"),
        ("PROJECT_FILE_ADDED", {"media_id": MEDIA_ID}, {"media": None}, NotFoundError, "media.not_found"),
        ("PROJECT_FILE_ADDED", {}, {"media": None}, NotFoundError, "media.not_found"),
        ("PROJECT_FILE_ADDED", {"media_id": "1"}, {}, NotFoundError, "media.not_found"),
        ("PROJECT_FILE_ADDED", {"media_id": "x1"}, {}, PermanentError, "event.bad_media_id"),
        ("PROJECT_FILE_ADDED", {"media_id": "../1"}, {}, PermanentError, "event.bad_media_id"),
        ("PROJECT_FILE_ADDED", {"media_id": "9" * 30}, {}, PermanentError, "event.bad_media_id"),
        ("CUSTOM_TASK_ASSIGNED", {}, {}, PermanentError, "event.bad_task_id"),
        ("CUSTOM_TASK_ASSIGNED", {"task_assignment_id": "x"}, {}, PermanentError, "event.bad_task_id"),
        (
            "CUSTOM_TASK_ASSIGNED",
            {"task_assignment_id": "1"},
            {"task": None},
            NotFoundError,
            "task.not_found",
        ),
        ("CUSTOM_TASK_ASSIGNED", {"task_assignment_id": "1"}, {"task": {}}, NotFoundError, "task.not_found"),
        ("CUSTOM_TASK_ASSIGNED", {"task_assignment_id": "1"}, {}, TransientError, "api.wrong_task"),
        (
            "VIDEO_COLLABORATION_COMPLETED",
            {"video_collaboration_id": "x"},
            {},
            PermanentError,
            "event.bad_video_id",
        ),
        (
            "VIDEO_COLLABORATION_COMPLETED",
            {"video_collaboration_id": "5"},
            {},
            NotFoundError,
            "video.not_found",
        ),
        ("PROJECT_CREATED", {"project_id": "x"}, {}, PermanentError, "event.bad_project"),
        ("PROJECT_CONVERSATION_UPDATED", {}, {}, PermanentError, "event.no_handler"),
    ],
)
def test_an_event_fails_by_class_and_code(event_type, fields, bodies, kind, code):
    error = failure(event_type, bodies=bodies, **fields)
    assert type(error) is kind
    assert error.code == code


def test_the_project_that_an_assignment_names_wins():
    enrichment, asked = converse(
        plan_for(task("CUSTOM_TASK_ASSIGNED", task_assignment_id=ASSIGNMENT_ID), is_last_ask=False),
        HEALTHY | {GetTask: payloads.assignment(project_id="77")},
    )
    assert asked == [TASK]
    assert {row.values["project_id"] for row in enrichment.rows} == {"77"}
    assert enrichment.refers_to == "77", "whose row is to go first"


def test_the_project_of_the_event_is_no_other_one():
    assigned = task("CUSTOM_TASK_ASSIGNED", task_assignment_id=ASSIGNMENT_ID)
    assert converse(plan_for(assigned, is_last_ask=False), HEALTHY)[0].refers_to is None


def test_an_event_that_names_no_media_takes_at_its_second_look_what_has_come_since():
    first, then = [payloads.media("1")], [payloads.media("1"), payloads.media("2")]
    asked = task("PROJECT_FILE_ADDED")
    one, _ = converse(plan_for(asked, is_last_ask=False), HEALTHY | {GetMedia: first})
    asked = msgspec.structs.replace(asked, seen=one.seen)
    two, _ = converse(plan_for(asked, is_last_ask=False), HEALTHY | {GetMedia: then})
    assert [[row.values["media_id"] for row in each.rows] for each in (one, two)] == [["1"], ["2"]]
    assert [download.media_id for download in two.downloads] == ["2"]
    assert (one.seen, two.seen) == (("1",), ("1", "2"))


@pytest.mark.parametrize("project_id", [None, 0, "", "x", [], {}, "9" * 30])
def test_an_assignment_without_a_usable_project_is_of_the_event_s(project_id):
    body = {**payloads.assignment(), "projectId": project_id}
    enrichment = enrich(task("CUSTOM_TASK_ASSIGNED", task_assignment_id=ASSIGNMENT_ID), task=body)
    assert {row.values["project_id"] for row in enrichment.rows} == {PROJECT_ID}


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"customTask": None}, "claimx_task_templates"),
        ({"externalLinkData": None}, "claimx_external_links"),
        ({"customTask": {"name": "no id"}}, "claimx_task_templates"),
        ({"externalLinkData": {"linkId": 0}}, "claimx_external_links"),
    ],
)
def test_a_part_that_an_assignment_lacks_takes_no_other_row_with_it(change, missing):
    body = {**payloads.assignment(), **change}
    enrichment = enrich(task("CUSTOM_TASK_ASSIGNED", task_assignment_id=ASSIGNMENT_ID), task=body)
    assert not rows_of(enrichment, missing)
    assert all(rows_of(enrichment, table) for table in OF_TASK if table != missing)


@pytest.mark.parametrize(
    ("event_type", "status"),
    [("VIDEO_COLLABORATION_INVITE_SENT", "INVITED"), ("VIDEO_COLLABORATION_COMPLETED", "COMPLETED")],
)
class TestVideo:
    def row(self, event_type, report, *, video_id=VIDEO_ID, is_last_ask=False):
        enrichment = enrich(
            task(event_type, video_collaboration_id=video_id), videos=report, is_last_ask=is_last_ask
        )
        assert rows_of(enrichment, "claimx_projects")
        rows = rows_of(enrichment, "claimx_video_collab")
        return rows[0] if rows else None

    def test_the_event_s_id_is_matched_first(self, event_type, status):
        newer = {**payloads.video("2"), "createdDate": "2027-01-01T00:00:00Z"}
        row = self.row(event_type, {"data": [newer, payloads.video()]})
        assert row["collaboration_id"] == int(VIDEO_ID)
        assert row["status"] == status
        assert row["project_id"] == PROJECT_ID

    def test_an_id_called_id_is_matched_too(self, event_type, status):
        body = {name: value for name, value in payloads.video().items() if name != "videoCollaborationId"}
        assert self.row(event_type, [{**body, "id": VIDEO_ID}])["collaboration_id"] == int(VIDEO_ID)

    def test_without_an_id_the_newest_of_the_project_is_taken(self, event_type, status):
        report = [
            {**payloads.video("1"), "createdDate": "2026-01-01T00:00:00Z"},
            {**payloads.video("2"), "createdDate": "2026-01-03T00:00:00Z"},
            {**payloads.video("3"), "createdDate": "2026-01-02T00:00:00Z"},
            {**payloads.video("4", "999"), "createdDate": "2026-01-09T00:00:00Z"},
            {**payloads.video("5"), "createdDate": None},
            {"createdDate": "2026-02-01T00:00:00Z"},
        ]
        assert self.row(event_type, report, video_id=None)["collaboration_id"] == 2

    @pytest.mark.parametrize("report", [None, [], {"data": []}, {"data": None}])
    def test_an_empty_report_is_fine_if_no_id_was_named(self, event_type, status, report):
        assert self.row(event_type, report, video_id=None) is None

    @pytest.mark.parametrize("report", [None, [], {"data": [payloads.video("2")]}])
    def test_an_id_that_is_not_shown_is_waited_for(self, event_type, status, report):
        error = failure(event_type, bodies={"videos": report}, video_collaboration_id=VIDEO_ID)
        assert error.code == "video.not_found"

    @pytest.mark.parametrize("report", [None, [], {"data": [payloads.video("2")]}])
    def test_at_the_last_ask_its_row_says_what_the_event_says(self, event_type, status, report):
        assert self.row(event_type, report, is_last_ask=True) == {
            "collaboration_id": int(VIDEO_ID),
            "project_id": PROJECT_ID,
            "status": status,
            "event_id": EVENT_ID,
            "created_at": FETCHED_AT,
            "updated_at": FETCHED_AT,
            "last_enriched_at": FETCHED_AT,
        }


def test_the_name_of_the_event_has_the_event_s_clock():
    (row,) = rows_of(enrich(task("PROJECT_MFN_ADDED", master_file_name="NEWNAME")), "claimx_projects")
    assert (row["master_file_name"], row["master_file_name_at"]) == ("NEWNAME", INGESTED_AT)
    assert row["fetched_at"] == FETCHED_AT


def test_without_a_name_the_answer_s_name_is_taken():
    (row,) = rows_of(enrich(task("PROJECT_MFN_ADDED")), "claimx_projects")
    assert (row["master_file_name"], row["master_file_name_at"]) == ("0GKVCPF", FETCHED_AT)


@pytest.mark.parametrize(
    ("event_type", "status", "on_project", "on_contact"),
    [
        ("POLICYHOLDER_INVITED", "INVITED", "policyholder_invited_at", "invited_at"),
        ("POLICYHOLDER_JOINED", "JOINED", "policyholder_joined_at", "joined_at"),
    ],
)
def test_a_policyholder_event_marks_the_project_and_its_policyholder(
    event_type, status, on_project, on_contact
):
    enrichment = enrich(task(event_type))
    (row,) = rows_of(enrichment, "claimx_projects")
    assert row[on_project] == INGESTED_AT
    holders = [row for row in rows_of(enrichment, "claimx_contacts") if row["contact_type"] == "POLICYHOLDER"]
    (holder,) = holders
    assert (holder["invite_status"], holder[on_contact], holder["contact_email"]) == (
        status,
        INGESTED_AT,
        EMAIL,
    )


def test_a_policyholder_whom_the_event_describes_is_the_one_who_is_marked():
    enrichment = enrich(task("POLICYHOLDER_JOINED", policyholder=OTHER))
    marked = [row for row in rows_of(enrichment, "claimx_contacts") if row.get("invite_status")]
    (row,) = marked
    assert (row["contact_email"], row["first_name"], row["phone_country_code"]) == (
        "Other@Example.com",
        "Kim",
        1,
    )
    assert "phone_number" not in row


def test_without_a_policyholder_only_the_project_is_marked():
    body = payloads.project()
    body["project"]["customerInformation"]["emails"] = []
    enrichment = enrich(task("POLICYHOLDER_JOINED"), project=body)
    assert [row["contact_type"] for row in rows_of(enrichment, "claimx_contacts")] == ["CLAIM_REP"]
    assert rows_of(enrichment, "claimx_projects")[0]["policyholder_joined_at"] == INGESTED_AT


@pytest.mark.parametrize(
    ("event_type", "flag", "at"),
    [
        ("PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL", "xa_autolink_fail", "xa_autolink_fail_at"),
        ("PERSONAL_PROPERTY_TASK_SHARED", "contents_task_sent", "contents_task_at"),
    ],
)
def test_a_flag_is_a_partial_row(event_type, flag, at):
    (row,) = enrich(task(event_type)).rows
    assert row.values == {
        "project_id": PROJECT_ID,
        flag: True,
        at: INGESTED_AT,
        "event_id": EVENT_ID,
        "created_at": INGESTED_AT,
        "updated_at": INGESTED_AT,
    }


def test_a_fresh_link_is_found_by_its_media_id():
    fresh = {**payloads.media(), "fullDownloadLink": SIGNED_LINK.replace("SECRET", "FRESH")}
    answer = payloads.answer({"data": [payloads.media("1"), fresh]})
    assert link_of(answer, MEDIA_ID) == fresh["fullDownloadLink"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "media.not_found"),
        ([payloads.media("1")], "media.not_found"),
        ({**payloads.media(), "fullDownloadLink": None}, "media.no_link"),
    ],
)
def test_a_fresh_link_that_is_not_there_is_waited_for(body, code):
    with pytest.raises(NotFoundError) as caught:
        link_of(payloads.answer(body), MEDIA_ID)
    assert caught.value.code == code


@pytest.mark.parametrize(("event_type", "fields", "asked", "tables", "downloads"), CASES)
def test_no_row_keeps_a_signature(event_type, fields, asked, tables, downloads):
    texts = [value for row in enrich(task(event_type, **fields)).rows for value in row.values.values()]
    assert not [text for text in texts if "SECRET" in str(text)]
    assert link(SIGNED_LINK) == SIGNED_LINK.partition("?")[0]
