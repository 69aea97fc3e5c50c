"""The client and the simulator hold each other to reference/domain.md 2: what one sends, the other demands and reads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest

from claimx.adapters.claimx_api import HttpClaimxApi
from claimx.adapters.clock import WallClock
from claimx.config.tree import Api, Secret
from claimx.domain.answers import (
    ApiAnswer,
    ApiRequest,
    GetContacts,
    GetConversations,
    GetMedia,
    GetProject,
    GetProjectOfClaim,
    GetTask,
    GetTasks,
    GetVideos,
    contact_items,
    conversation_items,
    media_items,
    project_body,
    project_id_of,
    task_body,
    task_list_items,
    video_items,
)
from claimx.errors import AuthError, ItemError, PermanentError, ThrottledError, TransientError
from claimx.sandbox.simulator.faults import Faults, Rule
from claimx.sandbox.simulator.server import Simulator
from claimx.sandbox.simulator.world import World

TOKEN = "c2FuZGJveDpub3QtYS1zZWNyZXQ="
HEADERS = {"Authorization": f"Basic {TOKEN}", "Accept": "application/json"}
WORLD = World(1)
PROJECT = WORLD.project(0)
PROJECT_ID = str(PROJECT.project_id)
TASK_ID = str(PROJECT.tasks[0].assignment_id)
REPORT = {
    "reportType": "VIDEO_COLLABORATION",
    "projectId": PROJECT.project_id,
    "senderUsername": "me@example.com",
}
ACTION = {
    "projectId": PROJECT.project_id,
    "usePrimaryContactAsSender": True,
    "senderUserName": "me@example.com",
    "type": "CUSTOM_TASK_ASSIGN_EXTERNAL_LINK",
    "data": {
        "customTaskName": "Cabinet Repair Form",
        "customTaskId": 32513,
        "notificationType": "COPY_EXTERNAL_LINK_URL",
    },
}
EVERY_REQUEST: list[ApiRequest] = [
    GetProject(PROJECT_ID),
    GetMedia(PROJECT_ID),
    GetMedia(PROJECT_ID, (str(PROJECT.media[0].media_id), str(PROJECT.media[1].media_id))),
    GetTask(TASK_ID),
    GetVideos(PROJECT_ID),
    GetTasks(PROJECT_ID),
    GetProjectOfClaim(PROJECT.claim_number),
    GetContacts(PROJECT_ID),
    GetConversations(PROJECT_ID),
]


@asynccontextmanager
async def simulated(*rules: Rule) -> AsyncGenerator[Simulator, None]:
    async with Simulator(WORLD, Faults(1, rules), TOKEN) as simulator:
        yield simulator


@asynccontextmanager
async def client(
    simulator: Simulator, token: str = TOKEN, **changes: object
) -> AsyncGenerator[HttpClaimxApi, None]:
    settings = {"base_url": simulator.base_url, "token": Secret(token), "timeout_s": 5.0} | changes
    api = HttpClaimxApi(Api(**settings), lambda: TOKEN, WallClock())
    await api.open()
    try:
        yield api
    finally:
        await api.close()


@pytest.fixture
async def api() -> AsyncIterator[HttpClaimxApi]:
    async with simulated() as one, client(one) as api:
        yield api


@pytest.mark.parametrize("request_", EVERY_REQUEST)
async def test_every_request_of_the_client_is_as_the_simulator_demands(api: HttpClaimxApi, request_) -> None:
    assert (await api.send(request_)).body is not None


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("POST", f"/export/project/{PROJECT_ID}", None, {}),
        ("GET", f"/export/project/{PROJECT_ID}/", None, {}),
        ("GET", f"/export/projects/{PROJECT_ID}", None, {}),
        ("GET", f"/export/project/{PROJECT_ID}?full=true", None, {}),
        ("GET", f"/export/project/{PROJECT_ID}", None, {"Accept": "text/html"}),
        ("GET", f"/export/project/{PROJECT_ID}", None, {"Accept": "*/*"}),
        ("GET", f"/export/project/{PROJECT_ID}", REPORT, {}),
        ("GET", f"/export/project/{PROJECT_ID}/media?mediaids=1", None, {}),
        ("GET", f"/export/project/{PROJECT_ID}/media?mediaIds=", None, {}),
        ("GET", f"/export/project/{PROJECT_ID}/media?mediaIds=1;2", None, {}),
        ("GET", f"/export/project/{PROJECT_ID}/media?mediaIds=1,,2", None, {}),
        ("GET", f"/export/project/{PROJECT_ID}/media?mediaIds=[1]", None, {}),
        ("GET", f"/customTasks/assignment/{TASK_ID}?full=yes", None, {}),
        ("GET", f"/customTasks/{TASK_ID}", None, {}),
        ("GET", "/export/project/projectId", None, {}),
        ("GET", "/export/project/projectId?projectNumber=", None, {}),
        ("GET", "/export/project/projectId?claimNumber=x", None, {}),
        ("GET", "/data", None, {}),
        ("GET", f"/data?reportType=CUSTOM_TASK_HIGH_LEVEL&projectId={PROJECT_ID}", None, {}),
        ("POST", "/data?reportType=VIDEO_COLLABORATION", REPORT, {}),
        ("POST", "/data", None, {}),
        ("POST", "/data", REPORT | {"projectId": PROJECT_ID}, {}),
        ("POST", "/data", REPORT | {"projectId": True}, {}),
        ("POST", "/data", REPORT | {"projectId": 5.5}, {}),
        ("POST", "/data", REPORT | {"reportType": "video"}, {}),
        ("POST", "/data", REPORT | {"senderUsername": " "}, {}),
        ("POST", "/data", REPORT | {"senderUserName": "me@example.com"}, {}),
        ("POST", "/data", [REPORT], {}),
        ("POST", "/data", REPORT, {"Content-Type": "text/plain"}),
        ("POST", "/import/project/actions", ACTION | {"senderUsername": "me@example.com"}, {}),
        ("POST", "/import/project/actions", ACTION | {"type": "X"}, {}),
        ("POST", "/import/project/actions", ACTION | {"data": {}}, {}),
        ("GET", "/import/project/actions", None, {}),
    ],
)
async def test_a_request_that_is_written_wrongly_is_refused(method, path, body, headers) -> None:
    sent = HEADERS | ({"Content-Type": "application/json"} if body else {}) | headers
    async with simulated() as simulator, aiohttp.ClientSession() as session:
        url = simulator.base_url + path
        data = msgspec.json.encode(body) if body else None
        async with session.request(method, url, data=data, headers=sent) as answer:
            assert answer.status in {400, 404, 405}


async def test_an_action_that_is_written_rightly_is_accepted() -> None:
    async with simulated() as simulator, aiohttp.ClientSession() as session:
        url = simulator.base_url + "/import/project/actions"
        async with session.post(url, json=ACTION, headers=HEADERS) as answer:
            assert answer.status == 200
        async with session.post(url, json=ACTION | {"projectId": 4}, headers=HEADERS) as answer:
            assert answer.status == 404


async def test_the_client_shows_why_it_was_refused(api: HttpClaimxApi) -> None:
    with pytest.raises(PermanentError, match="mediaIds is malformed") as caught:
        await api.send(GetMedia(PROJECT_ID, ("x",)))
    assert caught.value.code == "api.400"


async def test_every_shape_of_an_answer_is_read(api: HttpClaimxApi) -> None:
    shapes = set()
    for number in range(120):
        project = WORLD.project(number)
        project_id = str(project.project_id)
        body = (await api.send(GetProject(project_id))).body
        assert project_body(body)["project"]["projectId"] == project.project_id
        shapes.add(("project", type(body), "data" in body))
        for wanted in (project.media, project.media[:1]):
            ids = tuple(str(media.media_id) for media in wanted)
            body = (await api.send(GetMedia(project_id, ids))).body
            assert [item["mediaID"] for item in media_items(body)] == [media.media_id for media in wanted]
            shapes.add(("media", *shape(body)))
        body = (await api.send(GetVideos(project_id))).body
        ids = {item.get("videoCollaborationId", item.get("id")) for item in video_items(body)}
        assert ids == set(project.videos)
        shapes.add(("videos", *shape(body)))
        body = (await api.send(GetTasks(project_id))).body
        ids = [item["assignmentId"] for item in task_list_items(body)]
        assert ids == [task.assignment_id for task in project.tasks]
        for task in project.tasks:
            body = (await api.send(GetTask(str(task.assignment_id)))).body
            assert task_body(body)["assignmentId"] == task.assignment_id
        body = (await api.send(GetProjectOfClaim(project.claim_number))).body
        assert project_id_of(body) == project_id
        shapes.add(("claim", *shape(body)))
        body = (await api.send(GetContacts(project_id))).body
        emails = {item["email"] for item in contact_items(body)}
        assert emails == {email for email in (project.email, *project.reps) if email}
        shapes.add(("contacts", *shape(body)))
        body = (await api.send(GetConversations(project_id))).body
        assert [item["conversationId"] for item in conversation_items(body)] == [1]
        shapes.add(("conversations", *shape(body)))
    lists = {("list",), ("data", "list")}
    seen = {name: {each[1:] for each in shapes if each[0] == name} for name, *_ in shapes}
    assert seen["claim"] == {("int",), ("projectId", "int"), ("id", "int")}
    assert len(seen["project"]) == 2
    own = {"media": "media", "contacts": "contacts", "conversations": "conversations"}
    for name, key in own.items():
        assert seen[name] >= lists | {(key, "list"), ("list", "data")}, name
        assert any(each[-1] == "object" for each in seen[name]), name
    for key in ("data", "collaborations", "videoCollaboration"):
        assert (key, "list") in seen["videos"]


def shape(body) -> tuple[str, ...]:
    """Names of the wrappers, from outside in."""
    if isinstance(body, list):
        return ("list", "data") if body and "data" in body[0] else ("list",)
    if isinstance(body, int):
        return ("int",)
    name = next(iter(body))
    wrappers = {
        "data",
        "media",
        "contacts",
        "conversations",
        "collaborations",
        "videoCollaboration",
        "projectId",
        "id",
    }
    if name not in wrappers or len(body) > 1:
        return ("object",)
    inner = body[name]
    return (name, "list" if isinstance(inner, list) else "int" if isinstance(inner, int) else "object")


@pytest.mark.parametrize(
    "request_",
    [
        GetProject("4"),
        GetMedia("4"),
        GetTask("4"),
        GetVideos("4"),
        GetTasks("4"),
        GetContacts("4"),
        GetConversations("4"),
        GetProjectOfClaim("01-99"),
    ],
)
async def test_what_is_not_known_is_an_answer_without_a_body(api: HttpClaimxApi, request_) -> None:
    assert (await api.send(request_)).body is None


async def sent_until_it_fails(api: HttpClaimxApi, request: ApiRequest) -> None:
    while True:
        await api.send(request)


@pytest.mark.parametrize(
    ("rule", "kind", "code"),
    [
        (Rule("status", status=400), PermanentError, "api.400"),
        (Rule("status", status=401), AuthError, "api.401"),
        (Rule("status", status=403), PermanentError, "api.403"),
        (Rule("status", status=429), ThrottledError, "api.429"),
        (Rule("status", status=500), TransientError, "api.5xx"),
        (Rule("limit", per_second=1), ThrottledError, "api.429"),
        (Rule("hang", seconds=0.05), TransientError, "api.broken"),
        (Rule("latency", seconds=30, up_to=35), TransientError, "api.timeout"),
        (Rule("reset"), TransientError, "api.broken"),
        (Rule("html"), TransientError, "api.html"),
        (Rule("login"), TransientError, "api.redirect"),
        (Rule("disguised"), TransientError, "api.html"),
        (Rule("half"), TransientError, "api.not_json"),
        (Rule("truncated"), TransientError, "api.broken"),
        (
            Rule("length_short"),
            TransientError,
            "api.not_json or api.broken",
        ),  # as the rest comes late or at once
        (Rule("length_long"), TransientError, "api.broken"),
        (Rule("stall", seconds=30), TransientError, "api.timeout"),
        (Rule("empty"), TransientError, "api.not_json"),
    ],
)
@pytest.mark.parametrize("request_", [GetProject(PROJECT_ID), GetTask(TASK_ID), GetVideos(PROJECT_ID)])
async def test_every_fault_of_the_api_has_its_error(rule: Rule, kind, code: str, request_) -> None:
    async with simulated(rule) as simulator, client(simulator, timeout_s=1.0) as api:
        with pytest.raises(ItemError) as caught:
            await asyncio.wait_for(sent_until_it_fails(api, request_), 20)
    assert type(caught.value) is kind
    assert caught.value.code in code.split(" or ")
    assert TOKEN not in caught.value.detail


@pytest.mark.parametrize(
    "rule", [Rule("latency", seconds=0.05), Rule("no_length"), Rule("hidden", seconds=9, ids=("1",))]
)
async def test_a_fault_that_harms_nothing_is_not_noticed(rule: Rule) -> None:
    async with simulated(rule) as simulator, client(simulator) as api:
        for request in EVERY_REQUEST:
            assert (await api.send(request)).body is not None


async def test_retry_after_of_the_simulator_is_read() -> None:
    async with simulated(Rule("status", status=429, seconds=7)) as simulator, client(simulator) as api:
        with pytest.raises(ThrottledError) as caught:
            await api.send(GetProject(PROJECT_ID))
    assert caught.value.retry_after_s == 7


async def tried(api: HttpClaimxApi, request: ApiRequest) -> ApiAnswer:
    """Two quick tries more, as a stage makes them."""
    for _ in range(2):
        try:
            return await api.send(request)
        except TransientError:
            continue
    return await api.send(request)


async def test_no_more_requests_are_under_way_than_allowed_with_quick_tries_and_reloads() -> None:
    rules = (
        Rule("latency", seconds=0.005, up_to=0.03),
        Rule("status", rate=0.9, times=2),
        Rule("reset", rate=0.3, times=1),
    )
    async with simulated(*rules) as simulator, client(simulator, "b2xkOnRva2Vu", max_concurrent=4) as api:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            sent = [
                group.create_task(tried(api, GetProject(str(WORLD.project(number % 40).project_id))))
                for number in range(200)
            ]
        assert sum(task.exception() is None for task in sent) == 200
        async with (
            aiohttp.ClientSession() as session,
            session.get(simulator.file_base + "/_control/stats") as answer,
        ):
            stats = await answer.json()
    assert stats["highest_concurrency"]["api"] == 4
    assert stats["statuses"]["401"] >= 4
    assert stats["faults"]["status"] > 20


async def test_a_rate_limit_keeps_to_the_limit_of_the_api() -> None:
    async with (
        simulated(Rule("limit", per_second=21)) as simulator,
        client(simulator, rate_limit_per_s=10.0) as api,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(25):
            group.create_task(api.send(GetProject(PROJECT_ID)))
