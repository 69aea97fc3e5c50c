"""claimx_projects."""

from claimx.domain.coerce import boolean, contact_text, integer, text, time
from claimx.domain.entities.fields import Body, Field, Said, child, children, full, partial, pick
from claimx.domain.rows import Row, Value
from claimx.domain.times import Micros, format_time

TABLE = "claimx_projects"

_PROJECT: tuple[Field, ...] = (
    ("project_number", "projectNumber", text),
    ("secondary_number", "secondaryNumber", text),
    ("status", "status", text),
    ("created_date", "createdDate", time),
    ("date_of_loss", "dateOfLoss", time),
    ("type_of_loss", "typeOfLoss", text),
    ("cause_of_loss", "causeOfLoss", text),
    ("loss_description", "lossDescription", text),
    ("year_built", "yearBuilt", integer),
    ("square_footage", "squareFootage", integer),
    ("date_received", "dateReceived", time),
    ("date_contacted", "dateContacted", time),
    ("planned_inspection_date", "plannedInspectionDate", time),
    ("date_inspected", "dateInspected", time),
    ("appointment_date", "appointmentDate", time),
    ("custom_attribute1", "customAttribute1", text),
    ("custom_attribute2", "customAttribute2", text),
    ("custom_attribute3", "customAttribute3", text),
    ("custom_external_unique_id", "customExternalUniqueId", text),
)
_CUSTOMER: tuple[Field, ...] = (
    ("customer_first_name", "firstName", contact_text),
    ("customer_last_name", "lastName", contact_text),
    ("custom_business_name", "customBusinessName", text),
    ("business_line_type", "businessLineType", text),
)
_ADDRESS: tuple[Field, ...] = (
    ("street1", "street1", text),
    ("street2", "street2", text),
    ("city", "city", text),
    ("state_province", "stateProvince", text),
    ("zip_postcode", "zipPostcode", text),
    ("county", "county", text),
    ("country", "country", text),
)
_PHONE: tuple[Field, ...] = (
    ("primary_phone", "phoneNumber", contact_text),
    ("primary_phone_country_code", "phoneCountryCode", integer),
)


def project_row(body: Body, project_id: str, said: Said) -> Row:
    """Make the full row of a project from its answer, wrappers taken off."""
    project = child(body, "project")
    customer = child(project, "customerInformation")
    values: dict[str, Value] = {
        "project_id": project_id,
        **pick(project, _PROJECT),
        **pick(customer, _CUSTOMER),
        **pick(child(project, "address"), _ADDRESS),
        **pick(primary_phone(customer), _PHONE),
        "primary_email": primary_email(customer),
        "company_name": text(body.get("companyName")),
        **full(said),
    }
    name = text(project.get("mfn")) or text(project.get("masterFilename"))
    return Row(TABLE, values | named("answer", name, said.at))


def named(rank: str, master_file_name: str | None, at: Micros) -> dict[str, Value]:
    """Make the master file name and who said it; neither where there is no name, so that none erases one.

    Args:
        rank: ``answer`` or ``event``: they sort that way.
    """
    if master_file_name is None:
        return {}
    return {
        "master_file_name": master_file_name,
        "master_file_name_source": f"{rank} {format_time(at)}",
        "master_file_name_at": at,
    }


def event_row(project_id: str, said: Said, values: dict[str, Value]) -> Row:
    """Make a partial row: the columns that an event sets, and no other."""
    return Row(TABLE, {"project_id": project_id, **values, **partial(said)})


def primary_email(customer: Body) -> str | None:
    """Return the e-mail marked primary, else the first there is."""
    emails = children(customer, "emails")
    marked = [email for email in emails if boolean(email.get("primary"))]
    addresses = (contact_text(email.get("emailAddress")) for email in [*marked, *emails])
    return next((address for address in addresses if address), None)


def primary_phone(customer: Body) -> Body:
    """Return the first phone; an empty one if there is none."""
    phones = children(customer, "phones")
    return phones[0] if phones else {}
