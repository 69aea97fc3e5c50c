"""The API client against a server that does everything wrong (reference/operations.md 7.7, 22-39)."""

import asyncio
import gzip
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import pytest

from claimx.adapters.claimx_api import HttpClaimxApi
from claimx.adapters.clock import WallClock
from claimx.config.tree import Api, Secret
from claimx.domain.answers import ApiRequest, GetMedia, GetProject, GetTask, GetVideos
from claimx.errors import AuthError, ConfigError, ItemError, PermanentError, ThrottledError, TransientError
from support.http import Server, answer, never, reset, serving

TOKEN = "c2VjcmV0LXVzZXI6c2VjcmV0"
PROJECT = GetProject("7")
PATH = "/rest/export/project/7"
JSON = {"content_type": "application/json"}


def settings(server: Server, **changes: object) -> Api:
    base = {
        "base_url": f"{server.url}/rest",
        "token": Secret(TOKEN),
        "timeout_s": 5.0,
        "sender_username": "me@x.org",
    }
    return Api(**{**base, **changes})


@asynccontextmanager
async def client(server: Server, *tokens: str, **changes: object) -> AsyncGenerator[HttpClaimxApi, None]:
    left = list(tokens)
    api = HttpClaimxApi(settings(server, **changes), lambda: left.pop(0) if left else TOKEN, WallClock())
    await api.open()
    try:
        yield api
    finally:
        await api.close()


async def failure_of(server: Server, request: ApiRequest = PROJECT, **changes: object) -> ItemError:
    async with client(server, **changes) as api:
        with pytest.raises(ItemError) as caught:
            await api.send(request)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert TOKEN not in text
    assert "mediaIds" not in text
    return caught.value


@pytest.mark.parametrize(
    ("request_", "method", "target", "body"),
    [
        (PROJECT, "GET", "/rest/export/project/7", None),
        (GetMedia("7"), "GET", "/rest/export/project/7/media", None),
        (GetMedia("7", ("1", "2")), "GET", "/rest/export/project/7/media?mediaIds=1,2", None),
        (GetTask("5"), "GET", "/rest/customTasks/assignment/5?full=true", None),
        (GetTask("../x?y"), "GET", "/rest/customTasks/assignment/..%2Fx%3Fy?full=true", None),
        (
            GetVideos("7"),
            "POST",
            "/rest/data",
            {"reportType": "VIDEO_COLLABORATION", "projectId": 7, "senderUsername": "me@x.org"},
        ),
    ],
)
async def test_each_request_goes_out_as_the_api_wants_it(request_, method, target, body):
    async with serving({target.partition("?")[0]: answer(200, b'{"a": 1}', **JSON)}) as server:
        async with client(server) as api:
            before = WallClock().now()
            reply = await api.send(request_)
        (seen,) = server.seen
    assert (seen.method, seen.target) == (method, target)
    assert (msgspec.json.decode(seen.body) if seen.body else None) == body
    assert seen.headers["authorization"] == f"Basic {TOKEN}"
    assert seen.headers["accept-encoding"] == "identity"
    assert reply.body == {"a": 1}
    assert reply.size_bytes == 8
    assert before <= reply.fetched_at <= WallClock().now()


@pytest.mark.parametrize("token", [f"Basic {TOKEN}", f"basic {TOKEN}", f" {TOKEN}\n"])
async def test_a_token_with_the_word_basic_is_sent_once(token):
    async with serving({PATH: answer(200, b"{}")}) as server:
        async with client(server, token=Secret(token)) as api:
            await api.send(PROJECT)
        assert server.seen[0].headers["authorization"] == f"Basic {TOKEN}"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (201, TransientError, "api.status"),
        (204, TransientError, "api.status"),
        (302, TransientError, "api.redirect"),
        (400, PermanentError, "api.400"),
        (401, AuthError, "api.401"),
        (403, PermanentError, "api.403"),
        (409, PermanentError, "api.409"),
        (418, PermanentError, "api.4xx"),
        (422, PermanentError, "api.422"),
        (429, ThrottledError, "api.429"),
        (500, TransientError, "api.5xx"),
        (501, TransientError, "api.5xx"),
        (503, TransientError, "api.5xx"),
        (999, TransientError, "api.status"),
    ],
)
async def test_a_status_decides_the_class_of_the_error(status, kind, code):
    async with serving({PATH: answer(status, **{} if status != 204 else {"content_length": None})}) as server:
        error = await failure_of(server)
    assert (type(error), error.code) == (kind, code)
    assert "GET /export/project/7" in error.detail
    assert str(status) in error.detail


async def test_a_404_is_an_answer_without_a_body():
    async with serving({PATH: answer(404, b"<html>not here</html>")}) as server, client(server) as api:
        assert (await api.send(PROJECT)).body is None


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(200, b"<!doctype html><title>log in</title>", content_type="text/html"), "api.html"),
        (answer(200, b"", **JSON), "api.not_json"),
        (answer(200, b'{"data": [', **JSON), "api.not_json"),
        (answer(200, b'{"a": NaN}', **JSON), "api.not_json"),
        (answer(200, b'{"a": "\xff"}', **JSON), "api.not_json"),
        (
            answer(200, '{"a": 1}'.encode("utf-16"), content_type="application/json; charset=utf-16"),
            "api.not_json",
        ),
        (answer(200, b"[" * 100_000, **JSON), "api.not_json"),
        (answer(200, gzip.compress(b" " * 10_000_000), content_encoding="gzip"), "api.encoding"),
        (answer(200, b" " * 2_000_000, **JSON), "api.too_large"),
        (answer(200, b" " * 2_000_000, content_length=None, **JSON), "api.too_large"),
        (answer(200, b"{}", content_length="500", **JSON), "api.broken"),
        (answer(200, b"zz\r\n", content_length=None, transfer_encoding="chunked"), "api.broken"),
        (b"garbage\r\n\r\n", "api.broken"),
        (b"", "api.broken"),
        (reset(), "api.broken"),
        (reset(answer(200, b'{"a":', content_length="9")), "api.broken"),
    ],
)
async def test_a_broken_answer_is_transient(reply, code):
    async with serving({PATH: reply}) as server:
        error = await failure_of(server, max_answer_bytes=1_000_000)
    assert (type(error), error.code) == (TransientError, code)


@pytest.mark.parametrize(
    "reply", [never(), never(answer(200, b'{"a":', content_length="9")), never(b"HTTP/1.1 200")]
)
async def test_silence_is_a_timeout(reply):
    async with serving({PATH: reply}) as server:
        error = await failure_of(server, timeout_s=0.2)
    assert (type(error), error.code) == (TransientError, "api.timeout")


async def test_a_refused_connection_is_transient():
    async with serving() as server:
        pass
    assert (await failure_of(server)).code == "api.connect"


@pytest.mark.parametrize("content_type", ["text/plain", "text/html", "application/json; charset=klingon"])
async def test_json_is_taken_whatever_its_label(content_type):
    reply = answer(200, b'[{"id": 99999999999999999999999}]', content_type=content_type)
    async with serving({PATH: reply}) as server, client(server) as api:
        assert (await api.send(PROJECT)).body == [{"id": 99999999999999999999999}]


async def test_a_redirect_is_not_followed():
    async with serving() as other:
        there = answer(302, location=f"{other.url}/login")
        async with serving({PATH: there}) as server:
            error = await failure_of(server)
        assert error.code == "api.redirect"
        assert not other.seen


async def test_after_a_401_the_token_is_read_again_once():
    async def by_token(seen, writer):
        writer.write(answer(200, b"{}") if seen.headers["authorization"] == "Basic bmV3" else answer(401))

    async with serving({PATH: by_token}) as server:
        async with client(server, "bmV3") as api:
            assert (await api.send(PROJECT)).body == {}
            assert (await api.send(PROJECT)).body == {}
        assert len(server.seen) == 3


async def test_a_token_that_stays_bad_is_asked_with_twice():
    async with serving({PATH: answer(401)}) as server:
        assert type(await failure_of(server)) is AuthError
        assert len(server.seen) == 2


async def test_a_token_that_cannot_be_read_again_is_an_auth_error():
    def gone() -> str:
        raise ConfigError("no such file")

    async with serving({PATH: answer(401)}) as server:
        api = HttpClaimxApi(settings(server), gone, WallClock())
        await api.open()
        with pytest.raises(AuthError):
            await api.send(PROJECT)
        await api.close()


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("1000000000", 3600, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2995 07:28:00 GMT", 3600, 3600),
        ("abc", 0, 0),
        ("-5", 0, 0),
        ("٣", 0, 0),
        (None, 0, 0),
    ],
)
async def test_retry_after_is_read_with_suspicion(header, least, most):
    async with serving({PATH: answer(429, retry_after=header)}) as server:
        error = await failure_of(server)
    assert isinstance(error, ThrottledError)
    assert least <= error.retry_after_s <= most


async def test_no_more_requests_are_under_way_than_allowed():
    under_way, most = 0, 0
    full = asyncio.Event()

    async def count(_, writer):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 3:
            full.set()
        await full.wait()
        writer.write(answer(200, b"{}"))
        await writer.drain()
        under_way -= 1

    async with (
        asyncio.timeout(10),
        serving({PATH: count}) as server,
        client(server, max_concurrent=3) as api,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(12):
            group.create_task(api.send(PROJECT))
    assert most == 3


async def test_a_cancelled_request_gives_its_place_back():
    routes = {PATH: never(), "/rest/export/project/8": answer(200, b"{}")}
    async with serving(routes) as server, client(server, max_concurrent=1) as api:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(api.send(PROJECT), 0.1)
        assert (await asyncio.wait_for(api.send(GetProject("8")), 5)).body == {}


async def test_a_project_id_too_long_for_a_number_is_refused():
    async with serving() as server:
        error = await failure_of(server, GetVideos("9" * 5000))
        assert (type(error), error.code) == (PermanentError, "api.bad_id")
        assert not server.seen
