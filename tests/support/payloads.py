"""Answers of the ClaimX API as captured (reference/domain.md 2.3), and the ways in which they may be broken."""

from collections.abc import Iterator
from copy import deepcopy

from claimx.domain.answers import ApiAnswer, Json
from claimx.domain.tasks import EnrichmentTask, Origin
from claimx.domain.times import Micros, parse_time

PROJECT_ID = "5395115"
MEDIA_ID = "96269553"
ASSIGNMENT_ID = "5423878"
VIDEO_ID = "1048577"
EVENT_ID = "v1:test"
EMAIL = "pat.sample@example.com"
INGESTED_AT: Micros = parse_time("2026-01-11T15:41:40.882Z") or 0
FETCHED_AT: Micros = parse_time("2026-01-11T15:41:42Z") or 0
SIGNED_LINK = (
    "https://www.claimxperience.com/service/cxfileservice/get/0b6b0a6e"
    "?filename=IMG_0042.jpg&sign=SECRET&systemDate=1768146100000&expires=86400000"
)


def project(project_id: str = PROJECT_ID) -> dict[str, Json]:
    """The inner object of a project's answer."""
    return {
        "project": {
            "projectId": int(project_id),
            "projectNumber": "01-123A-45B",
            "mfn": "0GKVCPF",
            "secondaryNumber": "POL-456789-01",
            "createdDate": "2026-01-11T15:30:00.000+00:00",
            "status": "Active",
            "dateOfLoss": "2026-01-08T00:00:00.000+00:00",
            "typeOfLoss": "Water Damage",
            "causeOfLoss": "Pipe Burst",
            "lossDescription": "Supply line failed under the kitchen sink",
            "yearBuilt": 1987,
            "squareFootage": 2150,
            "dateReceived": "2026-01-09T08:12:00.000+00:00",
            "dateContacted": None,
            "plannedInspectionDate": None,
            "dateInspected": None,
            "appointmentDate": None,
            "customAttribute1": "REGION-7",
            "customAttribute2": None,
            "customAttribute3": None,
            "customExternalUniqueId": "EXT-991",
            "customerInformation": {
                "firstName": "Pat",
                "lastName": "Sample",
                "customBusinessName": None,
                "businessLineType": "PERSONAL",
                "emails": [{"emailAddress": EMAIL, "primary": True}],
                "phones": [{"phoneNumber": "5125551234", "phoneCountryCode": 1}],
            },
            "address": {
                "street1": "100 Main St",
                "street2": None,
                "city": "Austin",
                "stateProvince": "TX",
                "zipPostcode": "78701",
                "county": "Travis",
                "country": "US",
            },
        },
        "teamMembers": [{"userName": "adjuster@example.com", "primaryContact": True, "mfn": "0GKVCPF"}],
        "companyName": "Example Insurance",
    }


def media(media_id: str = MEDIA_ID) -> dict[str, Json]:
    """One media item."""
    return {
        "mediaID": int(media_id),
        "mediaType": "jpg",
        "mediaName": "IMG_0042.jpg",
        "mediaDescription": "Kitchen, under sink",
        "mediaComment": None,
        "latitude": "30.2672",
        "longitude": "-97.7431",
        "gpsSource": "DEVICE",
        "takenDate": "2026-01-11T15:40:58.000+00:00",
        "taskAssignmentId": 5423878,
        "fullDownloadLink": SIGNED_LINK,
    }


def assignment(assignment_id: str = ASSIGNMENT_ID, project_id: str = PROJECT_ID) -> dict[str, Json]:
    """A completed custom task, its form left out."""
    return {
        "assignmentId": int(assignment_id),
        "taskId": 32513,
        "taskName": "Cabinet Repair Form",
        "formId": "69417fcfa5e6b152c25253d0",
        "assigneeId": None,
        "assignorId": 485806,
        "dateAssigned": "2026-01-11T15:39:27.526+00:00",
        "dateCompleted": "2026-01-11T19:19:19.974+00:00",
        "status": "COMPLETED",
        "projectId": int(project_id),
        "formResponseId": "6963c4ac1d24b1b215b4d27d",
        "pdfProjectMediaId": 96272067,
        "xactimateExportable": False,
        "dateExported": None,
        "externalLinkData": link(assignment_id, project_id),
        "fraudLanguageAcceptedDate": "2026-01-11T15:41:28.441+00:00",
        "resubmitTaskAssignmentId": None,
        "stpEnabled": False,
        "stpStartedDate": None,
        "cancelledDate": None,
        "cancelledByResourceId": None,
        "mfn": None,
        "customTask": template(),
        "url": "https://test.claimxperience.com/projects/5395115/my-task/32513?assignmentId=5423878",
        "assignee": None,
        "assignor": "admin@example.com",
        "response": {"groups": [{"name": "Cabinet Types Damaged", "questionAndAnswers": []}]},
    }


def form(groups: int = 23, questions: int = 5) -> dict[str, Json]:
    """The answers to a form, as large as the one that was captured: 23 groups, about 165 KB."""
    return {
        "countryEnum": None,
        "companyLogoUrl": None,
        "taskName": None,
        "taskFormName": None,
        "groups": [
            {
                "name": f"Cabinet Types Damaged {group}",
                "groupId": f"group-{group % 10:09d}",
                "countryEnum": None,
                "questionAndAnswers": [_question(number) for number in range(questions)],
            }
            for group in range(groups)
        ],
    }


def _question(number: int) -> dict[str, Json]:
    kind, given = _GIVEN[number % len(_GIVEN)]
    return {
        "questionText": "Lower Cabinets Damaged?",
        "component": kind,
        "responseAnswerExport": given,
        "formControl": {
            "id": f"control-{number % 4:09d}",
            "component": kind,
            "required": True,
            "label": "Lower Cabinets Damaged?",
            "description": "Please look under the sink and behind the stove. " * 13,
            "options": [{"name": name, "imageUrl": None, "informationText": ""} for name in ("Yes", "No")],
            **dict.fromkeys(_BLANK),
        },
        "groupName": None,
    }


_BLANK = (
    "logicAction",
    "logicRules",
    "fieldConditions",
    "enableTime",
    "showOnDashboard",
    "placeholderOverride",
    "signatureType",
    "additionalFieldLabel",
    "fieldFormat",
    "lineItemSettings",
    "additionalConfiguration",
    "forceIncludeInPdf",
)
_GIVEN: tuple[tuple[str, dict[str, Json]], ...] = (
    ("dropdown", {"type": "option", "optionAnswer": {"name": "Yes", "lineItems": []}}),
    ("number", {"type": "number", "numberAnswer": {"value": 12, "lineItems": []}}),
    ("textBox", {"type": "text", "text": "water stain"}),
    ("attachFile", {"type": "image", "claimMediaIds": [96269553], "imageInfoDTOs": []}),
)


def link(assignment_id: str = ASSIGNMENT_ID, project_id: str = PROJECT_ID) -> dict[str, Json]:
    """The link by which a task was sent."""
    return {
        "firstName": "PAT",
        "lastName": "SAMPLE",
        "email": EMAIL,
        "phoneCountryCode": 1,
        "phone": "null",
        "customTaskAssignmentId": int(assignment_id),
        "linkId": 4557181,
        "projectId": int(project_id),
        "notificationAccessMethod": "COPY_EXTERNAL_LINK_URL",
        "countryId": 1,
        "stateId": None,
        "linkCode": "8Ab1c0",
        "url": "https://test.claimxperience.com/external/task/4557181/8Ab1c0",
    }


def template() -> dict[str, Json]:
    """The template of a custom task."""
    return {
        "taskId": 32513,
        "compId": 9680,
        "name": "Cabinet Repair Form",
        "modifiedBy": "admin@example.com",
        "modifiedById": 485785,
        "modifiedDate": "2026-01-10T22:14:44.010+00:00",
        "enabled": True,
        "description": "Cabinet Repair Form",
        "formId": "69417fcfa5e6b152c25253d0",
        "formName": "Cabinet Repair Form",
        "isManualDelivery": True,
        "isExternalLinkDelivery": True,
        "providePortalAccess": False,
        "notifyAssignedSendRecipient": True,
        "notifyAssignedSendRecipientSms": False,
        "notifyAssignedSubject": "You have a task for claim #{Claim_Number}",
        "notifyTaskCompleted": False,
        "notifyCompletedSubject": None,
        "allowReSubmit": False,
        "autoGeneratePdf": True,
        "default": None,
    }


def video(video_id: str = VIDEO_ID, project_id: str = PROJECT_ID) -> dict[str, Json]:
    """One collaboration of a report."""
    return {
        "videoCollaborationId": int(video_id),
        "claimId": int(project_id),
        "mfn": "0GKVCPF",
        "claimNumber": "01-123A-45B",
        "policyNumber": "POL-456789-01",
        "emailUserName": "adjuster@example.com",
        "claimRepFirstName": "Sam",
        "claimRepLastName": "Rep",
        "claimRepFullName": "Sam Rep",
        "numberOfVideos": 1,
        "numberOfPhotos": 10,
        "numberOfViewers": 3,
        "sessionCount": 2,
        "totalTimeSeconds": 1234.567,
        "totalTime": "20:34",
        "createdDate": "2026-01-12T13:00:00.000+00:00",
        "liveCallFirstSession": "2026-01-12T13:01:10.000+00:00",
        "liveCallLastSession": "2026-01-12T13:20:44.000+00:00",
        "companyId": 9680,
        "companyName": "Example Insurance",
        "guid": "0b6b0a6e",
    }


def answer(body: Json, fetched_at: Micros = FETCHED_AT) -> ApiAnswer:
    """An answer with this body."""
    return ApiAnswer(body, fetched_at, 1000)


def task(event_type: str, **fields: object) -> EnrichmentTask:
    """An enrichment task of the captured project."""
    values: dict[str, object] = {
        "event_id": EVENT_ID,
        "project_id": PROJECT_ID,
        "ingested_at": INGESTED_AT,
        "origin": Origin("claimx.events.raw", 3, 42),
        "first_tried_at": INGESTED_AT,
    }
    return EnrichmentTask(event_type=event_type, **(values | fields))  # type: ignore[arg-type]


BROKEN: tuple[Json, ...] = (
    None,
    "",
    "  ",
    "null",
    "banana",
    "\ud800",
    "9" * 5000,
    0,
    -1,
    2**63,
    10**400,
    1.5,
    1e308,
    float("nan"),
    float("inf"),
    True,
    False,
    [],
    [None],
    [[]],
    [1, "x", {}],
    {},
    {"data": None},
    {"emailAddress": ["x"]},
    "a\x00b",
    "-0.0e0",
    5e-324,
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "https://[half/a?b#c",
)
"""What may stand where something else was expected."""

MISSING = object()


def places(body: Json) -> list[tuple[str | int, ...]]:
    """Every place of a payload at which it may be broken."""
    return list(_paths(body))


def broken_at(body: Json, place: tuple[str | int, ...]) -> Iterator[Json]:
    """Break a payload at one place in every way: missing, null, empty, of another type."""
    for value in (MISSING, *BROKEN):
        yield _replaced(body, place, value)


def lacking(body: Json, place: tuple[str | int, ...]) -> tuple[Json, Json]:
    """Take what stands at one place away: missing, and null."""
    return _replaced(body, place, MISSING), _replaced(body, place, None)


def _paths(body: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    if isinstance(body, dict):
        for name, inner in body.items():
            yield from _paths(inner, (*path, name))
    elif isinstance(body, list):
        for n, inner in enumerate(body):
            yield from _paths(inner, (*path, n))


def _replaced(body: Json, path: tuple[str | int, ...], value: object) -> Json:
    copy = deepcopy(body)
    holder: object = copy
    for step in path[:-1]:
        holder = holder[step]  # type: ignore[index]
    if value is MISSING:
        del holder[path[-1]]  # type: ignore[attr-defined]
    else:
        holder[path[-1]] = value  # type: ignore[index]
    return copy
