"""Rows field by field; and no broken field of an answer harms the rows beside it."""

from collections.abc import Sequence

import pytest

from claimx.domain.entities.contacts import contact_id
from claimx.domain.entities.projects import primary_email
from claimx.domain.entities.tasks import page_link
from claimx.domain.entities.videos import recording_urls
from claimx.domain.rows import Row, Type
from claimx.domain.tables import TABLES
from claimx.domain.times import format_time, parse_time
from claimx.errors import ItemError
from support import payloads
from support.payloads import (
    ASSIGNMENT_ID,
    EMAIL,
    EVENT_ID,
    FETCHED_AT,
    MEDIA_ID,
    PROJECT_ID,
    SIGNED_LINK,
    VIDEO_ID,
    broken_at,
    lacking,
    places,
    task,
)
from support.plans import enrich, rows_of

FULL = {
    "event_id": EVENT_ID,
    "created_at": FETCHED_AT,
    "updated_at": FETCHED_AT,
    "last_enriched_at": FETCHED_AT,
    "fetched_at": FETCHED_AT,
}
BY_PROJECT, BY_LINK, BY_ANSWER = (f"{who} {format_time(FETCHED_AT)}" for who in ("project", "link", "answer"))
BY_PROJECT, BY_LINK, BY_ANSWER = (f"{who} {format_time(FETCHED_AT)}" for who in ("project", "link", "answer"))
CREATED = task("PROJECT_CREATED")
FILE = task("PROJECT_FILE_ADDED", media_id=MEDIA_ID)
ASSIGNED = task("CUSTOM_TASK_ASSIGNED", task_assignment_id=ASSIGNMENT_ID)
CALLED = task("VIDEO_COLLABORATION_COMPLETED", video_collaboration_id=VIDEO_ID)


def at(text: str) -> int:
    return parse_time(text) or 0


def test_a_project_row_has_every_field():
    (row,) = rows_of(enrich(CREATED), "claimx_projects")
    assert row == FULL | {
        "project_id": PROJECT_ID,
        "project_number": "01-123A-45B",
        "master_file_name": "0GKVCPF",
        "master_file_name_source": BY_ANSWER,
        "master_file_name_at": FETCHED_AT,
        "secondary_number": "POL-456789-01",
        "status": "Active",
        "created_date": at("2026-01-11T15:30:00Z"),
        "date_of_loss": at("2026-01-08T00:00:00Z"),
        "type_of_loss": "Water Damage",
        "cause_of_loss": "Pipe Burst",
        "loss_description": "Supply line failed under the kitchen sink",
        "customer_first_name": "Pat",
        "customer_last_name": "Sample",
        "custom_business_name": None,
        "business_line_type": "PERSONAL",
        "year_built": 1987,
        "square_footage": 2150,
        "street1": "100 Main St",
        "street2": None,
        "city": "Austin",
        "state_province": "TX",
        "zip_postcode": "78701",
        "county": "Travis",
        "country": "US",
        "primary_email": EMAIL,
        "primary_phone": "5125551234",
        "primary_phone_country_code": 1,
        "date_received": at("2026-01-09T08:12:00Z"),
        "date_contacted": None,
        "planned_inspection_date": None,
        "date_inspected": None,
        "appointment_date": None,
        "custom_attribute1": "REGION-7",
        "custom_attribute2": None,
        "custom_attribute3": None,
        "custom_external_unique_id": "EXT-991",
        "company_name": "Example Insurance",
    }


def test_a_project_row_without_a_name_leaves_the_name_alone():
    body = payloads.project()
    del body["project"]["mfn"]
    (row,) = rows_of(enrich(CREATED, project=body), "claimx_projects")
    assert not {"master_file_name", "master_file_name_source", "master_file_name_at"} & set(row)


def test_the_contacts_of_a_project_have_every_field():
    holder, rep = rows_of(enrich(CREATED), "claimx_contacts")
    shared = FULL | {"project_id": PROJECT_ID, "created_date": FETCHED_AT}
    assert holder == shared | {
        "contact_id": contact_id(EMAIL, "POLICYHOLDER"),
        "contact_type": "POLICYHOLDER",
        "contact_email": EMAIL,
        "contact_email_source": BY_PROJECT,
        "first_name": "Pat",
        "first_name_source": BY_PROJECT,
        "last_name": "Sample",
        "last_name_source": BY_PROJECT,
        "phone_number": "5125551234",
        "phone_number_source": BY_PROJECT,
        "phone_country_code": 1,
        "phone_country_code_source": BY_PROJECT,
        "is_primary_contact": True,
        "is_primary_contact_source": BY_PROJECT,
    }
    assert rep == shared | {
        "contact_id": contact_id("adjuster@example.com", "CLAIM_REP"),
        "contact_type": "CLAIM_REP",
        "contact_email": "adjuster@example.com",
        "contact_email_source": BY_PROJECT,
        "is_primary_contact": True,
        "is_primary_contact_source": BY_PROJECT,
        "master_file_name": "0GKVCPF",
    }


def test_a_contact_id_is_stable_and_of_its_type():
    assert contact_id("Pat@Example.com", "POLICYHOLDER") == contact_id(" pat@example.COM ", "POLICYHOLDER")
    assert contact_id("pat@example.com", "POLICYHOLDER") != contact_id("pat@example.com", "CLAIM_REP")
    assert contact_id("pat@example.com", "POLICYHOLDER") == "3d2d5116a27a0d469125a20ecf349f23"


@pytest.mark.parametrize(
    ("emails", "expected"),
    [
        ([{"emailAddress": "a"}, {"emailAddress": "b", "primary": True}], "b"),
        ([{"emailAddress": "a"}, {"emailAddress": "b"}], "a"),
        ([{"emailAddress": "a"}, {"emailAddress": " ", "primary": True}], "a"),
        ([{"emailAddress": "a"}, {"emailAddress": "b", "primary": "true"}], "b"),
        ([None, "x", {"emailAddress": "a"}], "a"),
        ({"emailAddress": "a"}, "a"),
        ([{"emailAddress": "null"}], None),
        ([], None),
        (None, None),
        ("a@b", None),
    ],
)
def test_the_primary_email_is_the_marked_one_else_the_first(emails, expected):
    assert primary_email({"emails": emails}) == expected


def test_a_media_row_has_every_field():
    (row,) = rows_of(enrich(FILE), "claimx_attachment_metadata")
    assert row == FULL | {
        "media_id": MEDIA_ID,
        "project_id": PROJECT_ID,
        "task_assignment_id": ASSIGNMENT_ID,
        "file_type": "jpg",
        "file_name": "IMG_0042.jpg",
        "media_description": "Kitchen, under sink",
        "media_comment": None,
        "latitude": 30.2672,
        "longitude": -97.7431,
        "gps_source": "DEVICE",
        "taken_date": at("2026-01-11T15:40:58Z"),
        "full_download_link": SIGNED_LINK.partition("?")[0],
        "expires_at": (1768146100000 + 86400000) * 1000,
    }


@pytest.mark.parametrize("url", [None, "https://host/plain.jpg"])
def test_an_expiry_that_the_link_does_not_tell_is_the_api_s(url):
    body = {**payloads.media(), "fullDownloadLink": url, "expiresAt": "2026-01-12T00:00:00Z"}
    (row,) = rows_of(enrich(FILE, media=body), "claimx_attachment_metadata")
    assert row["expires_at"] == at("2026-01-12T00:00:00Z")


def test_a_task_row_has_every_field():
    (row,) = rows_of(enrich(ASSIGNED), "claimx_tasks")
    assert row == FULL | {
        "task_id": int(ASSIGNMENT_ID),
        "template_id": 32513,
        "project_id": PROJECT_ID,
        "assignee_id": None,
        "assignor_id": 485806,
        "assignor_email": "admin@example.com",
        "date_assigned": at("2026-01-11T15:39:27.526Z"),
        "date_completed": at("2026-01-11T19:19:19.974Z"),
        "status": "COMPLETED",
        "status_source": f"answer {format_time(FETCHED_AT)}",
        "task_name": "Cabinet Repair Form",
        "form_id": "69417fcfa5e6b152c25253d0",
        "form_response_id": "6963c4ac1d24b1b215b4d27d",
        "mfn": None,
        "cancelled_date": None,
        "cancelled_by_resource_id": None,
        "pdf_project_media_id": 96272067,
        "resubmit_task_assignment_id": None,
        "date_exported": None,
        "fraud_language_accepted_date": at("2026-01-11T15:41:28.441Z"),
        "stp_started_date": None,
        "stp_enabled": False,
        "xactimate_exportable": False,
        "task_url": "https://test.claimxperience.com/projects/5395115/my-task/32513?assignmentId=5423878",
    }


def test_a_template_row_has_every_field():
    (row,) = rows_of(enrich(ASSIGNED), "claimx_task_templates")
    stamps = {name: value for name, value in FULL.items() if name != "fetched_at"}
    assert row == stamps | {
        "template_id": 32513,
        "project_id": PROJECT_ID,
        "comp_id": 9680,
        "name": "Cabinet Repair Form",
        "description": "Cabinet Repair Form",
        "form_id": "69417fcfa5e6b152c25253d0",
        "form_name": "Cabinet Repair Form",
        "enabled": True,
        "is_default": None,
        "is_manual_delivery": True,
        "is_external_link_delivery": True,
        "provide_portal_access": False,
        "notify_assigned_send_recipient": True,
        "notify_assigned_send_recipient_sms": False,
        "notify_assigned_subject": "You have a task for claim #{Claim_Number}",
        "notify_task_completed": False,
        "notify_completed_subject": None,
        "allow_resubmit": False,
        "auto_generate_pdf": True,
        "modified_by": "admin@example.com",
        "modified_by_id": 485785,
        "modified_date": at("2026-01-10T22:14:44.010Z"),
        "version_at": at("2026-01-10T22:14:44.010Z"),
    }


def test_a_link_row_has_every_field():
    (row,) = rows_of(enrich(ASSIGNED), "claimx_external_links")
    stamps = {name: value for name, value in FULL.items() if name != "last_enriched_at"}
    assert {name: row[name] for name in row if name != "last_enriched_at"} == stamps | {
        "link_id": 4557181,
        "assignment_id": int(ASSIGNMENT_ID),
        "project_id": PROJECT_ID,
        "link_code": "8Ab1c0",
        "url": "https://test.claimxperience.com/external/task/4557181/8Ab1c0",
        "notification_access_method": "COPY_EXTERNAL_LINK_URL",
        "country_id": 1,
        "state_id": None,
        "accessed_count": 0,
    }


def test_the_contact_of_a_link_only_fills_what_the_project_leaves_open():
    body = payloads.project()
    body["project"]["customerInformation"] |= {"lastName": None, "phones": []}
    holder, _ = rows_of(enrich(ASSIGNED, project=body), "claimx_contacts")
    assert (holder["first_name"], holder["first_name_source"]) == ("Pat", BY_PROJECT)
    assert (holder["last_name"], holder["last_name_source"]) == ("SAMPLE", BY_LINK)
    assert (holder["phone_country_code"], holder.get("phone_number")) == (1, None)
    assert holder["is_primary_contact"] is True
    assert holder["task_assignment_id"] == int(ASSIGNMENT_ID)


def test_the_contact_of_a_link_that_no_project_knows_is_not_primary():
    body = {**payloads.assignment(), "externalLinkData": {**payloads.link(), "email": "New@Example.com"}}
    rows = rows_of(enrich(ASSIGNED, task=body), "claimx_contacts")
    (row,) = [row for row in rows if row["contact_email"] == "New@Example.com"]
    assert row["is_primary_contact"] is False
    assert not {"is_primary_contact_source", "fetched_at"} & set(row)


def test_a_video_row_has_every_field():
    (row,) = rows_of(enrich(CALLED), "claimx_video_collab")
    assert row == FULL | {
        "collaboration_id": int(VIDEO_ID),
        "project_id": PROJECT_ID,
        "status": "COMPLETED",
        "claim_id": int(PROJECT_ID),
        "mfn": "0GKVCPF",
        "claim_number": "01-123A-45B",
        "policy_number": "POL-456789-01",
        "email_user_name": "adjuster@example.com",
        "claim_rep_first_name": "Sam",
        "claim_rep_last_name": "Rep",
        "claim_rep_full_name": "Sam Rep",
        "number_of_videos": 1,
        "number_of_photos": 10,
        "number_of_viewers": 3,
        "session_count": 2,
        "total_time_seconds": "1234.567",
        "total_time": "20:34",
        "created_date": at("2026-01-12T13:00:00Z"),
        "live_call_first_session": at("2026-01-12T13:01:10Z"),
        "live_call_last_session": at("2026-01-12T13:20:44Z"),
        "company_id": 9680,
        "company_name": "Example Insurance",
        "guid": "0b6b0a6e",
        "recording_urls": None,
    }


@pytest.mark.parametrize(
    ("first", "last", "full", "expected"),
    [
        ("Sam", "Rep", None, "Sam Rep"),
        ("Sam", None, "", "Sam"),
        (None, None, None, None),
        ("Sam", "Rep", "S R", "S R"),
    ],
)
def test_the_full_name_of_a_representative_is_joined_if_absent(first, last, full, expected):
    body = payloads.video() | {"claimRepFirstName": first, "claimRepLastName": last, "claimRepFullName": full}
    (row,) = rows_of(enrich(CALLED, videos=body), "claimx_video_collab")
    assert row["claim_rep_full_name"] == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"recordingUrls": ["https://a/1?s=1", "https://a/2"]}, '["https://a/1","https://a/2"]'),
        ({"recordingUrls": "https://a/1?s=1"}, '["https://a/1"]'),
        ({"recordings": [{"url": "https://a/1?s=1"}, {"url": None}, 5, None]}, '["https://a/1"]'),
        ({"recordingUrls": []}, None),
        ({"recordingUrls": {"x": 1}}, None),
        ({}, None),
    ],
)
def test_recordings_are_listed_without_their_queries(item, expected):
    assert recording_urls(item) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/t/1?assignmentId=5", "https://h/t/1?assignmentId=5"),
        ("https://h/t/1?token=SECRET&assignmentId=5#x", "https://h/t/1?assignmentId=5"),
        ("https://h/t/1?assignmentId=SECRET", "https://h/t/1"),
        ("https://h/t/1?assignmentId=5SECRET", "https://h/t/1"),
        ("https://h/t/1", "https://h/t/1"),
        ("", None),
        (5, None),
        (None, None),
    ],
)
def test_of_the_query_of_a_task_s_page_only_its_number_is_kept(url, expected):
    assert page_link(url) == expected


ANSWERS = [
    (CREATED, "project", {"data": payloads.project()}),
    (FILE, "media", {"data": [payloads.media()]}),
    (ASSIGNED, "task", payloads.assignment()),
    (CALLED, "videos", {"data": [payloads.video()]}),
]


PLACES = [
    pytest.param(asked, name, body, place, id=f"{name}:{'/'.join(map(str, place))}")
    for asked, name, body in ANSWERS
    for place in places(body)
]
FATES = {"project.not_found", "api.wrong_project", "media.not_found", "task.not_found", "api.wrong_task"}
"""What a broken answer may make of its event; anything else is a crash."""


def rows_or_fate(asked, name, body) -> Sequence[Row]:
    try:
        return enrich(asked, is_last_ask=True, **{name: body}).rows
    except ItemError as error:
        if error.code in FATES:
            return ()
        raise


@pytest.mark.parametrize(("asked", "name", "body", "place"), PLACES)
def test_no_broken_field_crashes_or_makes_a_row_that_cannot_be_written(asked, name, body, place):
    for broken in broken_at(body, place):
        for row in rows_or_fate(asked, name, broken):
            for column in TABLES[row.table].columns:
                assert_fits(column.type, row.values.get(column.name))
            assert all(row.values[name] is not None for name in TABLES[row.table].key)


NEEDED = {"data", "project", "mediaID", "taskId", "linkId", "customTask", "externalLinkData"}
"""Without these there is nothing to make a row of."""


@pytest.mark.parametrize(("asked", "name", "body", "place"), PLACES)
def test_an_optional_field_that_is_not_there_costs_no_table_its_row(asked, name, body, place):
    if place[-1] in NEEDED or isinstance(place[-1], int):
        return
    tables = {row.table for row in enrich(asked).rows}
    for body_without in lacking(body, place):
        assert {row.table for row in enrich(asked, is_last_ask=True, **{name: body_without}).rows} == tables


def assert_fits(kind: Type, value: object) -> None:
    if value is None:
        return
    match kind:
        case Type.STRING:
            assert isinstance(value, str)
            value.encode()
        case Type.BOOLEAN:
            assert isinstance(value, bool)
        case Type.FLOAT64:
            assert isinstance(value, float)
        case Type.INT64:
            assert type(value) is int
            assert -(2**63) <= value < 2**63
        case Type.TIMESTAMP | Type.DATE:
            assert type(value) is int
            format_time(value)
