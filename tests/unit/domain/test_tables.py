"""The declared tables hold together, and hold every column of reference/domain.md 3.3."""

import pytest

from claimx.domain.event_log import LogLine
from claimx.domain.rows import Column, Policy, Table, Type
from claimx.domain.tables import TABLES

KEYS = {
    "claimx_events": ("event_id",),
    "claimx_projects": ("project_id",),
    "claimx_contacts": ("contact_id", "project_id"),
    "claimx_attachment_metadata": ("media_id",),
    "claimx_tasks": ("task_id",),
    "claimx_task_templates": ("template_id", "project_id"),
    "claimx_external_links": ("link_id",),
    "claimx_video_collab": ("collaboration_id",),
    "claimx_attachments": ("media_id",),
    "claimx_event_log": (),
}
S, L, R, B, T, D = Type.STRING, Type.INT64, Type.FLOAT64, Type.BOOLEAN, Type.TIMESTAMP, Type.DATE
STAMPS = {S: "event_id", T: "created_at updated_at"}
ENRICHED = {S: "event_id", T: "created_at updated_at last_enriched_at"}
KNOWN: dict[str, list[dict[Type, str]]] = {
    "claimx_projects": [
        ENRICHED,
        {
            S: """project_id project_number master_file_name secondary_number status type_of_loss cause_of_loss
                loss_description customer_first_name customer_last_name custom_business_name business_line_type
                street1 street2 city state_province zip_postcode county country primary_email primary_phone
                custom_attribute1 custom_attribute2 custom_attribute3 custom_external_unique_id company_name
                coverages""",
            L: "year_built square_footage primary_phone_country_code",
            B: "contents_task_sent xa_autolink_fail",
            T: """created_date date_of_loss date_received date_contacted planned_inspection_date date_inspected
                appointment_date contents_task_at xa_autolink_fail_at policyholder_invited_at
                policyholder_joined_at""",
        },
    ],
    "claimx_contacts": [
        ENRICHED,
        {
            S: """contact_id project_id contact_email contact_type first_name last_name phone_number
                master_file_name video_collaboration_id invite_status""",
            L: "phone_country_code task_assignment_id",
            B: "is_primary_contact",
            T: "invited_at joined_at",
            D: "created_date",
        },
    ],
    "claimx_attachment_metadata": [
        ENRICHED,
        {
            S: """media_id project_id task_assignment_id file_type file_name media_description media_comment
                gps_source full_download_link""",
            R: "latitude longitude",
            T: "taken_date expires_at",
        },
    ],
    "claimx_tasks": [
        ENRICHED,
        {
            S: """project_id status mfn task_name form_id assignor_email form_response_id task_url""",
            L: """task_id template_id assignee_id assignor_id cancelled_by_resource_id pdf_project_media_id
                resubmit_task_assignment_id""",
            B: "stp_enabled xactimate_exportable",
            T: """date_assigned date_completed cancelled_date date_exported stp_started_date
                fraud_language_accepted_date""",
        },
    ],
    "claimx_task_templates": [
        ENRICHED,
        {
            S: """project_id name description form_id form_name notify_assigned_subject notify_completed_subject
                modified_by""",
            L: "template_id comp_id modified_by_id",
            B: """enabled is_default is_manual_delivery is_external_link_delivery provide_portal_access
                notify_assigned_send_recipient notify_assigned_send_recipient_sms notify_task_completed
                allow_resubmit auto_generate_pdf""",
            T: "modified_date",
        },
    ],
    "claimx_external_links": [
        STAMPS,
        {
            S: "project_id link_code url notification_access_method",
            L: "link_id assignment_id country_id state_id accessed_count",
            T: "created_date last_accessed",
        },
    ],
    "claimx_video_collab": [
        ENRICHED,
        {
            S: """project_id status mfn claim_number policy_number email_user_name claim_rep_first_name
                claim_rep_last_name claim_rep_full_name total_time_seconds total_time company_name guid
                recording_urls""",
            L: """collaboration_id claim_id number_of_videos number_of_photos number_of_viewers session_count
                company_id""",
            T: "created_date live_call_first_session live_call_last_session",
        },
    ],
    "claimx_attachments": [
        STAMPS,
        {
            S: "media_id project_id file_name file_type blob_path sha256 content_type download_url",
            L: "bytes",
            T: "uploaded_at",
        },
    ],
    "claimx_events": [
        {
            S: """event_id event_type project_id media_id task_assignment_id video_collaboration_id
                master_file_name raw_data""",
            T: "ingested_at created_at",
            D: "event_date",
        }
    ],
    "claimx_event_log": [
        {
            S: "event_id event_type project_id outcome stage error_code topic",
            L: "attempts api_calls duration_ms partition offset",
            T: "processed_at",
            D: "processed_date",
        }
    ],
}
"""Every column of reference/domain.md 3.3, the dropped ones included, under the names of design.md 4. Texts that hold
times are timestamps; int32 is int64."""
CLOCKS = {
    "claimx_projects": "master_file_name_source master_file_name_at fetched_at",
    "claimx_contacts": """contact_email_source first_name_source last_name_source phone_number_source
        phone_country_code_source is_primary_contact_source fetched_at""",
    "claimx_attachment_metadata": "fetched_at",
    "claimx_tasks": "status_source fetched_at",
    "claimx_task_templates": "version_at",
    "claimx_external_links": "last_enriched_at fetched_at",
    "claimx_video_collab": "fetched_at",
    "claimx_event_log": "child first_origin",
}
"""Columns of our own."""
ALL = [pytest.param(table, id=name) for name, table in TABLES.items()]


def column(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.name == name)


def test_there_are_ten_tables_with_these_keys():
    assert {name: table.key for name, table in TABLES.items()} == KEYS


@pytest.mark.parametrize("name", TABLES)
def test_every_known_column_is_there_with_its_type_and_no_other(name: str):
    known = {column: kind for part in KNOWN[name] for kind, names in part.items() for column in names.split()}
    found = {column.name: column.type for column in TABLES[name].columns}
    own = set(CLOCKS.get(name, "").split())
    assert own <= found.keys()
    assert {column: kind for column, kind in found.items() if column not in own} == known


def test_the_columns_of_the_events_are_these_in_this_order():
    assert [column.name for column in TABLES["claimx_events"].columns] == [
        "event_id",
        "event_type",
        "project_id",
        "media_id",
        "task_assignment_id",
        "video_collaboration_id",
        "master_file_name",
        "ingested_at",
        "created_at",
        "event_date",
        "raw_data",
    ]


def test_the_event_log_has_the_fields_of_a_line_and_the_day():
    names = [column.name for column in TABLES["claimx_event_log"].columns]
    assert names == [*LogLine.__struct_fields__, "processed_date"]


@pytest.mark.parametrize("table", ALL)
def test_no_column_is_declared_twice_and_none_is_called_trace_id(table: Table):
    names = [column.name for column in table.columns]
    assert len(names) == len(set(names))
    assert "trace_id" not in names


@pytest.mark.parametrize("table", ALL)
def test_every_clock_is_a_column_of_its_table_that_only_grows(table: Table):
    for guarded in table.columns:
        if guarded.policy in {Policy.NEWEST, Policy.NEWEST_NON_NULL}:
            clock = column(table, guarded.clock)
            assert clock.type in {Type.TIMESTAMP, Type.STRING}
            assert clock.policy is Policy.MAX


@pytest.mark.parametrize("table", ALL)
def test_a_row_is_as_old_as_its_earliest_source_and_as_new_as_its_latest(table: Table):
    policies = {column.name: column.policy for column in table.columns}
    if table.name not in {"claimx_events", "claimx_event_log"}:
        assert policies["created_at"] is Policy.MIN
        assert policies["updated_at"] is (
            Policy.NEWEST if table.name == "claimx_task_templates" else Policy.MAX
        )


@pytest.mark.parametrize("table", ALL)
def test_partitions_are_days_of_the_table(table: Table):
    assert all(column(table, name).type is Type.DATE for name in table.partition_by)


@pytest.mark.parametrize(
    ("table", "name", "values"),
    [
        ("claimx_contacts", "invite_status", ("INVITED", "JOINED")),
        ("claimx_video_collab", "status", ("INVITED", "COMPLETED")),
    ],
)
def test_a_status_that_never_goes_back_is_kept_by_its_order(table: str, name: str, values: tuple[str, str]):
    policy = column(TABLES[table], name).policy
    assert (max if policy is Policy.MAX else min)(values) == values[1]
