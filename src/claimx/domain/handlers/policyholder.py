"""POLICYHOLDER_INVITED and POLICYHOLDER_JOINED."""

from claimx.domain.answers import GetProject
from claimx.domain.coerce import contact_text, integer
from claimx.domain.entities.contacts import event_contact, marked_contact, with_invitation
from claimx.domain.entities.fields import Body, Said, child
from claimx.domain.entities.projects import event_row, primary_email
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.handlers.project import project_rows, shown_project
from claimx.domain.policyholders import Policyholder
from claimx.domain.rows import Row, Value
from claimx.domain.tasks import EnrichmentTask

STATUS = {"POLICYHOLDER_INVITED": "INVITED", "POLICYHOLDER_JOINED": "JOINED"}
_COLUMN = {"INVITED": "policyholder_invited_at", "JOINED": "policyholder_joined_at"}


def marked(task: EnrichmentTask) -> Plan:
    """Write that the policyholder was invited, or has joined: on the project, and on the contact.

    The contact is whom the event describes itself; else the project is fetched, and it is the project's policyholder.

    Raises:
        NotFoundError: ``project.not_found``.
    """
    said, status = Said(task.event_id, task.ingested_at), STATUS[task.event_type]
    rows = [event_row(task.project_id, said, {_COLUMN[status]: task.ingested_at})]
    if task.policyholder is not None:
        contact: Row | None = _described(task.policyholder, task.project_id, said)
    else:
        (answer,) = yield (GetProject(task.project_id),)
        rows += project_rows(answer, task.project_id, task.event_id)
        contact = _of_project(shown_project(answer, task.project_id), task.project_id, said)
    return Enrichment(rows if contact is None else [*rows, with_invitation(contact, status, said)])


def _described(person: Policyholder, project_id: str, said: Said) -> Row:
    details: dict[str, Value] = {
        "first_name": contact_text(person.first_name),
        "last_name": contact_text(person.last_name),
        "phone_number": contact_text(person.phone_number),
        "phone_country_code": integer(person.phone_country_code),
    }
    return event_contact(person.email, details, project_id, said)


def _of_project(body: Body, project_id: str, said: Said) -> Row | None:
    email = primary_email(child(child(body, "project"), "customerInformation"))
    return marked_contact(email, project_id, said) if email else None
