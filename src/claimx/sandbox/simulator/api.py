"""The ClaimX REST API, endpoints 1 to 9 (Source: reference/domain.md 2.2)."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiohttp import web

from claimx.domain.times import DAY, SECOND, Micros
from claimx.sandbox.simulator.demands import Action, Report
from claimx.sandbox.simulator.documents import list_shape, media_items, project_document, video_report
from claimx.sandbox.simulator.faults import Faults, Rule
from claimx.sandbox.simulator.gate import Gate, refusal
from claimx.sandbox.simulator.signing import Signer
from claimx.sandbox.simulator.task_document import task_document
from claimx.sandbox.simulator.world import MEGABYTE, Media, Project, World

BASE = "/service/cxedirest"
_FILE_LIFE_S = DAY / SECOND
_OBJECT_LIFE_S = 3600.0


def answer(document: object) -> web.Response:
    """Answer with JSON."""
    return web.Response(body=msgspec.json.encode(document), content_type="application/json")


class Api:
    """The endpoints.

    Args:
        bases: base URLs of the file service and the object host, known once they listen.
    """

    def __init__(
        self,
        world: World,
        faults: Faults,
        signer: Signer,
        bases: Callable[[], tuple[str, str]],
        now: Callable[[], Micros],
    ) -> None:
        self._world = world
        self._faults = faults
        self._signer = signer
        self._bases = bases
        self._now = now

    def add_routes(self, app: web.Application, gate: Gate) -> None:
        """Put every endpoint behind the gate."""
        export = f"{BASE}/export/project"
        get, post = app.router.add_get, app.router.add_post
        get(f"{export}/projectId", gate.guard("claim", _claim_id, self.claim))
        get(f"{export}/{{id}}", gate.guard("project", _path_id, self.project))
        get(f"{export}/{{id}}/media", gate.guard("media", _media_ids, self.media))
        get(f"{export}/{{id}}/contacts", gate.guard("contacts", _path_id, self.contacts))
        get(f"{export}/{{id}}/conversations", gate.guard("conversations", _path_id, self.conversations))
        get(f"{BASE}/customTasks/assignment/{{id}}", gate.guard("task", _path_id, self.task))
        post(f"{BASE}/data", gate.guard("report", _body_id, self.report))
        post(f"{BASE}/import/project/actions", gate.guard("action", _body_id, self.action))

    async def project(self, request: web.Request) -> web.Response:
        """Endpoint 1."""
        project = self._project(request.match_info["id"])
        if project is None:
            return _unknown("project")
        return answer(project_document(self._world, project))

    async def media(self, request: web.Request) -> web.Response:
        """Endpoint 2. Ids that are unknown are missing from the answer."""
        project = self._project(request.match_info["id"])
        if project is None:
            return _unknown("project")
        wanted: Sequence[Media] = project.media
        if "mediaIds" in request.query:
            ids = {part.strip() for part in request.query["mediaIds"].split(",")}
            wanted = [media for media in wanted if str(media.media_id) in ids]
        shown = [media for media in wanted if not self._is_hidden(media, project)]
        items = media_items(self._world, shown, self._link)
        return answer(list_shape(self._world, project, items, "media"))

    async def task(self, request: web.Request) -> web.Response:
        """Endpoint 3. Without ``full=true`` the answers of the form are left out."""
        identity = request.match_info["id"]
        task = self._world.task(int(identity)) if _is_id(identity) else None
        if task is None or self._faults.is_hidden("task", identity, self._now()):
            return _unknown("assignment")
        if self._faults.is_unfinished(identity, self._now()):
            task = task._replace(is_completed=False)
        document = task_document(self._world, task)
        if request.query.get("full") != "true":
            document["response"] = None
        return answer(document)

    async def report(self, request: web.Request) -> web.Response:
        """Endpoints 4 and 5."""
        asked = msgspec.json.decode(await request.read(), type=Report)
        project = self._project(str(asked.project_id))
        if project is None:
            return _unknown("project")
        if asked.report_type == "VIDEO_COLLABORATION":
            moment = self._now()
            videos = [v for v in project.videos if not self._faults.is_hidden("report", str(v), moment)]
            return answer(video_report(self._world, project._replace(videos=tuple(videos))))
        names = {"assignmentId", "taskId", "taskName", "status"}
        tasks = [task_document(self._world, task) for task in project.tasks]
        return answer({"data": [{name: task[name] for name in names & task.keys()} for task in tasks]})

    async def claim(self, request: web.Request) -> web.Response:
        """Endpoint 6: the project of a claim number, in one of three shapes."""
        project = self._world.project_of_claim(request.query.get("projectNumber", ""))
        if project is None:
            return _unknown("claim")
        shapes = (project.project_id, {"projectId": project.project_id}, {"id": project.project_id})
        return answer(shapes[project.number % len(shapes)])

    async def contacts(self, request: web.Request) -> web.Response:
        """Endpoint 7; the shape of an element is not known."""
        project = self._project(request.match_info["id"])
        if project is None:
            return _unknown("project")
        items = [{"email": email} for email in (project.email, *project.reps) if email]
        return answer(list_shape(self._world, project, items, "contacts"))

    async def conversations(self, request: web.Request) -> web.Response:
        """Endpoint 8; the shape of an element is not known."""
        project = self._project(request.match_info["id"])
        if project is None:
            return _unknown("project")
        return answer(
            list_shape(self._world, project, [{"conversationId": 1, "text": "Hello"}], "conversations")
        )

    async def action(self, request: web.Request) -> web.Response:
        """Endpoint 9: 200 is all that is known of its answer."""
        asked = msgspec.json.decode(await request.read(), type=Action)
        return _unknown("project") if self._project(str(asked.project_id)) is None else answer({})

    def _project(self, identity: str) -> Project | None:
        project = self._world.project_of(int(identity)) if _is_id(identity) else None
        if project is None or self._faults.is_hidden("project", identity, self._now()):
            return None
        return project

    def _is_hidden(self, media: Media, project: Project) -> bool:
        is_named = media.slot < project.named_media
        return self._faults.is_hidden("media", str(media.media_id), self._now(), is_named=is_named)

    def _link(self, media: Media) -> str | None:
        """Sign a link: of the object host for large videos, else of the file service."""
        if not media.has_link:
            return None
        file_base, object_base = self._bases()
        moment, ids = self._now(), (str(media.media_id),)
        if self._faults.striking(frozenset({"expired_link"}), "media", ids):
            moment -= 2 * DAY
        short = self._faults.striking(frozenset({"short_link"}), "media", ids)
        if media.kind == "mp4" and media.size >= MEGABYTE:
            return self._signer.object_link(object_base, media, moment, int(_life_s(short, _OBJECT_LIFE_S)))
        return self._signer.file_link(file_base, media, moment, int(_life_s(short, _FILE_LIFE_S) * 1000))


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len("1234567890")


def _life_s(rules: Sequence[Rule], usual_s: float) -> float:
    return min((rule.seconds for rule in rules), default=usual_s)


def _unknown(thing: str) -> web.Response:
    return refusal(404, f"no such {thing}")


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await request.read(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


async def _path_id(request: web.Request) -> Sequence[str]:
    return (request.match_info["id"],)


async def _media_ids(request: web.Request) -> Sequence[str]:
    ids = request.query.get("mediaIds", "")
    return (request.match_info["id"], *filter(None, ids.split(",")))


async def _claim_id(request: web.Request) -> Sequence[str]:
    return (request.query.get("projectNumber", ""),)


async def _body_id(request: web.Request) -> Sequence[str]:
    return (str((await _json(request)).get("projectId")),)
