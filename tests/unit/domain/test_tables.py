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
STAMPS = "event_id created_at updated_at"
KNOWN = {
    "claimx_projects": f"""project_number master_file_name secondary_number status created_date date_of_loss
        type_of_loss cause_of_loss loss_description customer_first_name customer_last_name custom_business_name
        business_line_type year_built square_footage street1 street2 city state_province zip_postcode county country
        primary_email primary_phone primary_phone_country_code date_received date_contacted planned_inspection_date
        date_inspected appointment_date custom_attribute1 custom_attribute2 custom_attribute3
        custom_external_unique_id company_name coverages contents_task_sent contents_task_at xa_autolink_fail
        xa_autolink_fail_at policyholder_invited_at policyholder_joined_at last_enriched_at {STAMPS}""",
    "claimx_contacts": f"""contact_email contact_type first_name last_name phone_number phone_country_code
        is_primary_contact master_file_name task_assignment_id video_collaboration_id invite_status invited_at
        joined_at last_enriched_at created_date {STAMPS}""",
    "claimx_attachment_metadata": f"""project_id task_assignment_id file_type file_name media_description
        media_comment latitude longitude gps_source taken_date full_download_link expires_at last_enriched_at
        {STAMPS}""",
    "claimx_tasks": f"""template_id project_id assignee_id assignor_id date_assigned date_completed status
        stp_enabled mfn task_name form_id assignor_email cancelled_date cancelled_by_resource_id
        pdf_project_media_id date_exported form_response_id stp_started_date xactimate_exportable
        fraud_language_accepted_date resubmit_task_assignment_id task_url last_enriched_at {STAMPS}""",
    "claimx_task_templates": f"""comp_id name description form_id form_name enabled is_default is_manual_delivery
        is_external_link_delivery provide_portal_access notify_assigned_send_recipient
        notify_assigned_send_recipient_sms notify_assigned_subject notify_task_completed notify_completed_subject
        allow_resubmit auto_generate_pdf modified_by modified_by_id modified_date last_enriched_at {STAMPS}""",
    "claimx_external_links": f"""assignment_id project_id link_code url notification_access_method country_id
        state_id created_date accessed_count last_accessed {STAMPS}""",
    "claimx_video_collab": f"""project_id status claim_id mfn claim_number policy_number email_user_name
        claim_rep_first_name claim_rep_last_name claim_rep_full_name number_of_videos number_of_photos
        number_of_viewers session_count total_time_seconds total_time created_date live_call_first_session
        live_call_last_session company_id company_name guid recording_urls last_enriched_at {STAMPS}""",
    "claimx_attachments": f"""project_id file_name file_type blob_path bytes sha256 content_type download_url
        uploaded_at {STAMPS}""",
}
ALL = [pytest.param(table, id=name) for name, table in TABLES.items()]


def column(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.name == name)


def test_there_are_ten_tables_with_these_keys():
    assert {name: table.key for name, table in TABLES.items()} == KEYS


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_column_is_there(name: str):
    assert set(KNOWN[name].split()) <= {column.name for column in TABLES[name].columns}


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
