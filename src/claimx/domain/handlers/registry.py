"""Which handler takes which type of event."""

from collections.abc import Callable
from typing import Protocol

from claimx.domain.handlers import flags, media, policyholder, project, task, video
from claimx.domain.handlers.ids import required
from claimx.domain.handlers.plan import Plan
from claimx.domain.tasks import EnrichmentTask, ProjectTask
from claimx.errors import PermanentError


class Handler(Protocol):
    """Begins the conversation about one event."""

    def __call__(self, task: EnrichmentTask, *, is_last_ask: bool) -> Plan:
        """Begin it; nothing is asked before the first ``next``."""
        ...


def _always(plan: Callable[[EnrichmentTask], Plan]) -> Handler:
    """Adapt a handler to which it does not matter whether the API will be asked again."""

    def handler(task: EnrichmentTask, *, is_last_ask: bool) -> Plan:
        del is_last_ask
        return plan(task)

    return handler


HANDLERS: dict[str, Handler] = {
    "PROJECT_CREATED": _always(project.created),
    "PROJECT_FILE_ADDED": _always(media.file_added),
    "PROJECT_MFN_ADDED": _always(project.name_added),
    "CUSTOM_TASK_ASSIGNED": _always(task.task_changed),
    "CUSTOM_TASK_COMPLETED": _always(task.task_changed),
    "POLICYHOLDER_INVITED": _always(policyholder.marked),
    "POLICYHOLDER_JOINED": _always(policyholder.marked),
    "VIDEO_COLLABORATION_INVITE_SENT": video.invite_sent,
    "VIDEO_COLLABORATION_COMPLETED": video.completed,
    "PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL": _always(flags.auto_link_failed),
    "PERSONAL_PROPERTY_TASK_SHARED": _always(flags.contents_task_shared),
}


_BRINGS_PROJECT = frozenset(
    {
        "PROJECT_CREATED",
        "PROJECT_MFN_ADDED",
        "PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL",
        "PERSONAL_PROPERTY_TASK_SHARED",
    }
)
"""Types whose own rows are of their project."""


def needs_project(task: EnrichmentTask) -> bool:
    """Say whether the event's rows refer to a project that its own conversation does not fetch: a pre-flight's work."""
    if task.event_type in policyholder.STATUS:
        return task.policyholder is not None
    return task.event_type in HANDLERS and task.event_type not in _BRINGS_PROJECT


def plan_for(task: EnrichmentTask | ProjectTask, *, is_last_ask: bool) -> Plan:
    """Begin the conversation about an event, or about the project that it needs.

    Args:
        task: what is asked about.
        is_last_ask: what the API does not show now will not be asked for again.

    Raises:
        PermanentError: ``event.no_handler``, ``event.bad_project``: only a task that claimx did not make.
    """
    required(task.project_id, "event.bad_project")
    if isinstance(task, ProjectTask):
        return project.fetched(task.project_id, task.event_id)
    handler = HANDLERS.get(task.event_type)
    if handler is None:
        raise PermanentError("event.no_handler", f"no handler for {task.event_type[:80]!r}")
    return handler(task, is_last_ask=is_last_ask)
