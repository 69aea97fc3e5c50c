"""claimx_tasks, claimx_task_templates and claimx_external_links: what one assignment tells."""

import re

from claimx.domain.answers import Json
from claimx.domain.coerce import boolean, integer, link, text, time
from claimx.domain.entities.contacts import link_contact
from claimx.domain.entities.fields import Body, Field, Said, child, full, partial, pick
from claimx.domain.rows import Row, Value
from claimx.domain.times import Micros, format_time

TASKS = "claimx_tasks"
TEMPLATES = "claimx_task_templates"
LINKS = "claimx_external_links"

_ASSIGNMENT_ID = re.compile(r"[?&]assignmentId=([0-9]{1,19})(?=[&#]|\Z)")


def page_link(value: Json) -> str | None:
    """Keep the URL of a task's page: of its query only the assignment's number, without which it shows another."""
    url = link(value)
    number = _ASSIGNMENT_ID.search(value) if isinstance(value, str) else None
    return f"{url}?assignmentId={number[1]}" if url and number else url


_TASK: tuple[Field, ...] = (
    ("template_id", "taskId", integer),
    ("assignee_id", "assigneeId", integer),
    ("assignor_id", "assignorId", integer),
    ("assignor_email", "assignor", text),
    ("date_assigned", "dateAssigned", time),
    ("date_completed", "dateCompleted", time),
    ("task_name", "taskName", text),
    ("form_id", "formId", text),
    ("form_response_id", "formResponseId", text),
    ("mfn", "mfn", text),
    ("cancelled_date", "cancelledDate", time),
    ("cancelled_by_resource_id", "cancelledByResourceId", integer),
    ("pdf_project_media_id", "pdfProjectMediaId", integer),
    ("resubmit_task_assignment_id", "resubmitTaskAssignmentId", integer),
    ("date_exported", "dateExported", time),
    ("fraud_language_accepted_date", "fraudLanguageAcceptedDate", time),
    ("stp_started_date", "stpStartedDate", time),
    ("stp_enabled", "stpEnabled", boolean),
    ("xactimate_exportable", "xactimateExportable", boolean),
    ("task_url", "url", page_link),
)
_TEMPLATE: tuple[Field, ...] = (
    ("comp_id", "compId", integer),
    ("name", "name", text),
    ("description", "description", text),
    ("form_id", "formId", text),
    ("form_name", "formName", text),
    ("enabled", "enabled", boolean),
    ("is_default", "default", boolean),
    ("is_manual_delivery", "isManualDelivery", boolean),
    ("is_external_link_delivery", "isExternalLinkDelivery", boolean),
    ("provide_portal_access", "providePortalAccess", boolean),
    ("notify_assigned_send_recipient", "notifyAssignedSendRecipient", boolean),
    ("notify_assigned_send_recipient_sms", "notifyAssignedSendRecipientSms", boolean),
    ("notify_assigned_subject", "notifyAssignedSubject", text),
    ("notify_task_completed", "notifyTaskCompleted", boolean),
    ("notify_completed_subject", "notifyCompletedSubject", text),
    ("allow_resubmit", "allowReSubmit", boolean),
    ("auto_generate_pdf", "autoGeneratePdf", boolean),
    ("modified_by", "modifiedBy", text),
    ("modified_by_id", "modifiedById", integer),
    ("modified_date", "modifiedDate", time),
)
_LINK: tuple[Field, ...] = (
    ("link_code", "linkCode", text),
    ("url", "url", link),
    ("notification_access_method", "notificationAccessMethod", text),
    ("country_id", "countryId", integer),
    ("state_id", "stateId", integer),
)


def task_status(rank: str, status: str | None, at: Micros) -> dict[str, Value]:
    """Put the source beside a status: an event that completes a task beats every answer, which may lag behind it.

    Args:
        rank: ``answer`` or ``event``: they sort that way.
    """
    return {} if status is None else {"status": status, "status_source": f"{rank} {format_time(at)}"}


def assignment_rows(body: Body, assignment_id: int, project_id: str, said: Said) -> list[Row]:
    """Make all rows that an assignment tells: the task, and where they are there its template, link and contact."""
    outside = child(body, "externalLinkData")
    rows = [
        _task_row(body, assignment_id, project_id, said),
        _template_row(child(body, "customTask"), project_id, said),
        _link_row(outside, assignment_id, project_id, said),
        link_contact(outside, project_id, assignment_id, said),
    ]
    return [row for row in rows if row is not None]


def _task_row(body: Body, assignment_id: int, project_id: str, said: Said) -> Row:
    values = {"task_id": assignment_id, "project_id": project_id, **pick(body, _TASK), **full(said)}
    return Row(TASKS, values | task_status("answer", text(body.get("status")), said.at))


def completed_row(assignment_id: int, project_id: str, said: Said) -> Row:
    """Make the partial row of a task that an event says is completed."""
    values: dict[str, Value] = {"task_id": assignment_id, "project_id": project_id}
    return Row(TASKS, values | task_status("event", "COMPLETED", said.at) | partial(said))


def _template_row(template: Body, project_id: str, said: Said) -> Row | None:
    template_id = integer(template.get("taskId"))
    if not template_id:
        return None
    values = {"template_id": template_id, "project_id": project_id, **pick(template, _TEMPLATE)}
    clock = {"version_at": values["modified_date"] or 0}
    return Row(TEMPLATES, {**values, **clock, **partial(said), "last_enriched_at": said.at})


def _link_row(outside: Body, assignment_id: int, project_id: str, said: Said) -> Row | None:
    link_id = integer(outside.get("linkId"))
    if not link_id:
        return None
    values: dict[str, Value] = {"link_id": link_id, "assignment_id": assignment_id, "project_id": project_id}
    return Row(LINKS, values | pick(outside, _LINK) | {"accessed_count": 0} | full(said))
