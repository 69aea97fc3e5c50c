"""The API's answer about one custom task, after the one that was captured (Source: reference/domain.md 2.3.3). Pure."""

from random import Random
from typing import Any

from claimx.domain.times import SECOND
from claimx.sandbox.simulator.documents import api_time, thinned
from claimx.sandbox.simulator.words import TEMPLATE_NAMES
from claimx.sandbox.simulator.world import BEGINNING, Task, World

Json = Any

_GROUPS, _QUESTIONS = 23, 9
_TENANT = "https://test.claimxperience.com"
_DAY = 86_400 * SECOND
_NEEDED = frozenset(
    {"assignmentId", "taskId", "projectId", "status", "externalLinkData", "customTask", "response"}
)
_LINK_NEEDED = frozenset({"email", "linkId", "projectId", "customTaskAssignmentId"})
_TEMPLATE_NEEDED = frozenset({"taskId"})


def task_document(world: World, task: Task) -> Json:
    """Answer ``GET /customTasks/assignment/{id}?full=true``: flat, no wrapper."""
    rng = world.draws(f"document:task:{task.assignment_id}")
    assigned = BEGINNING + task.assignment_id % 100_000 * SECOND
    template_id = task.template_id or 32_499
    done = api_time(assigned + _DAY) if task.is_completed else None
    document = {
        "assignmentId": task.assignment_id,
        "taskId": template_id,
        "taskName": _template_name(template_id),
        "formId": _form_id(template_id),
        "assigneeId": None,
        "assignorId": 485_806,
        "dateAssigned": api_time(assigned),
        "dateCompleted": done,
        "status": "COMPLETED" if task.is_completed else rng.choice(("ASSIGNED", "IN_PROGRESS")),
        "projectId": task.project_id,
        "formResponseId": f"{rng.getrandbits(96):024x}" if task.is_completed else None,
        "pdfProjectMediaId": None,
        "xactimateExportable": rng.choice((False, True, None)),
        "dateExported": None,
        "externalLinkData": _link(rng, task),
        "externalShortLinkUrl": None,
        "qrCodeUrl": None,
        "qrCodeUrlExpiration": None,
        "fraudLanguageAcceptedDate": done,
        "resubmitTaskAssignmentId": None,
        "stpEnabled": rng.choice((False, None)),
        "stpStartedDate": None,
        "cancelledDate": None,
        "cancelledByResourceId": None,
        "straightThroughProcessing": None,
        "hasDashboardView": False,
        "mfn": None,
        "formValuationId": None,
        "customTask": _template(world, task.template_id),
        "url": f"{_TENANT}/projects/{task.project_id}/my-task/{template_id}?assignmentId={task.assignment_id}",
        "assignee": None,
        "assignor": "admin@example.com",
        "response": _response(rng, task),
        "daaInfo": None,
    }
    return thinned(rng, document, _optional(document, _NEEDED))


def _optional(document: dict[str, Json], needed: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in document if name not in needed)


def _link(rng: Random, task: Task) -> Json:
    if task.link_id is None:
        return None
    code = f"{rng.getrandbits(24):06x}"
    link = {
        "firstName": rng.choice(("PAT", None)),
        "lastName": "SAMPLE",
        "email": task.link_email,
        "phoneCountryCode": 1,
        "phone": rng.choice(("null", "5125551234", None)),
        "customTaskAssignmentId": task.assignment_id,
        "linkId": task.link_id,
        "projectId": task.project_id,
        "notificationAccessMethod": rng.choice(("COPY_EXTERNAL_LINK_URL", "EMAIL")),
        "countryId": 1,
        "stateId": None,
        "linkCode": code,
        "url": f"{_TENANT}/external/task/{task.link_id}/{code}",
    }
    return thinned(rng, link, _optional(link, _LINK_NEEDED))


def _template(world: World, template_id: int | None) -> Json:
    """Describe a template: the same in every task that uses it."""
    if template_id is None:
        return None
    name, form_id = _template_name(template_id), _form_id(template_id)
    template = {
        "taskId": template_id,
        "compId": 9680,
        "name": name,
        "modifiedBy": "admin@example.com",
        "modifiedById": 485_785,
        "modifiedDate": api_time(BEGINNING - template_id % 100 * _DAY),
        "enabled": True,
        "description": name,
        "formId": form_id,
        "formName": name,
        "isManualDelivery": True,
        "isExternalLinkDelivery": True,
        "externalLinkUrl": None,
        "externalLinkDatasetId": None,
        "providePortalAccess": False,
        "notifyAssignedSendRecipient": True,
        "notifyAssignedSendRecipientSms": False,
        "notifyAssignedBcc": "bcc@example.com",
        "notifyAssignedSubject": "You have a task for claim #{Claim_Number}",
        "notifyAssignedBody": "<p>Please fill in the form.</p>",
        "emailSystemReminder": {"maxAssignedReminders": 1, "subject": "Reminder", "body": "<p>Please.</p>"},
        "emailCustomReminders": [],
        "recipientIds": None,
        "notifyTaskCompleted": False,
        "notifyCompletedSubject": None,
        "allowReSubmit": False,
        "straightThroughProcessing": None,
        "autoGeneratePdf": True,
        "default": None,
    }
    return thinned(world.draws(f"template:{template_id}"), template, _optional(template, _TEMPLATE_NEEDED))


def _template_name(template_id: int) -> str:
    return TEMPLATE_NAMES[template_id % len(TEMPLATE_NAMES)]


def _form_id(template_id: int) -> str:
    return f"69417fcfa5e6b152{template_id:08x}"


def _response(rng: Random, task: Task) -> Json:
    if not task.is_completed and not task.is_long:
        return None
    groups = _GROUPS if task.is_long else 1
    return {
        "countryEnum": None,
        "taskName": None,
        "groups": [_group(rng, number) for number in range(groups)],
    }


def _group(rng: Random, number: int) -> Json:
    return {
        "name": f"Cabinet Types Damaged {number}",
        "groupId": f"group-{rng.randrange(10):09d}",  # ids repeat across groups
        "countryEnum": None,
        "questionAndAnswers": [_question(rng) for _ in range(_QUESTIONS)],
    }


def _question(rng: Random) -> Json:
    component, answer = rng.choice(
        (
            ("dropdown", {"type": "option", "optionAnswer": {"name": "Yes", "lineItems": []}}),
            ("number", {"type": "number", "numberAnswer": {"value": 12, "lineItems": []}}),
            ("textBox", {"type": "text", "text": "water stain"}),
            ("attachFile", {"type": "image", "claimMediaIds": [96_269_553], "imageInfoDTOs": []}),
            ("radio", {"type": "option", "optionAnswer": {"name": "No", "lineItems": []}}),
        )
    )
    options = [
        {"name": name, "imageUrl": None, "informationText": "", "value": None} for name in ("Yes", "No")
    ]
    return {
        "questionText": "Lower Cabinets Damaged?",
        "component": component,
        "responseAnswerExport": answer,
        "formControl": {
            "id": f"control-{rng.randrange(100):09d}",
            "component": component,
            "required": True,
            "logicRules": None,
            "description": "Please look under the sink, behind the stove and above the ceiling tiles. " * 4,
            "options": options,
            "signatureType": None,
        },
        "groupName": None,
    }
