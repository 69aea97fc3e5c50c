"""What the API demands of a request: one that is written wrongly is refused, not guessed at (Source: domain.md 2.1-2.3).

What the real API does with a wrong request is not known; here a client's mistake is to be seen, whatever it is.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec
from aiohttp import web
from msgspec import Meta

from claimx.sandbox.simulator.faults import Endpoint

_JSON = "application/json"
_Id = Annotated[int, Meta(ge=1)]
_Name = Annotated[str, Meta(pattern=r"\S")]


class Report(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Body of endpoints 4 and 5."""

    report_type: Literal["VIDEO_COLLABORATION", "CUSTOM_TASK_HIGH_LEVEL"]
    project_id: _Id
    sender_username: _Name
    start_date: str | None = None
    end_date: str | None = None


class _NewTask(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    custom_task_name: _Name
    custom_task_id: _Id
    notification_type: Literal["COPY_EXTERNAL_LINK_URL", "EMAIL"]


class Action(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Body of endpoint 9; the sender is spelled in another way than in a report."""

    project_id: _Id
    sender_user_name: _Name
    type: Literal["CUSTOM_TASK_ASSIGN_EXTERNAL_LINK"]
    data: _NewTask
    use_primary_contact_as_sender: bool = False


class _Query(NamedTuple):
    """The parameters that there are, with their forms, and which of them must be given."""

    forms: Mapping[str, str]
    needed: str | None = None


_QUERIES: Mapping[Endpoint, _Query] = {
    "media": _Query({"mediaIds": r"\d+(,\d+)*"}),
    "task": _Query({"full": "true|false"}),
    "claim": _Query({"projectNumber": r"\S(.*\S)?"}, "projectNumber"),
}
_NO_QUERY = _Query({})
_BODIES: Mapping[Endpoint, type[Report | Action]] = {"report": Report, "action": Action}


async def complaint(endpoint: Endpoint, request: web.Request) -> str | None:
    """Say what is wrong with a request to the API, or None."""
    if _JSON not in request.headers.get("Accept", ""):
        return f"Accept must name {_JSON}"
    return _of_query(_QUERIES.get(endpoint, _NO_QUERY), request) or await _of_body(endpoint, request)


def _of_query(demanded: _Query, request: web.Request) -> str | None:
    for name, value in request.query.items():
        if name not in demanded.forms:
            return f"there is no parameter {name}"
        if not re.fullmatch(demanded.forms[name], value, re.ASCII):
            return f"{name} is malformed"
    if demanded.needed is not None and demanded.needed not in request.query:
        return f"{demanded.needed} is missing"
    return None


async def _of_body(endpoint: Endpoint, request: web.Request) -> str | None:
    form = _BODIES.get(endpoint)
    body = await request.read()
    if form is None:
        return "there must be no body" if body else None
    if request.content_type != _JSON:
        return f"Content-Type must be {_JSON}"
    try:
        msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return str(error)
    return None
