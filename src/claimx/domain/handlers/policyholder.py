"""POLICYHOLDER_INVITED and POLICYHOLDER_JOINED."""

from claimx.domain.answers import GetProject
from claimx.domain.coerce import contact_text, integer
from claimx.domain.entities.contacts import event_contact, marked_contact, with_invitation
from claimx.domain.entities.fields import Body, Said, child
from claimx.domain.entities.projects import event_row, primary_email
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.handlers.project import project_rows, shown_project
from claimx.domain.rows import Row, Value
from claimx.domain.tasks import EnrichmentTask


def invited(task: EnrichmentTask) -> Plan:
    """Write the project, its contacts, and that the policyholder was invited.

    Raises:
        NotFoundError: ``project.not_found``.
    """
    return (yield from _marked(task, "INVITED", "policyholder_invited_at"))


def joined(task: EnrichmentTask) -> Plan:
    """Write the project, its contacts, and that the policyholder has joined.

    Raises:
        NotFoundError: ``project.not_found``.
    """
    return (yield from _marked(task, "JOINED", "policyholder_joined_at"))


def _marked(task: EnrichmentTask, status: str, column: str) -> Plan:
    (answer,) = yield (GetProject(task.project_id),)
    said = Said(task.event_id, task.ingested_at)
    rows = project_rows(answer, task.project_id, task.event_id)
    rows.append(event_row(task.project_id, said, {column: task.ingested_at}))
    contact = _policyholder(task, shown_project(answer, task.project_id), said)
    if contact is not None:
        rows.append(with_invitation(contact, status, said))
    return Enrichment(rows)


def _policyholder(task: EnrichmentTask, body: Body, said: Said) -> Row | None:
    """Find whom the event means: whom it describes itself, else the project's policyholder."""
    person = task.policyholder
    if person is not None:
        details: dict[str, Value] = {
            "first_name": contact_text(person.first_name),
            "last_name": contact_text(person.last_name),
            "phone_number": contact_text(person.phone_number),
            "phone_country_code": integer(person.phone_country_code),
        }
        return event_contact(person.email, details, task.project_id, said)
    email = primary_email(child(child(body, "project"), "customerInformation"))
    return marked_contact(email, task.project_id, said) if email else None
