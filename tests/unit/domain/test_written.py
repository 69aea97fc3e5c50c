"""What each type of event leaves in the tables: its columns and no other, and what of it a later event may change."""

from itertools import permutations

import pytest

from claimx.domain.answers import GetProject, GetTask
from claimx.domain.handlers.plan import Enrichment
from claimx.domain.handlers.registry import HANDLERS, plan_for
from claimx.domain.policyholders import Policyholder
from claimx.domain.rows import Policy, Row, collapse, merge_values
from claimx.domain.tables import TABLES
from claimx.domain.times import SECOND
from support import payloads, sources
from support.payloads import ASSIGNMENT_ID, FETCHED_AT, INGESTED_AT, MEDIA_ID, VIDEO_ID, task
from support.plans import HEALTHY, converse, enrich, rows_of

Columns = dict[str, set[str]]
STAMPS = {"event_id", "created_at", "updated_at"}
ASKED = {"last_enriched_at"}
FULL = STAMPS | ASKED | {"fetched_at"}
PERSON = {"contact_id", "project_id", "contact_type", "created_date"} | STAMPS
OTHER = Policyholder("other@example.com", first_name="Kim")


def project(*more: str) -> Columns:
    """What a project's answer sets; ``more`` is what the event sets on the project."""
    contact = PERSON | FULL | {"is_primary_contact", "is_primary_contact_source"}
    for source in sources.PROJECT[1:]:
        contact = contact | set(source.columns)
    return {
        "claimx_projects": {"project_id", *sources.PROJECT[0].columns, *more} | FULL,
        "claimx_contacts": contact,
    }


def policyholder(column: str, own: str) -> Columns:
    """A policyholder of whom the API tells."""
    columns = project(column)
    return columns | {"claimx_contacts": columns["claimx_contacts"] | {"invite_status", own}}


def described(column: str, own: str) -> Columns:
    """A policyholder of whom the event tells."""
    told = {f"{name}{ending}" for name in ("contact_email", "first_name") for ending in ("", "_source")}
    return {
        "claimx_projects": {"project_id", column} | STAMPS,
        "claimx_contacts": PERSON | told | {"invite_status", own},
    }


def flag(name: str, at: str) -> Columns:
    return {"claimx_projects": {"project_id", name, at} | STAMPS}


MEDIA: Columns = {"claimx_attachment_metadata": {"media_id", "project_id", *sources.MEDIA[0].columns} | FULL}
TASK: Columns = {
    "claimx_tasks": {"task_id", "project_id", *sources.TASK[0].columns} | FULL,
    "claimx_task_templates": {"template_id", "project_id", *sources.TASK[1].columns} | STAMPS | ASKED,
    "claimx_external_links": {
        "link_id",
        "assignment_id",
        "project_id",
        "accessed_count",
        *sources.TASK[2].columns,
    }
    | FULL,
    "claimx_contacts": PERSON
    | {"is_primary_contact", "task_assignment_id", *sources.TASK[3].columns}
    - {"phone_number", "phone_number_source"}
    | ASKED,
}
VIDEO: Columns = {
    "claimx_video_collab": {"collaboration_id", "project_id", "status", *sources.VIDEO[0].columns} | FULL
}
SETS: list[tuple[str, dict[str, object], Columns]] = [
    ("PROJECT_CREATED", {}, project()),
    ("PROJECT_MFN_ADDED", {"master_file_name": "NEW"}, project()),
    ("PROJECT_MFN_ADDED", {}, project()),
    ("PROJECT_FILE_ADDED", {"media_id": MEDIA_ID}, MEDIA),
    ("PROJECT_FILE_ADDED", {}, MEDIA),
    ("CUSTOM_TASK_ASSIGNED", {"task_assignment_id": ASSIGNMENT_ID}, TASK),
    ("CUSTOM_TASK_COMPLETED", {"task_assignment_id": ASSIGNMENT_ID}, TASK),
    ("POLICYHOLDER_INVITED", {}, policyholder("policyholder_invited_at", "invited_at")),
    ("POLICYHOLDER_INVITED", {"policyholder": OTHER}, described("policyholder_invited_at", "invited_at")),
    ("POLICYHOLDER_JOINED", {}, policyholder("policyholder_joined_at", "joined_at")),
    ("POLICYHOLDER_JOINED", {"policyholder": OTHER}, described("policyholder_joined_at", "joined_at")),
    ("VIDEO_COLLABORATION_INVITE_SENT", {"video_collaboration_id": VIDEO_ID}, VIDEO),
    ("VIDEO_COLLABORATION_COMPLETED", {"video_collaboration_id": VIDEO_ID}, VIDEO),
    ("PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL", {}, flag("xa_autolink_fail", "xa_autolink_fail_at")),
    ("PERSONAL_PROPERTY_TASK_SHARED", {}, flag("contents_task_sent", "contents_task_at")),
]


@pytest.mark.parametrize(("event_type", "fields", "expected"), SETS)
def test_an_event_sets_these_columns_and_no_other(event_type, fields, expected):
    enrichment, _ = converse(plan_for(task(event_type, **fields), is_last_ask=False), HEALTHY)
    found: Columns = {}
    for row in enrichment.rows:
        found.setdefault(row.table, set()).update(row.values)
    assert found == expected


def test_every_column_that_is_claimx_s_own_is_set_by_some_event():
    assert {event_type for event_type, *_ in SETS} == set(HANDLERS)
    for table in {name for *_, expected in SETS for name in expected}:
        ours = {column.name for column in TABLES[table].columns if column.policy is not Policy.FILL_NULL}
        assert ours == set().union(*(expected.get(table, set()) for *_, expected in SETS)), table


def left(table: str, *enrichments: Enrichment) -> list[Row]:
    """The rows of a table after these, in this order."""
    rows = [row for enrichment in enrichments for row in enrichment.rows if row.table == table]
    return collapse(TABLES[table], rows)


@pytest.mark.parametrize(
    ("event_type", "flag_name", "at"),
    [
        ("PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL", "xa_autolink_fail", "xa_autolink_fail_at"),
        ("PERSONAL_PROPERTY_TASK_SHARED", "contents_task_sent", "contents_task_at"),
    ],
)
def test_a_flag_keeps_its_first_time_and_no_answer_takes_it_away(event_type, flag_name, at):
    again, first = (enrich(task(event_type, ingested_at=INGESTED_AT + late)) for late in (9, 0))
    (row,) = left("claimx_projects", again, first, enrich(task("PROJECT_CREATED")))
    assert (row.values[flag_name], row.values[at], row.values["status"]) == (True, INGESTED_AT, "Active")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_an_invitation_that_comes_again_or_late_changes_nothing(order):
    told = [
        enrich(task("POLICYHOLDER_INVITED")),
        enrich(task("POLICYHOLDER_JOINED", ingested_at=INGESTED_AT + 1)),
        enrich(task("POLICYHOLDER_INVITED", ingested_at=INGESTED_AT + 2)),
    ]
    holder = left("claimx_contacts", *(told[n] for n in order))[0].values
    assert [holder[name] for name in ("invite_status", "invited_at", "joined_at")] == [
        "JOINED",
        INGESTED_AT,
        INGESTED_AT + 1,
    ]


def shared(name: str, modified_date: str | None, later: int = 0) -> Enrichment:
    body = payloads.assignment()
    body["customTask"] |= {"name": name, "modifiedDate": modified_date}
    asked = task("CUSTOM_TASK_ASSIGNED", task_assignment_id=ASSIGNMENT_ID)
    return enrich(asked, task=body, fetched_at=FETCHED_AT + later)


@pytest.mark.parametrize("later", ["2026-01-10T22:14:44.010+00:00", "2026-01-09T00:00:00Z", None])
def test_a_template_that_is_not_newer_changes_nothing_however_late_it_comes(later):
    told = [shared("first", "2026-01-10T22:14:44.010Z"), shared("second", later, SECOND)]
    (row,) = left("claimx_task_templates", *told)
    assert row.values["name"] == "first"


@pytest.mark.parametrize("earlier", ["2026-01-09T00:00:00Z", None])
def test_a_template_with_a_newer_date_is_taken_and_any_date_beats_none(earlier):
    told = [shared("first", earlier, SECOND), shared("second", "2026-01-10T22:14:44.010Z")]
    (row,) = left("claimx_task_templates", *told)
    assert row.values["name"] == "second"


@pytest.mark.parametrize("name", [None, "", "OLD"])
def test_an_answer_from_before_never_takes_the_name_of_an_event_away(name):
    body = payloads.project()
    body["project"]["mfn"] = name
    added = enrich(
        task("PROJECT_MFN_ADDED", master_file_name="NEW", ingested_at=FETCHED_AT + SECOND),
        project=body,
        fetched_at=FETCHED_AT + 2 * SECOND,
    )
    before = enrich(task("PROJECT_CREATED"), project=body, fetched_at=FETCHED_AT)
    for told in ([before, added], [added, before]):
        (row,) = left("claimx_projects", *told)
        assert row.values["master_file_name"] == "NEW"


@pytest.mark.parametrize("name", ["BEFORE", None, ""])
def test_an_answer_fetched_after_the_event_may_still_have_the_old_name_and_takes_nothing_away(name):
    body = payloads.project()
    body["project"]["mfn"] = name
    added = enrich(task("PROJECT_MFN_ADDED", master_file_name="NEW", ingested_at=FETCHED_AT))
    after = enrich(task("PROJECT_CREATED"), project=body, fetched_at=FETCHED_AT + SECOND)
    for told in ([after, added], [added, after]):
        (row,) = left("claimx_projects", *told)
        assert (row.values["master_file_name"], row.values["master_file_name_at"]) == ("NEW", FETCHED_AT)


def test_of_two_names_the_later_stands_and_of_one_moment_the_greater():
    told = [
        enrich(task("PROJECT_MFN_ADDED", master_file_name=name, ingested_at=at))
        for name, at in (("Z", INGESTED_AT), ("B", INGESTED_AT + 1), ("C", INGESTED_AT + 1))
    ]
    for order in permutations(told):
        (row,) = left("claimx_projects", *order)
        assert row.values["master_file_name"] == "C"


def rep_of(project_rows: Enrichment) -> Row:
    return next(row for row in project_rows.rows if row.values.get("contact_type") == "CLAIM_REP")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_who_is_not_the_primary_contact_any_more_is_not_when_the_newest_answer_says_so(order):
    told = []
    for n, is_primary in enumerate((True, False, None)):
        body = payloads.project()
        body["teamMembers"][0]["primaryContact"] = is_primary
        told.append(rep_of(enrich(task("PROJECT_CREATED"), project=body, fetched_at=FETCHED_AT + n * SECOND)))
    (row,) = collapse(TABLES["claimx_contacts"], [told[n] for n in order])
    assert row.values["is_primary_contact"] is False


def test_a_link_takes_the_primary_contact_from_no_row_not_even_of_before_it_had_a_source():
    (link,) = enrich(task("CUSTOM_TASK_ASSIGNED", task_assignment_id=ASSIGNMENT_ID), project=None).rows[-1:]
    of_before = Row("claimx_contacts", {"is_primary_contact": True, "contact_id": link.values["contact_id"]})
    kept = merge_values(TABLES["claimx_contacts"], of_before.values, link.values)
    assert kept["is_primary_contact"] is True


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_project_knows_a_contact_better_than_a_link_and_a_link_better_than_an_event(order):
    person = Policyholder(payloads.EMAIL, first_name="E", last_name="E", phone_number="E")
    assignment, body = payloads.assignment(), payloads.project()
    assignment["externalLinkData"] |= {"firstName": "L", "lastName": "L"}
    body["project"]["customerInformation"] |= {"firstName": "P", "lastName": None, "phones": []}
    late = FETCHED_AT + 9 * SECOND
    told = [
        converse(plan_for(asked, is_last_ask=False), HEALTHY | answers, fetched_at)[0]
        for asked, answers, fetched_at in (
            (task("POLICYHOLDER_JOINED", policyholder=person, ingested_at=late), {}, late),
            (task("CUSTOM_TASK_ASSIGNED", task_assignment_id=ASSIGNMENT_ID), {GetTask: assignment}, late),
            (task("PROJECT_CREATED"), {GetProject: body}, FETCHED_AT),
        )
    ]
    rows = left("claimx_contacts", *(told[n] for n in order))
    (holder,) = [row.values for row in rows if row.values["contact_type"] == "POLICYHOLDER"]
    assert [holder[name] for name in ("first_name", "last_name", "phone_number")] == ["P", "L", "E"]


def test_a_call_that_was_completed_is_never_invited_again():
    fields = {"video_collaboration_id": VIDEO_ID}
    completed = enrich(task("VIDEO_COLLABORATION_COMPLETED", **fields))
    invited = enrich(task("VIDEO_COLLABORATION_INVITE_SENT", **fields), fetched_at=FETCHED_AT + SECOND)
    (row,) = left("claimx_video_collab", completed, invited)
    assert row.values["status"] == "COMPLETED"


def test_counts_that_others_keep_are_never_set_back():
    enrichment = enrich(task("CUSTOM_TASK_ASSIGNED", task_assignment_id=ASSIGNMENT_ID))
    (link,) = rows_of(enrichment, "claimx_external_links")
    counted = Row("claimx_external_links", {**link, "accessed_count": 5, "last_accessed": INGESTED_AT})
    (row,) = collapse(TABLES[counted.table], [counted, Row(counted.table, link)])
    assert (row.values["accessed_count"], row.values["last_accessed"]) == (5, INGESTED_AT)


@pytest.mark.parametrize("name", ["taskAssignmentId", "taskAssignmentID"])
def test_both_spellings_of_a_media_s_assignment_are_read(name):
    body = {key: value for key, value in payloads.media().items() if key != "taskAssignmentId"} | {name: 5}
    (row,) = rows_of(
        enrich(task("PROJECT_FILE_ADDED", media_id=MEDIA_ID), media=body), "claimx_attachment_metadata"
    )
    assert row["task_assignment_id"] == "5"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_task_that_an_event_completes_stays_completed_however_far_behind_the_answers_are(order):
    lagging = payloads.assignment() | {"status": "IN_PROGRESS"}
    fields = {"task_assignment_id": ASSIGNMENT_ID}
    told = [
        enrich(task("CUSTOM_TASK_ASSIGNED", **fields), task=lagging),
        enrich(task("CUSTOM_TASK_COMPLETED", **fields), task=lagging | {"status": None}),
        enrich(task("CUSTOM_TASK_ASSIGNED", **fields), task=lagging, fetched_at=FETCHED_AT + SECOND),
    ]
    (row,) = left("claimx_tasks", *(told[n] for n in order))
    assert row.values["status"] == "COMPLETED"
    assert row.values["task_name"] == "Cabinet Repair Form"
