"""CUSTOM_TASK_ASSIGNED and CUSTOM_TASK_COMPLETED."""

from claimx.domain.answers import ApiAnswer, GetTask, task_body
from claimx.domain.coerce import id_text
from claimx.domain.entities.fields import Body, Said
from claimx.domain.entities.tasks import assignment_rows, completed_row
from claimx.domain.events import is_numeric
from claimx.domain.handlers.ids import required
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.tasks import EnrichmentTask
from claimx.errors import NotFoundError, TransientError


def task_changed(task: EnrichmentTask) -> Plan:
    """Write the assignment, its template, link and contact, of the project that the answer names, if it names one.

    A task that the event completes is COMPLETED, whatever the answer says: it may be of before.

    Raises:
        PermanentError: ``event.bad_task_id``.
        NotFoundError: ``task.not_found``.
        TransientError: ``api.wrong_task``, the answer is of another assignment.
    """
    assignment_id = required(task.task_assignment_id, "event.bad_task_id")
    (answer,) = yield (GetTask(assignment_id),)
    body = _shown(answer, assignment_id)
    found = id_text(body.get("projectId"))
    project_id = found if found and is_numeric(found) else task.project_id
    said = Said(task.event_id, answer.fetched_at)
    rows = assignment_rows(body, int(assignment_id), project_id, said)
    if task.event_type == "CUSTOM_TASK_COMPLETED":
        rows.append(completed_row(int(assignment_id), project_id, Said(task.event_id, task.ingested_at)))
    return Enrichment(rows, refers_to=project_id if project_id != task.project_id else None)


def _shown(answer: ApiAnswer, assignment_id: str) -> Body:
    body = task_body(answer.body)
    if not body:
        raise NotFoundError("task.not_found", f"the API shows no assignment {assignment_id}")
    found = id_text(body.get("assignmentId"))
    if found is not None and is_numeric(found) and found != assignment_id:
        raise TransientError("api.wrong_task", f"asked for assignment {assignment_id}, got another one")
    return body
