"""Where every column of the API's answers comes from, written down from reference/domain.md 3.3, not from the code.

A path is that of a field within the bare object of an answer; ``#`` is the number of a list's item.
"""

from typing import NamedTuple

Path = tuple[str | int, ...]


class Source(NamedTuple):
    """One row of an answer.

    Args:
        table: its table.
        needs: paths without which there is no such row, or another one.
        columns: for each column the paths that it is made of.
    """

    table: str
    needs: tuple[str, ...]
    columns: dict[str, str]


_SNAKE = {
    "project": """project_number:projectNumber secondary_number:secondaryNumber status:status
        created_date:createdDate date_of_loss:dateOfLoss type_of_loss:typeOfLoss cause_of_loss:causeOfLoss
        loss_description:lossDescription year_built:yearBuilt square_footage:squareFootage
        date_received:dateReceived date_contacted:dateContacted planned_inspection_date:plannedInspectionDate
        date_inspected:dateInspected appointment_date:appointmentDate custom_attribute1:customAttribute1
        custom_attribute2:customAttribute2 custom_attribute3:customAttribute3
        custom_external_unique_id:customExternalUniqueId master_file_name:mfn
        master_file_name_source:mfn master_file_name_at:mfn""",
    "project.customerInformation": """customer_first_name:firstName customer_last_name:lastName
        custom_business_name:customBusinessName business_line_type:businessLineType primary_email:emails.0
        primary_phone:phones.0 primary_phone_country_code:phones.0""",
    "project.address": """street1:street1 street2:street2 city:city state_province:stateProvince
        zip_postcode:zipPostcode county:county country:country""",
}
_TASK = """template_id:taskId assignee_id:assigneeId assignor_id:assignorId assignor_email:assignor
    date_assigned:dateAssigned date_completed:dateCompleted status:status status_source:status stp_enabled:stpEnabled mfn:mfn
    task_name:taskName form_id:formId cancelled_date:cancelledDate cancelled_by_resource_id:cancelledByResourceId
    pdf_project_media_id:pdfProjectMediaId date_exported:dateExported form_response_id:formResponseId
    stp_started_date:stpStartedDate xactimate_exportable:xactimateExportable
    fraud_language_accepted_date:fraudLanguageAcceptedDate resubmit_task_assignment_id:resubmitTaskAssignmentId
    task_url:url"""
_TEMPLATE = """comp_id:compId name:name description:description form_id:formId form_name:formName enabled:enabled
    is_default:default is_manual_delivery:isManualDelivery is_external_link_delivery:isExternalLinkDelivery
    provide_portal_access:providePortalAccess notify_assigned_send_recipient:notifyAssignedSendRecipient
    notify_assigned_send_recipient_sms:notifyAssignedSendRecipientSms
    notify_assigned_subject:notifyAssignedSubject notify_task_completed:notifyTaskCompleted
    notify_completed_subject:notifyCompletedSubject allow_resubmit:allowReSubmit
    auto_generate_pdf:autoGeneratePdf modified_by:modifiedBy modified_by_id:modifiedById
    modified_date:modifiedDate version_at:modifiedDate"""
_LINK = """link_code:linkCode url:url notification_access_method:notificationAccessMethod country_id:countryId
    state_id:stateId"""
_MEDIA = """task_assignment_id:taskAssignmentId file_type:mediaType file_name:mediaName
    media_description:mediaDescription media_comment:mediaComment latitude:latitude longitude:longitude
    gps_source:gpsSource taken_date:takenDate full_download_link:fullDownloadLink
    expires_at:fullDownloadLink,expiresAt"""
_VIDEO = """claim_id:claimId mfn:mfn claim_number:claimNumber policy_number:policyNumber
    email_user_name:emailUserName claim_rep_first_name:claimRepFirstName claim_rep_last_name:claimRepLastName
    claim_rep_full_name:claimRepFirstName,claimRepLastName,claimRepFullName number_of_videos:numberOfVideos
    number_of_photos:numberOfPhotos number_of_viewers:numberOfViewers session_count:sessionCount
    total_time_seconds:totalTimeSeconds total_time:totalTime created_date:createdDate
    live_call_first_session:liveCallFirstSession live_call_last_session:liveCallLastSession company_id:companyId
    company_name:companyName guid:guid recording_urls:recordingUrls"""


def _below(prefix: str, pairs: str) -> dict[str, str]:
    dot = f"{prefix}." if prefix else ""
    named = dict(pair.split(":") for pair in pairs.split())
    return {column: ",".join(dot + path for path in paths.split(",")) for column, paths in named.items()}


def _person(**paths: str) -> dict[str, str]:
    """Columns of a contact, each with the source beside it, which is there if the value is."""
    return {f"{column}{ending}": path for column, path in paths.items() for ending in ("", "_source")}


_CUSTOMER = "project.customerInformation"
PROJECT = (
    Source(
        "claimx_projects",
        ("project", "project.projectId"),
        {column: path for prefix, pairs in _SNAKE.items() for column, path in _below(prefix, pairs).items()}
        | {"company_name": "companyName"},
    ),
    Source(
        "claimx_contacts",
        (f"{_CUSTOMER}.emails.0", "project.projectId"),
        _person(
            contact_email=f"{_CUSTOMER}.emails.0",
            first_name=f"{_CUSTOMER}.firstName",
            last_name=f"{_CUSTOMER}.lastName",
            phone_number=f"{_CUSTOMER}.phones.0",
            phone_country_code=f"{_CUSTOMER}.phones.0",
        ),
    ),
    *(
        Source(
            "claimx_contacts",
            (f"teamMembers.{n}.userName", "project.projectId"),
            {
                "is_primary_contact": f"teamMembers.{n}.primaryContact",
                "is_primary_contact_source": f"teamMembers.{n}.primaryContact",
                "master_file_name": f"teamMembers.{n}.mfn",
            }
            | _person(contact_email=f"teamMembers.{n}.userName"),
        )
        for n in (0, 1)
    ),
)
TASK = (
    Source("claimx_tasks", ("assignmentId",), _below("", _TASK)),
    Source("claimx_task_templates", ("customTask.taskId", "assignmentId"), _below("customTask", _TEMPLATE)),
    Source(
        "claimx_external_links",
        ("externalLinkData.linkId", "assignmentId"),
        _below("externalLinkData", _LINK),
    ),
    Source(
        "claimx_contacts",
        ("externalLinkData.email", "assignmentId"),
        _person(
            contact_email="externalLinkData.email",
            first_name="externalLinkData.firstName",
            last_name="externalLinkData.lastName",
            phone_number="externalLinkData.phone",
            phone_country_code="externalLinkData.phoneCountryCode",
        ),
    ),
)
MEDIA = tuple(Source("claimx_attachment_metadata", (f"{n}.mediaID",), _below(str(n), _MEDIA)) for n in (0, 1))
VIDEO = (Source("claimx_video_collab", ("0.videoCollaborationId",), _below("0", _VIDEO)),)


def paths_of(text: str) -> list[Path]:
    """The paths of a column."""
    return [
        tuple(int(step) if step.isdigit() else step for step in path.split(".")) for path in text.split(",")
    ]


def touches(place: Path, text: str) -> bool:
    """Whether what stands at a place is part of any of these paths, or holds it."""
    return any(path[: len(place)] == place or place[: len(path)] == path for path in paths_of(text))
