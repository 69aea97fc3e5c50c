"""claimx_contacts: from a project's answer, from a task's link, from an event's own payload."""

from hashlib import sha256

from claimx.domain.coerce import boolean, contact_text, integer, text
from claimx.domain.entities.fields import Body, Field, Said, child, children, partial, pick
from claimx.domain.entities.projects import primary_email, primary_phone
from claimx.domain.rows import Row, Value
from claimx.domain.times import format_time

TABLE = "claimx_contacts"
POLICYHOLDER = "POLICYHOLDER"
CLAIM_REP = "CLAIM_REP"

_NAME: tuple[Field, ...] = (
    ("first_name", "firstName", contact_text),
    ("last_name", "lastName", contact_text),
)
_PHONE: tuple[Field, ...] = (
    ("phone_number", "phoneNumber", contact_text),
    ("phone_country_code", "phoneCountryCode", integer),
)
_LINK: tuple[Field, ...] = (
    *_NAME,
    ("phone_number", "phone", contact_text),
    ("phone_country_code", "phoneCountryCode", integer),
)


def contact_id(email: str, contact_type: str) -> str:
    """Make the id of a contact: the same for every spelling of an e-mail in upper and lower case."""
    return sha256(f"{contact_type}:{email.strip().lower()}".encode()).hexdigest()[:32]


def project_contacts(body: Body, project_id: str, said: Said) -> list[Row]:
    """Make the rows of the policyholder and of the team members that a project's answer names."""
    customer = child(child(body, "project"), "customerInformation")
    rows: list[Row] = []
    if email := primary_email(customer):
        details = pick(customer, _NAME) | pick(primary_phone(customer), _PHONE)
        row = _row(email, POLICYHOLDER, project_id, said, _ranked("project", said, email, details))
        rows.append(_with(row, _primary(said, is_primary=True) | _fetched(said)))
    for member in children(body, "teamMembers"):
        if email := contact_text(member.get("userName")):
            row = _row(email, CLAIM_REP, project_id, said, _ranked("project", said, email, {}))
            rows.append(_with(row, _membership(member, said)))
    return rows


def link_contact(link: Body, project_id: str, assignment_id: int, said: Said) -> Row | None:
    """Make the row of whom a task was sent to by link; it only fills what the project's answer leaves open.

    That it is not the primary contact has no source: it never takes anything away, not even from a row that has none.
    """
    email = contact_text(link.get("email"))
    if email is None:
        return None
    row = _row(email, POLICYHOLDER, project_id, said, _ranked("link", said, email, pick(link, _LINK)))
    more: dict[str, Value] = {"is_primary_contact": False, "task_assignment_id": assignment_id}
    return _with(row, more | {"last_enriched_at": said.at})


def event_contact(email: str, details: dict[str, Value], project_id: str, said: Said) -> Row:
    """Make the row of a policyholder whom an event itself describes; any other source knows better."""
    return _row(email, POLICYHOLDER, project_id, said, _ranked("event", said, email, details))


def marked_contact(email: str, project_id: str, said: Said) -> Row:
    """Make a partial row of a policyholder whom an answer of the same conversation describes."""
    return _row(email, POLICYHOLDER, project_id, said, {})


def with_invitation(row: Row, status: str, said: Said) -> Row:
    """Add what a POLICYHOLDER event says: INVITED or JOINED, and when."""
    column = "joined_at" if status == "JOINED" else "invited_at"
    return _with(row, {"invite_status": status, column: said.at})


def _membership(member: Body, said: Said) -> dict[str, Value]:
    return {
        **_primary(said, is_primary=boolean(member.get("primaryContact"))),
        "master_file_name": text(member.get("mfn")),
        **_fetched(said),
    }


def _primary(said: Said, *, is_primary: bool | None) -> dict[str, Value]:
    return _sourced("project", said, {"is_primary_contact": is_primary})


def _fetched(said: Said) -> dict[str, Value]:
    return {"fetched_at": said.at, "last_enriched_at": said.at}


def _row(email: str, contact_type: str, project_id: str, said: Said, values: dict[str, Value]) -> Row:
    return Row(
        TABLE,
        {
            "contact_id": contact_id(email, contact_type),
            "project_id": project_id,
            "contact_type": contact_type,
            **values,
            **partial(said),
            "created_date": said.at,
        },
    )


def _with(row: Row, values: dict[str, Value]) -> Row:
    return Row(row.table, {**row.values, **values})


def _ranked(rank: str, said: Said, email: str, details: dict[str, Value]) -> dict[str, Value]:
    return _sourced(rank, said, {"contact_email": email, **details})


def _sourced(rank: str, said: Said, told: dict[str, Value]) -> dict[str, Value]:
    """Put the source beside each value; what is null is left out, so that it erases nothing."""
    source = f"{rank} {format_time(said.at)}"
    values: dict[str, Value] = {}
    for name, value in told.items():
        if value is not None:
            values |= {name: value, f"{name}_source": source}
    return values
