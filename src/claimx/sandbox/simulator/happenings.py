"""What happens in a project, as events of every type, in the order in which they are sent. Pure."""

from random import Random
from typing import NamedTuple

from claimx.sandbox.simulator.world import Project, World, chance, trait

_BEFORE, _FIRST, _LATE_BIRTH, _EARLY, _LAST = -1.0, 0.0, 0.4, 0.1, 1.0


class Happening(NamedTuple):
    """One event before it is spelled.

    Args:
        media_id: a text where the sender sends one that is no number.
        email: whom the event itself describes.
    """

    event_type: str
    project_id: int
    media_id: int | str | None = None
    task_assignment_id: int | None = None
    video_collaboration_id: int | None = None
    master_file_name: str | None = None
    email: str | None = None

    @property
    def is_hopeless(self) -> bool:
        """Whether it has its row but can never be enriched: a dead letter of the enrich stage."""
        return isinstance(self.media_id, str)


_Placed = list[tuple[float, Happening]]


def happenings(world: World, index: int) -> list[Happening]:
    """List the events of a project; now and then something comes before the project's own creation."""
    project = world.project(index)
    rng = world.draws(f"happenings:{index}")
    placed = [*_birth(rng, project), *_files(rng, project), *_tasks(rng, project), *_videos(rng, project)]
    placed += _rare(rng, project)
    placed.sort(key=lambda pair: pair[0])
    return [happening for _, happening in placed]


def _birth(rng: Random, project: Project) -> _Placed:
    born = _LATE_BIRTH if trait(project.number, 8, 3) else _BEFORE
    placed = [(born, Happening("PROJECT_CREATED", project.project_id))]
    if project.number == 0 or chance(rng, 0.6):
        own = f"invited.{project.project_id}@example.com" if trait(project.number, 9, 2) else None
        placed.append((_FIRST, Happening("POLICYHOLDER_INVITED", project.project_id, email=own)))
        if project.number == 0 or chance(rng, 0.7):
            when = rng.uniform(_EARLY, _LAST)
            placed.append((when, Happening("POLICYHOLDER_JOINED", project.project_id)))
    if trait(project.number, 7, 6):
        mfn = Happening("PROJECT_MFN_ADDED", project.project_id, master_file_name=project.mfn)
        placed.append((rng.uniform(_EARLY, _LAST), mfn))
    return placed


def _files(rng: Random, project: Project) -> _Placed:
    placed = [
        (rng.uniform(_EARLY, _LAST), Happening("PROJECT_FILE_ADDED", project.project_id, media.media_id))
        for media in project.media[: project.named_media]
    ]
    if trait(project.number, 20, 4):  # no id: all files of the project are meant
        placed.append((_LAST, Happening("PROJECT_FILE_ADDED", project.project_id)))
    if trait(project.number, 20, 1):
        placed.append((_LAST, Happening("PROJECT_FILE_ADDED", project.project_id, "not-a-number")))
    return placed


def _tasks(rng: Random, project: Project) -> _Placed:
    placed: _Placed = []
    for task in project.tasks:
        assigned = rng.uniform(_FIRST, _LAST)
        first = Happening("CUSTOM_TASK_ASSIGNED", project.project_id, task_assignment_id=task.assignment_id)
        placed.append((assigned, first))
        if task.is_completed:
            done = rng.uniform(assigned, _LAST)
            placed.append((done, first._replace(event_type="CUSTOM_TASK_COMPLETED")))
    return placed


def _videos(rng: Random, project: Project) -> _Placed:
    placed: _Placed = []
    for video in project.videos:
        invited = rng.uniform(_EARLY, _LAST)
        first = Happening("VIDEO_COLLABORATION_INVITE_SENT", project.project_id, video_collaboration_id=video)
        placed.append((invited, first))
        if project.number == 0 or chance(rng, 0.7):
            done = rng.uniform(invited, _LAST)
            placed.append((done, first._replace(event_type="VIDEO_COLLABORATION_COMPLETED")))
    if trait(project.number, 30, 5):  # no id: the newest session of the project is meant
        placed.append((_LAST, Happening("VIDEO_COLLABORATION_COMPLETED", project.project_id)))
    return placed


def _rare(rng: Random, project: Project) -> _Placed:
    rare = {
        "PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL": trait(project.number, 15, 9),
        "PERSONAL_PROPERTY_TASK_SHARED": trait(project.number, 15, 10),
        "PROJECT_CONVERSATION_UPDATED": trait(project.number, 15, 11),
        "PROJECT_SOMETHING_NEW": trait(project.number, 25, 12),
    }
    return [
        (rng.uniform(_EARLY, _LAST), Happening(event_type, project.project_id))
        for event_type, is_wanted in rare.items()
        if is_wanted
    ]
