"""What benchmarks fill topics with: events of chosen shape about the simulated world, and tasks for files. Pure."""

from collections.abc import Iterator
from random import Random

import msgspec

from claimx.domain.tasks import DownloadTask, Origin, encode_task
from claimx.domain.times import SECOND, format_time
from claimx.sandbox.simulator.records import Record
from claimx.sandbox.simulator.world import BEGINNING, Project, World

_TYPES = ("PROJECT_FILE_ADDED",) * 14 + (
    "PROJECT_CREATED",
    "PROJECT_CREATED",
    "PROJECT_MFN_ADDED",
    "POLICYHOLDER_INVITED",
    "CUSTOM_TASK_ASSIGNED",
    "VIDEO_COLLABORATION_COMPLETED",
)
_BURST = 100
_BLOCK = 20
_EVENTS_OF_PROJECT = 4
_PROJECTS = 5000
_PARTITIONS = 24
_MILLISECOND = SECOND // 1000


def rows_only(count: int) -> Iterator[Record]:
    """Events as ClaimX sends them, camelCase and without an id, of a type that has its row only."""
    for n in range(count):
        project_id = 5_000_000 + n % _PROJECTS
        yield _record(n, "PROJECT_CONVERSATION_UPDATED", project_id)


def bursts(world: World, count: int) -> Iterator[Record]:
    """All events of one project, then all of the next."""
    rng = world.draws("bursts")
    for n in range(count):
        yield _event(rng, n, world.project(n // _BURST))


def mixed(world: World, count: int) -> Iterator[Record]:
    """Blocks of 20: by turns a burst of one project, and events of any."""
    rng = world.draws("mixed")
    projects = max(1, count // _EVENTS_OF_PROJECT)
    for n in range(count):
        block = n // _BLOCK
        number = rng.randrange(projects) if block % 2 else block * _BLOCK // _EVENTS_OF_PROJECT
        yield _event(rng, n, world.project(number))


def downloads(base_url: str, size: int, count: int) -> Iterator[Record]:
    """Download tasks of files that the file server has."""
    for n in range(count):
        project_id = str(5_000_000 + n % _PROJECTS)
        task = DownloadTask(
            f"bench-{n}",
            "PROJECT_FILE_ADDED",
            project_id,
            str(90_000_000 + n),
            f"{base_url}/{size}/{n}.jpg",
            Origin("claimx.events.raw", n % _PARTITIONS, n),
            BEGINNING,
            file_name=f"{n}.jpg",
        )
        yield Record(project_id.encode(), encode_task(task))


def _event(rng: Random, number: int, project: Project) -> Record:
    event_type = rng.choice(_TYPES)
    media = rng.choice(project.media).media_id if event_type == "PROJECT_FILE_ADDED" else None
    task = video = None
    if event_type == "CUSTOM_TASK_ASSIGNED" and project.tasks:
        task = rng.choice(project.tasks).assignment_id
    elif event_type == "VIDEO_COLLABORATION_COMPLETED" and project.videos:
        video = rng.choice(project.videos)
    elif event_type in {"CUSTOM_TASK_ASSIGNED", "VIDEO_COLLABORATION_COMPLETED"}:
        event_type = "PROJECT_CREATED"
    ids = {"mediaId": media, "taskAssignmentId": task, "videoCollaborationId": video}
    return _record(number, event_type, project.project_id, ids)


def _record(
    number: int, event_type: str, project_id: int, ids: dict[str, int | None] | None = None
) -> Record:
    """Write an event; all times differ, so all ids do."""
    document = {
        "eventType": event_type,
        "projectId": project_id,
        **(ids or {"mediaId": None, "taskAssignmentId": None, "videoCollaborationId": None}),
        "masterFileName": f"MFN{number}" if event_type == "PROJECT_MFN_ADDED" else None,
        "ingestedAt": format_time(BEGINNING + number * _MILLISECOND),
    }
    return Record(str(project_id).encode(), msgspec.json.encode(document))
