"""The tasks by which a project is fetched anew, whatever was fetched of it before.

No event stands behind them, so each has an event id of its own, ``reenrich:<sha>``: it is in no memory of committed
work, and it never joins other work in flight. Its origin is no record either: topic ``claimx.reenrich``, and an offset
of 63 bits from the same hash. So delay rows (origin, child) and dead-letter ids of two tasks never fold into one, of one
run or of two, while a copy of one task folds with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from claimx.domain.answers import ApiAnswer, task_list_items, video_items
from claimx.domain.coerce import id_text
from claimx.domain.entities.videos import collaboration_id_of
from claimx.domain.events import EVENT_ID_HEADER, is_numeric
from claimx.domain.letters import Outgoing
from claimx.domain.tasks import EnrichmentTask, Origin, encode_task
from claimx.domain.times import Micros, format_time

TOPIC = "claimx.reenrich"
"""Of the origins: no such topic is there."""
HEADER = "claimx-reenrich"
"""When the run began, ISO 8601 in UTC."""
_BITS = 63


def assignment_ids(answer: ApiAnswer) -> list[str]:
    """The assignments that a task list names, each once; what an element holds beside is not used."""
    return _ids(id_text(item.get("assignmentId")) for item in task_list_items(answer.body))


def video_ids(answer: ApiAnswer) -> list[str]:
    """The collaborations that a report names, each once."""
    return _ids(id_text(collaboration_id_of(item)) for item in video_items(answer.body))


def project_tasks(
    project_id: str, assignments: Sequence[str], videos: Sequence[str], run: Micros
) -> Iterator[EnrichmentTask]:
    """The project and its contacts, all its media, each of its assignments and video calls.

    A video call is asked for as INVITED: that never takes a COMPLETED back, and says of a new one no more than is known.

    Args:
        run: when the command began: it makes the ids of a run.
    """
    yield _task("PROJECT_CREATED", project_id, None, run)
    yield _task("PROJECT_FILE_ADDED", project_id, None, run)
    for assignment in assignments:
        yield _task("CUSTOM_TASK_ASSIGNED", project_id, assignment, run)
    for video in videos:
        yield _task("VIDEO_COLLABORATION_INVITE_SENT", project_id, video, run)


def outgoing(task: EnrichmentTask, run: Micros) -> Outgoing:
    """A task as it goes to claimx.enrichment.pending."""
    headers = [(HEADER, format_time(run).encode()), (EVENT_ID_HEADER, task.event_id.encode())]
    return Outgoing(task.project_id.encode(), encode_task(task), headers)


def _task(event_type: str, project_id: str, thing: str | None, run: Micros) -> EnrichmentTask:
    digest = sha256(f"{run}\n{project_id}\n{event_type}\n{thing or ''}".encode()).hexdigest()
    return EnrichmentTask(
        event_id=f"reenrich:{digest}",
        event_type=event_type,
        project_id=project_id,
        ingested_at=run,
        origin=Origin(TOPIC, 0, int(digest[:16], 16) >> (64 - _BITS)),
        first_tried_at=run,
        seen=None,
        task_assignment_id=thing if event_type == "CUSTOM_TASK_ASSIGNED" else None,
        video_collaboration_id=thing if event_type == "VIDEO_COLLABORATION_INVITE_SENT" else None,
    )


def _ids(found: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(each for each in found if each is not None and is_numeric(each)))
