"""The API client against a server that does everything wrong (reference/operations.md 7.7, 22-39)."""

import asyncio
import base64
import gzip
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

import msgspec
import pytest

from claimx.adapters.claimx_api import HttpClaimxApi
from claimx.adapters.clock import WallClock
from claimx.config.tree import Api, Secret
from claimx.domain.answers import (
    ApiRequest,
    GetContacts,
    GetConversations,
    GetMedia,
    GetProject,
    GetProjectOfClaim,
    GetTask,
    GetTasks,
    GetVideos,
)
from claimx.errors import AuthError, ConfigError, ItemError, PermanentError, ThrottledError, TransientError
from support.http import Server, answer, never, reset, serving, slowly

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
        (
            GetTasks("7"),
            "POST",
            "/rest/data",
            {"reportType": "CUSTOM_TASK_HIGH_LEVEL", "projectId": 7, "senderUsername": "me@x.org"},
        ),
        (GetContacts("7"), "GET", "/rest/export/project/7/contacts", None),
        (GetConversations("7"), "GET", "/rest/export/project/7/conversations", None),
        (
            GetProjectOfClaim("01-123A/45&B"),
            "GET",
            "/rest/export/project/projectId?projectNumber=01-123A%2F45%26B",
            None,
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
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers.get("content-type") == ("application/json" if body else None)
    assert reply.body == {"a": 1}
    assert reply.size_bytes == 8
    assert before <= reply.fetched_at <= WallClock().now()


@pytest.mark.parametrize(
    "token",
    [f"Basic {TOKEN}", f"basic {TOKEN}", f" {TOKEN}\n", f"\ufeff{TOKEN}", f"\ufeff BASIC  {TOKEN}\r\n"],
)
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
    ("sent", "read"),
    [
        (b"NaN", None),
        (b"-Infinity", None),
        (b"1e999", None),
        (b"9" * 5000, None),
        (b"9" * 30, int("9" * 30)),
        (b'"\\ud800"', "\ud800"),
        (b'"caf\xe9"', "caf\ufffd"),
    ],
)
async def test_one_bad_character_or_number_costs_its_own_field_alone(sent, read):
    reply = answer(200, b'{"a": ' + sent + b', "b": "caf\xc3\xa9"}', **JSON)
    async with serving({PATH: reply}) as server, client(server) as api:
        assert (await api.send(PROJECT)).body == {"a": read, "b": "café"}


async def test_an_answer_that_breaks_off_is_not_shown():
    reply = answer(200, b'{"data": {"firstName": "Pat", "street1": "100 Main St', **JSON)
    async with serving({PATH: reply}) as server:
        error = await failure_of(server)
    assert error.code == "api.not_json"
    assert "Pat" not in repr(error)
    assert "Main" not in repr(error)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(200, b"<!doctype html><title>log in</title>", content_type="text/html"), "api.html"),
        (answer(200, b"", **JSON), "api.not_json"),
        (answer(200, b'{"data": [', **JSON), "api.not_json"),
        (answer(200, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, **JSON), "api.not_json"),
        (answer(200, b"\xef\xbb\xbf", **JSON), "api.not_json"),
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


async def test_a_new_token_that_is_refused_too_is_the_end():
    async with serving({PATH: answer(401)}) as server:
        async with client(server, "bmV3", "bmV3") as api:
            with pytest.raises(AuthError):
                await api.send(PROJECT)
        assert [seen.headers["authorization"] for seen in server.seen] == [f"Basic {TOKEN}", "Basic bmV3"]


@pytest.mark.parametrize("again", [TOKEN, f"Basic {TOKEN}", f"\ufeff{TOKEN}\n"])
async def test_the_same_token_is_not_sent_a_second_time(again):
    async with serving({PATH: answer(401, b"no such user")}) as server:
        async with client(server, again) as api:
            with pytest.raises(AuthError, match=r"no such user") as caught:
                await api.send(PROJECT)
        assert caught.value.code == "api.401"
        assert len(server.seen) == 1


async def test_requests_that_are_refused_together_all_go_out_again_with_the_new_token():
    refused = asyncio.Event()

    async def by_token(seen, writer):
        if seen.headers["authorization"] == "Basic bmV3":
            writer.write(answer(200, b"{}"))
            return
        if sum(other.headers["authorization"] != "Basic bmV3" for other in server.seen) == 5:
            refused.set()
        await refused.wait()
        writer.write(answer(401))

    async with asyncio.timeout(10), serving({PATH: by_token}) as server:
        async with client(server, *["bmV3"] * 5) as api, asyncio.TaskGroup() as group:
            sent = [group.create_task(api.send(PROJECT)) for _ in range(5)]
        assert [task.result().body for task in sent] == [{}] * 5
        assert len(server.seen) == 10


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
    ("reply", "said"),
    [
        (
            answer(400, b'{"message":\n  "mediaIds must be numbers"}', **JSON),
            '{"message": "mediaIds must be numbers"}',
        ),
        (answer(403, b"No rights on project 7"), "No rights on project 7"),
        (answer(429, b"Slow down", retry_after="3"), "Slow down"),
        (answer(500, "Größe \u2026".encode(), content_type="text/plain"), "Größe ..."),
        (answer(502, b"<html><h1>Bad Gateway</h1>", content_type="text/html"), "<html><h1>Bad Gateway</h1>"),
        (answer(302, b"Moved", location="https://x.example/login?state=abc"), "Moved"),
        (answer(200, b"<html>Log in</html>", content_type="text/html"), "<html>Log in</html>"),
    ],
)
async def test_an_error_says_what_the_api_said(reply, said):
    async with serving({PATH: reply}) as server, client(server) as api:
        with pytest.raises(ItemError) as caught:
            await api.send(PROJECT)
    assert f"it says: {said}" in caught.value.detail
    assert len(caught.value.detail) < 400


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (never(answer(503, b"Down for now", content_length="99")), ", it says: Down for now"),
        (never(answer(503, content_length="99")), ""),
        (reset(answer(503, content_length="99")), ""),
        (answer(503, b"cut", content_length="99"), ", it says: cut"),
        (answer(503, gzip.compress(b" " * 10_000_000), content_encoding="gzip"), ""),
        (slowly(answer(503, b"", content_length="99999"), b"x ", 0.01), None),
        (answer(503, b"word " * 400_000), None),
    ],
)
async def test_what_the_api_says_never_changes_the_error(reply, said):
    async with asyncio.timeout(5), serving({PATH: reply}) as server:
        error = await failure_of(server, timeout_s=0.5)
    assert (type(error), error.code) == (TransientError, "api.5xx")
    assert len(error.detail) < 400
    assert said is None or error.detail == f"GET /export/project/7: status 503{said}"


@pytest.mark.parametrize("status", [302, 400, 401, 403, 429, 500])
@pytest.mark.parametrize(
    "echo",
    [
        f"Authorization: Basic {TOKEN}".encode(),
        TOKEN.lower().encode(),
        TOKEN.encode("utf-16"),
        quote(quote(f"Basic {TOKEN}", safe="")).encode(),
        base64.b64decode(TOKEN),
        base64.b64encode(TOKEN.encode()),
        b"\n".join(TOKEN[place : place + 7].encode() for place in range(0, len(TOKEN), 7)),
        b" " * 2030 + TOKEN.encode(),
        b"pat@example.com https://h.example/x?sign=0a1b2c",
    ],
)
async def test_no_secret_comes_out_of_what_the_api_says(status, echo):
    reply = answer(status, b"refused: " + echo, content_type="text/plain", location="/x?sign=0a1b2c")
    async with serving({PATH: reply}) as server:
        error = await failure_of(server)
    shown = "".join(repr(error).lower().split())
    for secret in (
        TOKEN,
        TOKEN[:9],
        "secret-user",
        "pat@example.com",
        "0a1b2c",
        base64.b64encode(TOKEN.encode()).decode(),
    ):
        assert secret.lower() not in shown
    assert "refused:" in shown


async def test_neither_the_old_nor_the_new_token_comes_out():
    async def echo(seen, writer):
        writer.write(answer(401, f"{TOKEN} and {seen.headers['authorization'].split()[1]}".encode()))

    async with serving({PATH: echo}) as server, client(server, "bmV3OnRva2Vu") as api:
        with pytest.raises(AuthError) as caught:
            await api.send(PROJECT)
    assert caught.value.detail.endswith("it says: *** and ***")


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": -0.0, "b": 1e-999}', {"a": 0.0, "b": 0.0}),
        (b'{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        (b'{"\\u0000": "\\u0000"}', {"\0": "\0"}),
        (b"[" * 300 + b"]" * 300, None),
        (b" null ", None),
        (b'"text"', "text"),
    ],
)
async def test_odd_json_is_read(body, read):
    async with serving({PATH: answer(200, body, **JSON)}) as server, client(server) as api:
        reply = await api.send(PROJECT)
    assert reply.body == read or read is None
    assert reply.size_bytes == len(body)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        (" 7 ", 7, 7),
        ("0", 0, 0),
        ("7.5", 0, 0),
        ("3601", 3600, 3600),
        ("9" * 5000, 3600, 3600),
        ("1000000000", 3600, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2995 07:28:00 GMT", 3600, 3600),
        ("Wed, 21 Oct 99999 07:28:00 GMT", 0, 0),
        ("Thu, 01 Jan 1970 00:00:00 +9999", 0, 0),
        ("abc", 0, 0),
        ("", 0, 0),
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


async def test_a_retry_after_date_is_counted_from_now():
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    async with serving({PATH: answer(429, retry_after=when)}) as server:
        error = await failure_of(server)
    assert 80 < error.retry_after_s <= 90


async def test_a_rate_limit_spreads_requests_after_one_seconds_worth():
    loop = asyncio.get_running_loop()
    came = []

    async def note(_, writer):
        came.append(loop.time())
        writer.write(answer(200, b"{}"))

    async with (
        asyncio.timeout(20),
        serving({PATH: note}) as server,
        client(server, rate_limit_per_s=20.0) as api,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(40):
            group.create_task(api.send(PROJECT))
    assert len(came) == 40
    assert came[-1] - came[0] >= 0.9
    for start in came:
        assert sum(start <= moment < start + 0.5 for moment in came) <= 20 + 11


async def test_a_rate_limit_below_one_lets_the_first_request_go_at_once():
    async with serving({PATH: answer(200, b"{}")}) as server:
        async with client(server, rate_limit_per_s=0.01, max_concurrent=1, timeout_s=0.1) as api:
            await asyncio.wait_for(api.send(PROJECT), 5)
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(api.send(PROJECT), 0.3)
        assert len(server.seen) == 1


async def test_what_waits_for_its_turn_takes_the_time_of_the_answer_later():
    async with serving({PATH: answer(200, b"{}")}) as server, client(server, rate_limit_per_s=2.0) as api:
        first, _, third = [await api.send(PROJECT) for _ in range(3)]
    assert third.fetched_at - first.fetched_at > 400_000


@pytest.mark.parametrize(
    "request_",
    [
        GetVideos("9" * 5000),
        GetVideos("٣"),
        GetTasks("x"),
        GetProject(""),
        GetProject(".."),
        GetTask("."),
        GetMedia(".."),
        GetProjectOfClaim(""),
        GetProjectOfClaim("9" * 5000),
    ],
)
async def test_an_id_that_cannot_be_asked_for_is_refused(request_):
    async with serving() as server:
        error = await failure_of(server, request_)
        assert (type(error), error.code) == (PermanentError, "api.bad_id")
        assert not server.seen
