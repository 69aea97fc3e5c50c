"""The simulated ClaimX over HTTP: its token, its answers, its links, its faults."""

import asyncio
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest
from yarl import URL

from claimx.domain.answers import media_items, project_body, task_body, video_items
from claimx.domain.times import Micros
from claimx.sandbox.simulator.faults import MODERATE, Faults, Rule
from claimx.sandbox.simulator.gate import wall_time
from claimx.sandbox.simulator.server import Simulator
from claimx.sandbox.simulator.signing import Signer
from claimx.sandbox.simulator.world import World

TOKEN = "c2FuZGJveDpub3QtYS1zZWNyZXQ="
SENT = {"Authorization": f"Basic {TOKEN}", "Accept": "application/json"}
WORLD = World(1)
PROJECT = WORLD.project(0)
PROJECT_URL = f"/export/project/{PROJECT.project_id}"
JPG = next(media for media in PROJECT.media if media.kind == "jpg")
LARGE = PROJECT.media[0]
YEAR_2026, DAY = 1_768_146_100_000_000, 86_400_000_000


class Client:
    """One session against one simulator."""

    def __init__(self, simulator: Simulator, session: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.session = session

    async def api(self, path: str, **headers: str) -> tuple[int, object]:
        sent = SENT | headers
        async with self.session.get(self.simulator.base_url + path, headers=sent) as answer:
            return answer.status, await answer.json()

    async def data(self, **body: object) -> tuple[int, object]:
        async with self.session.post(self.simulator.base_url + "/data", json=body, headers=SENT) as answer:
            return answer.status, await answer.json()

    async def get(self, url: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        target = URL(url, encoded=True)
        async with self.session.request(method, target, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.read(), dict(answer.headers)

    async def link(self, media) -> str:
        _, body = await self.api(f"/export/project/{media.project_id}/media?mediaIds={media.media_id}")
        (item,) = media_items(body)
        return item["fullDownloadLink"]

    async def faults(self, *rules: dict[str, object]) -> int:
        url = self.simulator.file_base + "/_control/faults"
        async with self.session.post(url, json=rules) as answer:
            return answer.status

    async def stats(self) -> dict[str, object]:
        async with self.session.get(self.simulator.file_base + "/_control/stats") as answer:
            return await answer.json()


def content_type(media) -> str:
    return "binary/octet-stream" if media.media_id % 5 == 0 else "image/jpeg"


async def raw_answer(url: str) -> tuple[bytes, bytes]:
    """Everything that comes until the connection ends, whatever its length says."""
    target = URL(url, encoded=True)
    reader, writer = await asyncio.open_connection(target.host, target.port)
    writer.write(f"GET {target.raw_path_qs} HTTP/1.1\r\nHost: {target.authority}\r\n\r\n".encode())
    head, _, body = (await asyncio.wait_for(reader.read(-1), 20)).partition(b"\r\n\r\n")
    writer.close()
    return head + b"\r\n", body


@asynccontextmanager
async def started(
    *rules: Rule, seed: int = 1, now: Callable[[], Micros] = wall_time
) -> AsyncIterator[Client]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        Simulator(World(seed), Faults(seed, rules), TOKEN, now) as simulator,
        aiohttp.ClientSession(timeout=timeout) as session,
    ):
        yield Client(simulator, session)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with started() as one:
        yield one


@pytest.mark.parametrize("header", ["", f"Bearer {TOKEN}", f"Basic Basic {TOKEN}", "Basic x", TOKEN])
async def test_the_api_wants_the_basic_token(client: Client, header: str) -> None:
    status, _ = await client.api(PROJECT_URL, Authorization=header)
    assert status == 401


async def test_the_file_hosts_want_no_token(client: Client) -> None:
    status, _, _ = await client.get(await client.link(JPG))
    assert status == 302


async def test_every_endpoint_answers(client: Client) -> None:
    status, body = await client.api(PROJECT_URL)
    assert (status, project_body(body)["project"]["projectId"]) == (200, PROJECT.project_id)
    status, body = await client.api(PROJECT_URL + "/media")
    assert (status, len(media_items(body))) == (200, len(PROJECT.media))
    task = PROJECT.tasks[0]
    status, body = await client.api(f"/customTasks/assignment/{task.assignment_id}?full=true")
    assert (status, task_body(body)["assignmentId"]) == (200, task.assignment_id)
    assert len(task_body(body)["response"]["groups"]) == 23
    asked = {"projectId": PROJECT.project_id, "senderUsername": "user@example.com"}
    status, body = await client.data(reportType="VIDEO_COLLABORATION", **asked)
    assert (status, len(video_items(body))) == (200, 3)
    status, body = await client.data(reportType="CUSTOM_TASK_HIGH_LEVEL", **asked)
    assert (status, len(body["data"])) == (200, len(PROJECT.tasks))
    status, body = await client.api(f"/export/project/projectId?projectNumber={PROJECT.claim_number}")
    assert (status, body) == (200, PROJECT.project_id)
    assert (await client.api(PROJECT_URL + "/contacts"))[0] == 200
    assert (await client.api(PROJECT_URL + "/conversations"))[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/export/project/5000004",
        "/export/project/abc",
        "/export/project/5000004/media",
        "/export/project/projectId?projectNumber=01-999X",
        "/customTasks/assignment/1",
        f"/export/project/{'9' * 5000}",
    ],
)
async def test_what_is_not_known_is_404(client: Client, path: str) -> None:
    assert (await client.api(path))[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        {"reportType": "VIDEO_COLLABORATION", "projectId": str(PROJECT.project_id), "senderUsername": "u"},
        {"reportType": "VIDEO_COLLABORATION", "projectId": PROJECT.project_id},
        {"reportType": "SOMETHING", "projectId": PROJECT.project_id, "senderUsername": "u"},
        {},
    ],
)
async def test_a_report_asked_for_wrongly_is_400(client: Client, body: dict[str, object]) -> None:
    assert (await client.data(**body))[0] == 400


async def test_media_ids_filter_and_unknown_ones_are_missing(client: Client) -> None:
    ids = f"{JPG.media_id},1,{LARGE.media_id}"
    _, body = await client.api(f"{PROJECT_URL}/media?mediaIds={ids}")
    assert {item["mediaID"] for item in media_items(body)} == {JPG.media_id, LARGE.media_id}
    status, body = await client.api(f"{PROJECT_URL}/media?mediaIds=1")
    assert (status, media_items(body)) == (200, [])


async def test_every_file_of_some_projects_can_be_fetched_by_its_link(client: Client) -> None:
    for media in (media for number in range(4) for media in WORLD.project(number).media if media.has_link):
        status, body, headers = await client.get(await client.link(media))
        if status == 302:
            status, body, _ = await client.get(headers["Location"])
        assert (status, body) == (200, WORLD.content(media))


async def test_a_link_of_the_file_service_leads_to_the_object_host(client: Client) -> None:
    link = await client.link(JPG)
    assert f"{client.simulator.file_base}/service/cxfileservice/get/" in link
    _, _, headers = await client.get(link)
    assert headers["Location"].startswith(client.simulator.object_base + "/bucket/")
    status, body, headers = await client.get(headers["Location"])
    assert (status, body[:3]) == (200, b"\xff\xd8\xff")
    assert int(headers["Content-Length"]) == JPG.size


async def test_a_large_video_is_linked_at_the_object_host_and_comes_in_ranges(client: Client) -> None:
    link = await client.link(LARGE)
    content = WORLD.content(LARGE)
    status, body, headers = await client.get(link, Range="bytes=1000000-1999999")
    assert (status, body) == (206, content[1_000_000:2_000_000])
    assert headers["Content-Range"] == f"bytes 1000000-1999999/{LARGE.size}"
    status, body, _ = await client.get(link, Range="bytes=9000000-")
    assert (status, body) == (206, content[9_000_000:])
    assert (await client.get(link, Range="bytes=99999999-"))[0] == 416


async def test_the_object_host_refuses_head(client: Client) -> None:
    assert (await client.get(await client.link(LARGE), method="HEAD"))[0] == 403


@pytest.mark.parametrize("part", ["sign=", "filename=", "systemDate=", "expires="])
async def test_a_link_of_the_file_service_that_was_tampered_with_is_a_page(client: Client, part: str) -> None:
    link = (await client.link(JPG)).replace(part, f"{part}1")
    status, body, headers = await client.get(link)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("part", ["X-Amz-Signature=", "X-Amz-Expires=", "X-Amz-Date="])
async def test_a_presigned_link_that_was_tampered_with_is_403(client: Client, part: str) -> None:
    link = (await client.link(LARGE)).replace(part, f"{part}1")
    status, body, _ = await client.get(link)
    assert status == 403
    assert b"does not match" in body


async def test_old_links_have_expired(client: Client) -> None:
    signer = Signer(WORLD)
    file_link = signer.file_link(client.simulator.file_base, JPG, YEAR_2026, 86_400_000)
    status, body, _ = await client.get(file_link)
    assert (status, body[:9]) == (200, b"<!DOCTYPE")
    object_link = signer.object_link(client.simulator.object_base, JPG, YEAR_2026, 300)
    status, body, _ = await client.get(object_link)
    assert status == 403
    assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in body


async def test_stats_tell_requests_concurrency_and_files(client: Client) -> None:
    link = await client.link(LARGE)
    await client.get(link)
    await client.get(link)
    stats = await client.stats()
    assert stats["requests"] == {"media": 1, "object": 2}
    assert stats["statuses"] == {"200": 3}
    assert stats["highest_concurrency"] == {"api": 1, "files": 1}
    assert stats["files_served"] == 2
    assert stats["per_media"] == {str(LARGE.media_id): 2}
    assert stats["faults"] == {}


async def test_there_are_no_faults_unless_asked_for(client: Client) -> None:
    for number in range(100):
        assert (await client.api(f"/export/project/{WORLD.project(number).project_id}"))[0] == 200
    assert (await client.stats())["faults"] == {}


async def test_rules_are_switched_at_run_time(client: Client) -> None:
    assert await client.faults({"kind": "status", "status": 503}) == 200
    assert (await client.api(PROJECT_URL))[0] == 503
    assert await client.faults() == 200
    assert (await client.api(PROJECT_URL))[0] == 200
    assert (await client.stats())["faults"] == {"status": 1}


@pytest.mark.parametrize(
    "rule", [{"kind": "nonsense"}, {"kind": "status", "rates": 1}, {"kind": "status", "rate": 2}]
)
async def test_a_rule_that_does_not_exist_is_refused(client: Client, rule: dict[str, object]) -> None:
    assert await client.faults(rule) == 400


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503, 504])
async def test_a_status_may_strike_one_project_alone(client: Client, status: int) -> None:
    await client.faults({"kind": "status", "status": status, "ids": [str(PROJECT.project_id)]})
    assert (await client.api(PROJECT_URL))[0] == status
    assert (await client.api(f"/export/project/{WORLD.project(1).project_id}"))[0] == 200


async def test_a_429_may_carry_retry_after(client: Client) -> None:
    await client.faults({"kind": "status", "status": 429, "seconds": 7, "at": ["object"]})
    status, _, headers = await client.get(await client.link(LARGE))
    assert (status, headers["Retry-After"]) == (429, "7")


async def test_a_limit_answers_429_beyond_it(client: Client) -> None:
    await client.faults({"kind": "limit", "per_second": 1})
    statuses = [(await client.api(PROJECT_URL))[0] for _ in range(6)]
    assert statuses.count(429) >= 3
    assert statuses[0] == 200


async def test_latency_only_delays(client: Client) -> None:
    await client.faults({"kind": "latency", "seconds": 0.05})
    assert (await client.api(PROJECT_URL))[0] == 200
    assert (await client.stats())["faults"] == {"latency": 1}


@pytest.mark.parametrize("kind", ["reset", "hang"])
async def test_a_connection_may_end_without_an_answer(client: Client, kind: str) -> None:
    await client.faults({"kind": kind, "seconds": 0.05, "at": ["project"]})
    with pytest.raises(aiohttp.ClientError):
        await client.api(PROJECT_URL)
    assert (await client.api(PROJECT_URL + "/media"))[0] == 200


@pytest.mark.parametrize("endpoint", ["project", "object"])
async def test_a_page_may_come_instead(client: Client, endpoint: str) -> None:
    await client.faults({"kind": "html", "at": [endpoint]})
    project = client.simulator.base_url + PROJECT_URL
    url = project if endpoint == "project" else await client.link(LARGE)
    status, body, headers = await client.get(url, **SENT)
    assert (status, body[:9]) == (200, b"<!DOCTYPE")
    assert headers["Content-Type"].startswith("text/html")


async def test_half_an_answer_has_the_right_length_and_is_no_json(client: Client) -> None:
    await client.faults({"kind": "half"})
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        await client.api(PROJECT_URL)


@pytest.mark.parametrize("kind", ["truncated", "stall"])
async def test_a_body_may_end_before_its_length(client: Client, kind: str) -> None:
    link = await client.link(LARGE)
    await client.faults({"kind": kind, "seconds": 0.05, "at": ["object"], "times": 1})
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.get(link)
    assert (await client.get(link))[1] == WORLD.content(LARGE)


async def test_a_file_may_be_empty_once(client: Client) -> None:
    link = await client.link(LARGE)
    await client.faults({"kind": "empty", "at": ["object"], "ids": [str(LARGE.media_id)], "times": 1})
    status, body, headers = await client.get(link)
    assert (status, body, headers["Content-Length"]) == (200, b"", "0")
    assert len((await client.get(link))[1]) == LARGE.size


async def test_a_file_may_come_without_a_length(client: Client) -> None:
    link = await client.link(LARGE)
    await client.faults({"kind": "no_length", "at": ["object"]})
    status, body, headers = await client.get(link)
    assert (status, body) == (200, WORLD.content(LARGE))
    assert "Content-Length" not in headers


async def test_a_ranged_file_stays_partial_when_it_comes_without_a_length(client: Client) -> None:
    link = await client.link(LARGE)
    await client.faults({"kind": "no_length", "at": ["object"]})
    status, _, headers = await client.get(link, Range="bytes=0-9")
    assert (status, headers["Content-Range"]) == (206, f"bytes 0-9/{LARGE.size}")


async def test_a_thing_may_be_hidden_at_first(client: Client) -> None:
    await client.faults({"kind": "hidden", "seconds": 600, "ids": [str(JPG.media_id)]})
    _, body = await client.api(f"{PROJECT_URL}/media")
    assert JPG.media_id not in {item["mediaID"] for item in media_items(body)}
    task = PROJECT.tasks[0].assignment_id
    await client.faults({"kind": "hidden", "seconds": 600, "ids": [str(PROJECT.project_id), str(task)]})
    assert (await client.api(PROJECT_URL))[0] == 404
    assert (await client.api(f"/customTasks/assignment/{task}"))[0] == 404
    await client.faults({"kind": "hidden", "seconds": 600, "ids": [str(PROJECT.videos[0])]})
    asked = {"projectId": PROJECT.project_id, "senderUsername": "user@example.com"}
    _, body = await client.data(reportType="VIDEO_COLLABORATION", **asked)
    assert len(video_items(body)) == 2


async def test_a_task_may_be_filled_in_between_two_answers() -> None:
    done = next(task for task in WORLD.project(0).tasks if task.is_completed)
    now = [YEAR_2026]
    path = f"/customTasks/assignment/{done.assignment_id}?full=true"
    async with started(Rule("unfinished", seconds=5), now=lambda: now[0]) as client:
        _, first = await client.api(path)
        now[0] += 5_000_000
        _, then = await client.api(path)
    first, then = task_body(first), task_body(then)
    assert first["status"] in {"ASSIGNED", "IN_PROGRESS"}
    assert (first["dateCompleted"], first["formResponseId"]) == (None, None)
    assert (then["status"], then["assignmentId"]) == ("COMPLETED", first["assignmentId"])


@pytest.mark.parametrize(("seed", "project"), [(26, 0), (153, 4), (228, 4), (272, 0), (304, 4), (397, 4)])
async def test_an_event_that_names_no_file_is_shown_every_file_that_no_other_event_names(
    seed: int, project: int
) -> None:
    told = World(seed).project(project)
    hiding = (rule if rule.kind == "hidden" else msgspec.structs.replace(rule, rate=0.0) for rule in MODERATE)
    async with started(*hiding, seed=seed) as client:
        _, body = await client.api(f"/export/project/{told.project_id}/media")
    shown = {item["mediaID"] for item in media_items(body)}
    assert {media.media_id for media in told.media[told.named_media :]} <= shown


async def test_a_link_may_have_expired_when_it_is_handed_out(client: Client) -> None:
    await client.faults({"kind": "expired_link", "times": 1})
    _, body, _ = await client.get(await client.link(JPG))
    assert body[:9] == b"<!DOCTYPE"
    assert (await client.get(await client.link(JPG)))[0] == 302
    await client.faults({"kind": "expired_link", "times": 1})
    assert (await client.get(await client.link(LARGE)))[0] == 403


@pytest.mark.parametrize("endpoint", ["project", "file", "object"])
async def test_a_redirect_may_lead_to_the_log_in_page(client: Client, endpoint: str) -> None:
    link = await client.link(LARGE if endpoint == "object" else JPG)
    await client.faults({"kind": "login", "at": [endpoint]})
    url = client.simulator.base_url + PROJECT_URL if endpoint == "project" else link
    status, _, headers = await client.get(url, **SENT)
    assert status == 302
    status, body, headers = await client.get(headers["Location"])
    assert (status, body[:9], headers["Content-Type"]) == (200, b"<!DOCTYPE", "text/html; charset=utf-8")


async def test_a_page_may_come_under_the_name_and_type_of_an_image(client: Client) -> None:
    _, _, headers = await client.get(await client.link(JPG))
    await client.faults({"kind": "disguised", "at": ["object"], "ids": [str(JPG.media_id)]})
    location = headers["Location"]
    assert ".jpg?" in location
    status, body, headers = await client.get(location)
    assert (status, body[:9], headers["Content-Type"]) == (200, b"<!DOCTYPE", content_type(JPG))


async def test_a_length_may_be_too_short(client: Client) -> None:
    link = await client.link(LARGE)
    await client.faults({"kind": "length_short", "at": ["object"], "times": 1})
    head, body = await raw_answer(link)
    assert f"Content-Length: {LARGE.size // 2}\r\n".encode() in head
    assert body == WORLD.content(LARGE)


async def test_a_length_may_be_too_long(client: Client) -> None:
    link = await client.link(LARGE)
    await client.faults({"kind": "length_long", "at": ["object"], "times": 1})
    head, body = await raw_answer(link)
    assert f"Content-Length: {LARGE.size * 2}\r\n".encode() in head
    assert body == WORLD.content(LARGE)
    await client.faults({"kind": "length_long", "at": ["object"], "times": 1})
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.get(link)


async def test_a_file_may_be_of_half_a_gigabyte_that_nobody_keeps(client: Client) -> None:
    size = 500_000_000
    link = await client.link(LARGE)
    await client.faults({"kind": "large", "bytes": size, "ids": [str(LARGE.media_id)]})
    got, first = 0, b""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with client.session.get(URL(link, encoded=True)) as answer:
        assert (answer.status, answer.content_length) == (200, size)
        assert "Transfer-Encoding" not in answer.headers
        async for piece in answer.content.iter_any():
            first = first or piece[:12]
            got += len(piece)
    assert got == size
    assert first == b"\x00\x00\x00\x18ftypmp42"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
    assert (await client.stats())["faults"] == {"large": 1}


async def test_a_large_file_comes_in_ranges_too(client: Client) -> None:
    size = 5_000_000
    link = await client.link(LARGE)
    await client.faults({"kind": "large", "bytes": size, "ids": [str(LARGE.media_id)]})
    whole = b"".join(WORLD.pieces(LARGE, size))
    assert (await client.get(link))[1] == whole
    status, body, headers = await client.get(link, Range="bytes=1048570-2097170")
    assert (status, body) == (206, whole[1_048_570:2_097_171])
    assert headers["Content-Range"] == f"bytes 1048570-2097170/{size}"
    status, body, _ = await client.get(link, Range="bytes=4999999-")
    assert (status, body) == (206, whole[-1:])


async def test_the_control_endpoint_tells_how_many_requests_are_under_way(client: Client) -> None:
    await client.faults({"kind": "latency", "seconds": 600, "at": ["project"]})
    async with asyncio.timeout(10):
        asking = [asyncio.create_task(client.api(PROJECT_URL)) for _ in range(3)]
        while (await client.stats())["under_way"].get("api") != 3:
            await asyncio.sleep(0)
        for each in asking:
            each.cancel()
        while (await client.stats())["under_way"]["api"]:
            await asyncio.sleep(0)


async def test_a_latency_ends_with_the_connection(client: Client) -> None:
    await client.faults({"kind": "latency", "seconds": 600, "at": ["project"]})
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.api(PROJECT_URL), 0.1)
    await client.faults()
    assert (await client.api(PROJECT_URL))[0] == 200
    assert (await client.stats())["highest_concurrency"]["api"] <= 2


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE"])
async def test_links_are_for_get_alone(client: Client, method: str) -> None:
    for media in (JPG, LARGE):
        assert (await client.get(await client.link(media), method=method))[0] in {403, 405}


async def test_the_file_service_may_want_the_token(client: Client) -> None:
    await client.faults({"kind": "needs_token", "at": ["file"]})
    link = await client.link(JPG)
    assert (await client.get(link))[0] == 401
    assert (await client.get(link, Authorization=f"Basic {TOKEN}"))[0] == 302


async def test_the_moderate_set_strikes_now_and_then() -> None:
    async with started(*(rule for rule in MODERATE if rule.kind == "status")) as client:
        statuses = [
            (await client.api(f"/export/project/{WORLD.project(number).project_id}"))[0]
            for number in range(300)
        ]
    assert {200, 429, 503} == set(statuses)
    assert statuses.count(200) > 270
