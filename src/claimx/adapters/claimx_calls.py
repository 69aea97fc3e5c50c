"""Requests as the ClaimX API wants them (Source: reference/domain.md 2.2)."""

from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

from claimx.domain.answers import (
    ApiRequest,
    GetContacts,
    GetConversations,
    GetMedia,
    GetProject,
    GetProjectOfClaim,
    GetTask,
    GetTasks,
    GetVideos,
)
from claimx.domain.events import is_numeric
from claimx.errors import PermanentError

_MOST_CHARACTERS = 200
_OF_PROJECT = MappingProxyType({GetProject: "", GetContacts: "/contacts", GetConversations: "/conversations"})
_REPORTS = MappingProxyType({GetVideos: "VIDEO_COLLABORATION", GetTasks: "CUSTOM_TASK_HIGH_LEVEL"})


class Call(NamedTuple):
    """A request as it goes out; ``query`` is encoded and never shown."""

    method: str
    path: str
    query: str = ""
    body: dict[str, str | int] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def call_of(request: ApiRequest, sender: str) -> Call:
    """Write a request.

    Raises:
        PermanentError: ``api.bad_id``, an id that the API cannot be asked for.
    """
    match request:
        case GetProject(project_id) | GetContacts(project_id) | GetConversations(project_id):
            return Call("GET", f"/export/project/{_part(project_id)}{_OF_PROJECT[type(request)]}")
        case GetMedia(project_id, media_ids):
            query = f"?mediaIds={','.join(map(_part, media_ids))}" if media_ids else ""
            return Call("GET", f"/export/project/{_part(project_id)}/media", query)
        case GetTask(assignment_id):
            return Call("GET", f"/customTasks/assignment/{_part(assignment_id)}", "?full=true")
        case GetVideos(project_id) | GetTasks(project_id):
            kind, number = _REPORTS[type(request)], _number(project_id)
            report: dict[str, str | int] = {"reportType": kind, "projectId": number, "senderUsername": sender}
            return Call("POST", "/data", body=report)
        case GetProjectOfClaim(claim_number):
            return Call("GET", "/export/project/projectId", f"?projectNumber={_part(claim_number)}")


def _number(text: str) -> int:
    if not is_numeric(text):
        raise PermanentError("api.bad_id", "the project id is not a number")
    return int(text)


def _part(text: str) -> str:
    """Quote a part of a path or query. A part of dots alone would name another path: proxies resolve it."""
    if not text.strip(".") or len(text) > _MOST_CHARACTERS:
        raise PermanentError("api.bad_id", "an id that is empty, of dots alone, or too long")
    return quote(text, safe="")
