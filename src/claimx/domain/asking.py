"""Which questions to the API may be asked as one (Source: reference/domain.md 2.3.2, 4.2)."""

from collections.abc import Hashable, Mapping

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

KINDS: Mapping[type[ApiRequest], str] = {
    GetProject: "project",
    GetMedia: "media",
    GetTask: "task",
    GetVideos: "videos",
    GetTasks: "tasks",
    GetProjectOfClaim: "project_of_claim",
    GetContacts: "contacts",
    GetConversations: "conversations",
}
"""What metrics call a request."""

MEDIA_FILTER_IDS = 5
"""Media ids that one request names; for more the whole list of the project is asked for."""


def subject_of(request: ApiRequest, *, is_alone: bool = False) -> Hashable:
    """Name what a request is about: requests about the same may be asked as one.

    Args:
        is_alone: the request is not to be widened: it failed before, and what it was asked together with may be why.
    """
    if isinstance(request, GetMedia) and not is_alone:
        return GetMedia.__name__, request.project_id
    return type(request).__name__, *request


def merged(request: ApiRequest, other: ApiRequest) -> ApiRequest:
    """Make the one request that answers two about the same subject."""
    if not isinstance(request, GetMedia) or not isinstance(other, GetMedia):
        return request
    ids = tuple(dict.fromkeys((*request.media_ids, *other.media_ids)))
    is_all = not request.media_ids or not other.media_ids or len(ids) > MEDIA_FILTER_IDS
    return GetMedia(request.project_id, () if is_all else ids)
