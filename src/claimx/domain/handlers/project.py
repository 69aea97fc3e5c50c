"""PROJECT_CREATED and PROJECT_MFN_ADDED, and how a project is fetched for whoever needs it."""

from claimx.domain.answers import ApiAnswer, GetProject, project_body
from claimx.domain.coerce import id_text
from claimx.domain.entities.contacts import project_contacts
from claimx.domain.entities.fields import Body, Said, child
from claimx.domain.entities.projects import named, project_row
from claimx.domain.events import is_numeric
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.rows import Row
from claimx.domain.tasks import EnrichmentTask
from claimx.errors import NotFoundError, TransientError


def created(task: EnrichmentTask) -> Plan:
    """Write the project and its contacts.

    Raises:
        NotFoundError: ``project.not_found``.
    """
    return (yield from fetched(task.project_id, task.event_id))


def fetched(project_id: str, event_id: str) -> Plan:
    """Write a project and its contacts.

    Raises:
        NotFoundError: ``project.not_found``.
    """
    (answer,) = yield (GetProject(project_id),)
    return Enrichment(project_rows(answer, project_id, event_id))


def name_added(task: EnrichmentTask) -> Plan:
    """Write the project, its contacts, and the master file name that the event brings.

    The event knows the name better than this answer or another one, which may lag behind.

    Raises:
        NotFoundError: ``project.not_found``.
    """
    (answer,) = yield (GetProject(task.project_id),)
    project, *contacts = project_rows(answer, task.project_id, task.event_id)
    name = named("event", task.master_file_name, task.ingested_at)
    return Enrichment([Row(project.table, {**project.values, **name}), *contacts])


def project_rows(answer: ApiAnswer, project_id: str, event_id: str) -> list[Row]:
    """Make the rows of a project's answer: the project first, then its contacts.

    Raises:
        NotFoundError: ``project.not_found``, the answer shows no project.
        TransientError: ``api.wrong_project``, it shows another one.
    """
    body = shown_project(answer, project_id)
    said = Said(event_id, answer.fetched_at)
    return [project_row(body, project_id, said), *project_contacts(body, project_id, said)]


def shown_project(answer: ApiAnswer, project_id: str) -> Body:
    """Return what the answer shows of the project, wrappers taken off.

    Raises:
        NotFoundError: ``project.not_found``, the answer shows no project.
        TransientError: ``api.wrong_project``, it shows another one.
    """
    body = project_body(answer.body)
    if not body:
        raise NotFoundError("project.not_found", f"the API shows no project {project_id}")
    found = id_text(child(body, "project").get("projectId"))
    if found is not None and is_numeric(found) and found != project_id:
        raise TransientError("api.wrong_project", f"asked for project {project_id}, got another one")
    return body
