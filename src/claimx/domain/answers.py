"""What may be asked of the API, and the shapes in which it answers (reference/domain.md 2.2, 2.3)."""

from collections.abc import Sequence
from typing import NamedTuple

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


ApiRequest = GetProject | GetMedia | GetTask | GetVideos


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
