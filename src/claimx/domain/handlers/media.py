"""PROJECT_FILE_ADDED, and the fresh link of a file whose URL is stale."""

from claimx.domain.answers import ApiAnswer, GetMedia, media_items
from claimx.domain.coerce import text
from claimx.domain.entities.fields import Body, Said
from claimx.domain.entities.media import link_in, media_id_of, media_row
from claimx.domain.handlers.ids import optional
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.tasks import DownloadTask, EnrichmentTask
from claimx.domain.times import Micros
from claimx.errors import NotFoundError


def file_added(task: EnrichmentTask) -> Plan:
    """Write the media that the event names, all of the project if it names none, and download each that has a link.

    Asked again for an event that names none, it takes what has come since.

    Raises:
        PermanentError: ``event.bad_media_id``.
        NotFoundError: ``media.not_found``, the answer does not have the id.
    """
    named = optional(task.media_id, "event.bad_media_id")
    (media,) = yield (GetMedia(task.project_id, () if named is None else (named,)),)
    shown, seen = _shown(media, task.project_id), task.seen
    if named is not None:
        shown, seen = {named: _named(shown, named)}, None
    elif seen is not None:
        shown = {media_id: item for media_id, item in shown.items() if media_id not in seen}
        seen = (*seen, *shown)
    said = Said(task.event_id, media.fetched_at)
    rows = [media_row(item, media_id, task.project_id, said) for media_id, item in shown.items()]
    downloads = [_download(task, media_id, item, media.fetched_at) for media_id, item in shown.items()]
    return Enrichment(rows, [download for download in downloads if download is not None], seen=seen)


def link_of(answer: ApiAnswer, media_id: str) -> str:
    """Return the signed link of one file from an answer that may list many.

    Raises:
        NotFoundError: ``media.not_found``, the answer does not have the id; ``media.no_link``, it has no link.
    """
    url = link_in(_named(_by_id(answer), media_id))
    if url is None:
        raise NotFoundError("media.no_link", f"media {media_id} has no link")
    return url


def _shown(answer: ApiAnswer, project_id: str) -> dict[str, Body]:
    if answer.body is None:
        raise NotFoundError("media.not_found", f"the API shows no media of project {project_id}")
    return _by_id(answer)


def _by_id(answer: ApiAnswer) -> dict[str, Body]:
    """Index the media of an answer; of two with one id the later stands."""
    return {media_id: item for item in media_items(answer.body) if (media_id := media_id_of(item))}


def _named(shown: dict[str, Body], media_id: str) -> Body:
    if media_id not in shown:
        raise NotFoundError("media.not_found", f"the API does not show media {media_id}")
    return shown[media_id]


def _download(task: EnrichmentTask, media_id: str, item: Body, now: Micros) -> DownloadTask | None:
    url = link_in(item)
    if url is None:
        return None
    return DownloadTask(
        event_id=task.event_id,
        event_type=task.event_type,
        project_id=task.project_id,
        media_id=media_id,
        url=url,
        origin=task.origin,
        first_tried_at=now,
        file_name=text(item.get("mediaName")),
        file_type=text(item.get("mediaType")),
    )
