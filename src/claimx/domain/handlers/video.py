"""VIDEO_COLLABORATION_INVITE_SENT and VIDEO_COLLABORATION_COMPLETED."""

from claimx.domain.answers import ApiAnswer, GetVideos, video_items
from claimx.domain.entities.fields import Said
from claimx.domain.entities.videos import collaboration_id_of, newest_of, unseen_row, video_row
from claimx.domain.handlers.ids import optional
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.rows import Row
from claimx.domain.tasks import EnrichmentTask
from claimx.errors import NotFoundError


def invite_sent(task: EnrichmentTask, *, is_last_ask: bool) -> Plan:
    """Write the collaboration that the event names, as INVITED.

    Raises:
        PermanentError: ``event.bad_video_id``.
        NotFoundError: ``video.not_found``, unless it is the last ask.
    """
    return (yield from _written(task, "INVITED", is_last_ask=is_last_ask))


def completed(task: EnrichmentTask, *, is_last_ask: bool) -> Plan:
    """Write the collaboration that the event names, as COMPLETED.

    Raises:
        PermanentError: ``event.bad_video_id``.
        NotFoundError: ``video.not_found``, unless it is the last ask.
    """
    return (yield from _written(task, "COMPLETED", is_last_ask=is_last_ask))


def _written(task: EnrichmentTask, status: str, *, is_last_ask: bool) -> Plan:
    named = optional(task.video_collaboration_id, "event.bad_video_id")
    (report,) = yield (GetVideos(task.project_id),)
    video = _newest(task, report, status) if named is None else _named(task, report, status, int(named))
    if video is None and named is not None:
        if not is_last_ask:
            raise NotFoundError("video.not_found", f"the report does not show collaboration {named}")
        said = Said(task.event_id, report.fetched_at)
        video = unseen_row(int(named), task.project_id, status, said)
    return Enrichment([] if video is None else [video])


def _named(task: EnrichmentTask, report: ApiAnswer, status: str, named: int) -> Row | None:
    said = Said(task.event_id, report.fetched_at)
    found = [item for item in video_items(report.body) if collaboration_id_of(item) == named]
    return video_row(found[0], named, task.project_id, status, said) if found else None


def _newest(task: EnrichmentTask, report: ApiAnswer, status: str) -> Row | None:
    newest = newest_of(video_items(report.body), task.project_id)
    found = collaboration_id_of(newest) if newest else None
    if newest is None or found is None:
        return None
    return video_row(newest, found, task.project_id, status, Said(task.event_id, report.fetched_at))
