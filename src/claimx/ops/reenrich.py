"""``claimx reenrich``: projects are fetched anew, by tasks for the enrich stage."""

import asyncio
from collections.abc import Iterator, Sequence

import msgspec

from claimx.domain.answers import GetProjectOfClaim, GetTasks, GetVideos, project_id_of
from claimx.domain.reenrichment import assignment_ids, outgoing, project_tasks, video_ids
from claimx.domain.times import Micros
from claimx.errors import ItemError, PermanentError, TransientError
from claimx.ops.dlq import Watch
from claimx.ops.dlq_view import shown
from claimx.ports.api import ClaimxApi
from claimx.ports.dlq import Replayer

_FAILURES_SHOWN = 20
_NAMES = {
    "PROJECT_CREATED": "projects",
    "PROJECT_FILE_ADDED": "media lists",
    "CUSTOM_TASK_ASSIGNED": "assignments",
    "VIDEO_COLLABORATION_INVITE_SENT": "video calls",
}


class Failure(msgspec.Struct, frozen=True):
    """A project or claim number of which nothing was asked for."""

    subject: str
    reason: str


class Report(msgspec.Struct, kw_only=True):
    """What was asked for.

    Args:
        tasks: that stand on the topic, or with ``dry_run`` would, by what they fetch.
    """

    schema: str = "claimx.reenrich/1"
    dry_run: bool
    topic: str
    projects: int = 0
    tasks: dict[str, int] = {}
    failures: list[Failure] = []
    is_interrupted: bool = False


class Reenrich:
    """One run.

    Args:
        run: when it began.
        rate_per_s: projects in a second at most; None: as fast as it goes.
    """

    def __init__(
        self, api: ClaimxApi, producer: Replayer, report: Report, run: Micros, rate_per_s: float | None
    ) -> None:
        self._api = api
        self._producer = producer
        self._run = run
        self._rate_per_s = rate_per_s
        self.report = report

    async def projects_of(self, claims: Sequence[str]) -> list[str]:
        """Look claim numbers up; one that the API does not know is a failure.

        Raises:
            AuthError: the API refuses our token.
        """
        found = []
        for claim in claims:
            try:
                answer = await self._api.send(GetProjectOfClaim(claim))
            except (TransientError, PermanentError) as error:
                self._failed(f"claim {claim}", error)
                continue
            project_id = project_id_of(answer.body)
            if project_id is None:
                self._failed(f"claim {claim}", PermanentError("claim.not_found", "the API does not know it"))
            else:
                found.append(project_id)
        return found

    async def run(self, project_ids: Sequence[str], watch: Watch) -> None:
        """Ask the API for each project's lists, and produce; what failed may be asked for again, whole.

        Raises:
            AuthError: the API or Kafka refuses us.
            TransientError: ``kafka.unreachable``, nothing is acknowledged.
        """
        loop = asyncio.get_running_loop()
        watch.begin("asking for projects", len(project_ids))
        begin = loop.time()
        for number, project_id in enumerate(dict.fromkeys(project_ids)):
            if self._rate_per_s is not None:
                await asyncio.sleep(max(0.0, begin + number / self._rate_per_s - loop.time()))
            if watch.is_stopping:
                self.report.is_interrupted = True
                return
            await self._one(project_id)
            watch.advance(1)

    async def _one(self, project_id: str) -> None:
        try:
            tasks = await self._api.send(GetTasks(project_id))
            videos = await self._api.send(GetVideos(project_id))
        except (TransientError, PermanentError) as error:
            self._failed(f"project {project_id}", error)
            return
        made = list(project_tasks(project_id, assignment_ids(tasks), video_ids(videos), self._run))
        if not self.report.dry_run:
            records = [(self.report.topic, outgoing(task, self._run)) for task in made]
            refused = [answer for answer in await asyncio.to_thread(self._producer.send, records) if answer]
            if refused:
                self._failed(f"project {project_id}", PermanentError("kafka.refused_task", refused[0]))
                return
        self.report.projects += 1
        for task in made:
            name = _NAMES[task.event_type]
            self.report.tasks[name] = self.report.tasks.get(name, 0) + 1

    def _failed(self, subject: str, error: ItemError) -> None:
        self.report.failures.append(Failure(subject, str(error)))


def as_json(report: Report) -> str:
    """One object."""
    return msgspec.json.encode(report).decode()


def as_text(report: Report) -> Iterator[str]:
    """What was asked for, then what failed."""
    parts = ", ".join(f"{number:,} {name}" for name, number in report.tasks.items()) or "nothing"
    done = "would be asked for" if report.dry_run else f"asked for, on {report.topic}"
    plural = "" if report.projects == 1 else "s"
    yield f"{report.projects:,} project{plural} {done}: {parts}"
    for failure in report.failures[:_FAILURES_SHOWN]:
        yield f"failed: {shown(failure.subject)}: {shown(failure.reason)}"
    if len(report.failures) > _FAILURES_SHOWN:
        yield f"and {len(report.failures) - _FAILURES_SHOWN:,} more failed: -o json names all"
