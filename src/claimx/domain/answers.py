"""What may be asked of the API, and the shapes in which it answers (reference/domain.md 2.2, 2.3)."""

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
