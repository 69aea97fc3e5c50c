"""What may be asked of the API, and the shapes in which it answers (reference/domain.md 2.2, 2.3)."""

import json
from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

import msgspec

from claimx.domain.events import clean_id, is_numeric
from claimx.domain.times import Micros

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


class GetProject(NamedTuple):
    """``GET /export/project/{projectId}``."""

    project_id: str


class GetMedia(NamedTuple):
    """``GET /export/project/{projectId}/media``; no ids means all."""

    project_id: str
    media_ids: tuple[str, ...] = ()


class GetTask(NamedTuple):
    """``GET /customTasks/assignment/{assignmentId}?full=true``."""

    assignment_id: str


class GetVideos(NamedTuple):
    """``POST /data`` with ``reportType`` VIDEO_COLLABORATION."""

    project_id: str


class GetTasks(NamedTuple):
    """``POST /data`` with ``reportType`` CUSTOM_TASK_HIGH_LEVEL."""

    project_id: str


class GetProjectOfClaim(NamedTuple):
    """``GET /export/project/projectId?projectNumber={claimNumber}``."""

    claim_number: str


class GetContacts(NamedTuple):
    """``GET /export/project/{projectId}/contacts``."""

    project_id: str


class GetConversations(NamedTuple):
    """``GET /export/project/{projectId}/conversations``."""

    project_id: str


ApiRequest = (
    GetProject
    | GetMedia
    | GetTask
    | GetVideos
    | GetTasks
    | GetProjectOfClaim
    | GetContacts
    | GetConversations
)
"""As tuples, requests of two kinds about one id are equal: a table of requests must be keyed by their type, too."""


class ApiAnswer(NamedTuple):
    """A decoded answer.

    Args:
        body: the JSON, or None when the API answered 404.
        fetched_at: taken before the request was sent: the clock of every column that comes from it.
        size_bytes: length of the body.
    """

    body: Json
    fetched_at: Micros
    size_bytes: int


_BOM = b"\xef\xbb\xbf"
_LONGEST_INTEGER = 40


def read_json(body: bytes) -> Json:
    """Read an answer. One bad character or number costs its own field, not the answer and all that share it.

    Bytes that are not UTF-8 and halves of surrogate pairs are replaced; NaN, infinities and absurd numbers are null.

    Raises:
        ValueError: it is no JSON: torn, a page, nested beyond reason.
    """
    body = body.removeprefix(_BOM)
    try:
        answer: Json = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = _read_leniently(body)
    return answer


def _read_leniently(body: bytes) -> Json:
    try:
        answer: Json = json.loads(
            body.decode("utf-8", "replace"),
            parse_int=_integer,
            parse_float=_real,
            parse_constant=lambda _: None,
        )
    except RecursionError:
        raise ValueError("nested beyond reason") from None
    return answer


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else None


def _real(digits: str) -> float | None:
    number = float(digits)
    return number if isfinite(number) else None


_MAX_NESTING = 4
"""Wrappers around wrappers that are still taken off; captured answers have two at most."""


def project_body(body: Json) -> dict[str, Json]:
    """Take the wrappers off a project's answer: an object with ``project``, ``teamMembers``, ``companyName``; or empty.

    Accepts it wrapped in ``data``, bare, as a list of one, and the project itself alone.
    """
    for item in _unwrapped(body, ("data",), ("project", "projectId"), _MAX_NESTING):
        project = item.get("project")
        if project and isinstance(project, dict):
            return item
        if item.get("projectId") is not None:
            return {"project": item}
    return {}


def media_items(body: Json) -> list[dict[str, Json]]:
    """List the media of an answer, whatever its shape: list, ``data``, ``media``, ``[{"data": […]}]``, one object."""
    return _unwrapped(body, ("data", "media"), ("mediaID", "mediaId"), _MAX_NESTING)


def task_body(body: Json) -> dict[str, Json]:
    """Take the wrappers off a task assignment; empty if there is none."""
    items = _unwrapped(body, ("data",), ("assignmentId", "customTask"), _MAX_NESTING)
    return items[0] if items else {}


def video_items(body: Json) -> list[dict[str, Json]]:
    """List the collaborations of a report: object, list, ``data``, ``collaborations`` or ``videoCollaboration``."""
    wrappers = ("data", "collaborations", "videoCollaboration")
    return _unwrapped(body, wrappers, ("videoCollaborationId", "claimId"), _MAX_NESTING)


def task_list_items(body: Json) -> list[dict[str, Json]]:
    """List the assignments of a project: list, ``data``, one object. What an element holds is not known for sure."""
    return _unwrapped(body, ("data",), ("assignmentId",), _MAX_NESTING)


def contact_items(body: Json) -> list[dict[str, Json]]:
    """List the contacts of a project: list, ``data``, ``contacts``, one object. What an element holds is not known."""
    return _unwrapped(body, ("data", "contacts"), (), _MAX_NESTING)


def conversation_items(body: Json) -> list[dict[str, Json]]:
    """List the conversations of a project, shaped like its contacts; the list's own name is ``conversations``."""
    return _unwrapped(body, ("data", "conversations"), (), _MAX_NESTING)


def project_id_of(body: Json) -> str | None:
    """Read the project id that answers a claim number: bare, ``projectId`` or ``id``, in ``data`` or a list of one.

    None where there is none, or where it is no number.
    """
    for _ in range(_MAX_NESTING):
        match body:
            case [inner] | {"projectId": inner} | {"id": inner} | {"data": inner}:
                body = inner
            case _:
                break
    if isinstance(body, bool) or not isinstance(body, int | str):
        return None
    found = clean_id(body)
    return found if found is not None and is_numeric(found) else None


def _unwrapped(
    body: Json, wrappers: Sequence[str], marks: Sequence[str], depth: int
) -> list[dict[str, Json]]:
    """Flatten lists and wrappers. An object that has a mark is the thing itself, whatever else it holds."""
    if depth < 0:
        return []
    if isinstance(body, list):
        return [item for part in body for item in _unwrapped(part, wrappers, marks, depth - 1)]
    if not isinstance(body, dict):
        return []
    if any(mark in body for mark in marks):
        return [body]
    inner = [body[name] for name in wrappers if name in body]
    if inner:
        return [item for part in inner for item in _unwrapped(part, wrappers, marks, depth - 1)]
    return [body] if body else []
