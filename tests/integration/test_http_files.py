"""The file client against hosts that do everything wrong (reference/operations.md 7.7, 41-63)."""

import asyncio
import socket
import traceback
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from claimx.adapters.clock import WallClock
from claimx.adapters.http_files import HttpFileHost, _public_socket
from claimx.config.tree import Download
from claimx.errors import ExpiredUrlError, ItemError, PermanentError, ThrottledError, TransientError
from support.http import Handler, Seen, Server, answer, never, reset, serving, slowly

TOKEN = "c2VjcmV0LXVzZXI6c2VjcmV0"
SIGNATURE = "X-Amz-Signature=5ecre7"
PATH = "/get/1"
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40


class Answers(AbstractResolver):
    """Resolves every host to the same addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": family_of(address),
                "proto": 0,
                "flags": 0,
            }
            for address in self._addresses
        ]

    async def close(self) -> None:
        return


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@asynccontextmanager
async def host_for(
    *servers: Server, resolver: AbstractResolver | None = None, **changes: object
) -> AsyncGenerator[HttpFileHost, None]:
    insecure = tuple(server.authority for server in servers)
    settings = Download(**{"allow_insecure_hosts": insecure, "stall_s": 5.0, **changes})
    host = HttpFileHost(settings, lambda: TOKEN, WallClock(), resolver)
    await host.start()
    try:
        yield host
    finally:
        await host.close()


async def fetched(host: HttpFileHost, url: str) -> list[bytes]:
    async with host.open(url) as remote, aclosing(remote.chunks()) as chunks:
        return [chunk async for chunk in chunks]


async def failure_of(url: str, *servers: Server, **changes: object) -> ItemError:
    async with host_for(*servers, **changes) as host:
        with pytest.raises(ItemError) as caught:
            await fetched(host, url)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert TOKEN not in text
    assert "5ecre7" not in text
    return caught.value


async def test_a_file_comes_as_it_was_sent():
    reply = answer(200, JPEG, content_type="Image/JPEG; q=1")
    async with serving({PATH: reply}) as server, host_for(server) as host:
        async with host.open(f"{server.url}{PATH}?{SIGNATURE}") as remote:
            assert (remote.length, remote.content_type) == (len(JPEG), "image/jpeg")
            async with aclosing(remote.chunks()) as chunks:
                assert b"".join([chunk async for chunk in chunks]) == JPEG
        (seen,) = server.seen
    assert seen.headers["accept-encoding"] == "identity"
    assert "authorization" not in seen.headers
    assert "cookie" not in seen.headers


async def test_a_signed_url_goes_out_byte_for_byte():
    query = "?filename=a%2Fb%27c%7e%20.jpg&sign=A%2bB==&x=%7E"
    async with serving({PATH: answer(200, b"x")}) as server, host_for(server) as host:
        await fetched(host, f"{server.url}{PATH}{query}")
        assert server.seen[0].target == f"{PATH}{query}"


async def test_a_file_without_a_length_or_a_type_is_read_to_its_end():
    reply = answer(200, b"5\r\nhello\r\n0\r\n\r\n", content_length=None, transfer_encoding="chunked")
    async with serving({PATH: reply}) as server, host_for(server) as host:
        async with host.open(f"{server.url}{PATH}") as remote:
            assert (remote.length, remote.content_type) == (None, None)
        assert await fetched(host, f"{server.url}{PATH}") == [b"hello"]


async def test_an_empty_file_has_no_chunks():
    async with serving({PATH: answer(200)}) as server, host_for(server) as host:
        assert await fetched(host, f"{server.url}{PATH}") == []


async def test_the_first_chunk_holds_a_kilobyte_however_the_bytes_trickle_in():
    async def trickle(_, writer):
        writer.write(answer(200, b"", content_length="1500"))
        for _ in range(15):
            writer.write(b"x" * 100)
            await writer.drain()
            await asyncio.sleep(0.002)

    async with serving({PATH: trickle}) as server, host_for(server) as host:
        first, *rest = await fetched(host, f"{server.url}{PATH}")
    assert len(first) >= 1024
    assert len(first) + sum(map(len, rest)) == 1500


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (204, TransientError, "file.status"),
        (206, TransientError, "file.status"),
        (304, TransientError, "file.status"),
        (400, PermanentError, "file.4xx"),
        (401, ExpiredUrlError, "file.stale"),
        (403, ExpiredUrlError, "file.stale"),
        (404, ExpiredUrlError, "file.stale"),
        (405, PermanentError, "file.4xx"),
        (410, ExpiredUrlError, "file.stale"),
        (429, ThrottledError, "file.429"),
        (500, TransientError, "file.5xx"),
        (503, TransientError, "file.5xx"),
        (999, TransientError, "file.status"),
    ],
)
async def test_a_status_decides_the_class_of_the_error(status, kind, code):
    bodyless = {"content_length": None} if status in {204, 304} else {}
    async with serving({PATH: answer(status, retry_after="3", **bodyless)}) as server:
        error = await failure_of(f"{server.url}{PATH}?{SIGNATURE}", server)
    assert (type(error), error.code) == (kind, code)
    assert getattr(error, "retry_after_s", 3.0) == 3.0


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(200, JPEG, content_length=str(len(JPEG) + 1)), "file.length"),
        (answer(200, JPEG[:10], content_length="11"), "file.length"),
        (answer(200, JPEG, content_length="5"), "file.broken"),
        (reset(answer(200, JPEG, content_length="999999")), "file.length"),
        (answer(200, b"5\r\nhello\r\n", content_length=None, transfer_encoding="chunked"), "file.broken"),
        (answer(200, b"zz\r\nhello\r\n", content_length=None, transfer_encoding="chunked"), "file.broken"),
        (answer(200, b"0\r\n\r\n", transfer_encoding="chunked"), "file.broken"),
        (answer(200, b"", content_length="-5"), "file.broken"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "file.broken"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", "file.broken"),
        (b"garbage\r\n\r\n", "file.broken"),
        (b"", "file.broken"),
        (reset(), "file.broken"),
        (answer(200, JPEG, content_encoding="gzip"), "file.encoding"),
        (never(), "file.timeout"),
        (never(answer(200, JPEG, content_length="999999")), "file.timeout"),
        (slowly(answer(200, b"", content_length="999999"), b"x", 0.02), "file.slow"),
        (slowly(b"HTTP/1.1 200 OK\r\n", b"", 0.02), "file.timeout"),
    ],
)
async def test_a_broken_transfer_is_transient(reply, code):
    async with serving({PATH: reply}) as server:
        error = await failure_of(f"{server.url}{PATH}?{SIGNATURE}", server, stall_s=0.3)
    assert (type(error), error.code) == (TransientError, code)


@pytest.mark.parametrize(
    "reply",
    [
        answer(200, b"x" * 5000),
        answer(200, b"x" * 5000, content_length=None),
        slowly(answer(200, b"", content_length=None), b"x" * 500, 0.001),
    ],
)
async def test_a_file_that_is_too_large_is_given_up(reply):
    async with serving({PATH: reply}) as server:
        error = await failure_of(f"{server.url}{PATH}", server, max_bytes=4096)
    assert (type(error), error.code) == (PermanentError, "file.too_large")


async def test_a_slow_consumer_is_not_a_slow_host():
    body = b"x" * 400_000
    async with serving({PATH: answer(200, body)}) as server, host_for(server, stall_s=0.2) as host:
        got = 0
        async with host.open(f"{server.url}{PATH}") as remote, aclosing(remote.chunks()) as chunks:
            async for chunk in chunks:
                got += len(chunk)
                await asyncio.sleep(0.15)
    assert got == len(body)


@pytest.mark.parametrize(
    ("reply", "is_end_marked"),
    [
        (answer(200, b"x" * 2000), True),
        (answer(200, b"0\r\n\r\n", content_length=None, transfer_encoding="chunked"), True),
        (answer(200, b"x" * 2000, content_length=None), False),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 2000, False),
    ],
)
async def test_a_body_that_ends_with_its_connection_is_not_marked(reply, is_end_marked):
    async with (
        serving({PATH: reply}) as server,
        host_for(server) as host,
        host.open(f"{server.url}{PATH}") as remote,
    ):
        assert remote.is_end_marked is is_end_marked


def paced(pieces: Sequence[bytes], every_s: float) -> Handler:
    """Answer with pieces, each after a pause; all of them together are the declared length."""

    async def send(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, b"", content_length=str(sum(map(len, pieces)))))
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every_s)

    return send


async def test_a_slow_transfer_may_take_many_windows():
    reply = paced([b"x" * 4000] * 50, 0.02)
    async with serving({PATH: reply}) as server, host_for(server, stall_s=0.2) as host:
        assert sum(map(len, await fetched(host, f"{server.url}{PATH}"))) == 200_000


async def test_a_transfer_that_began_fast_may_not_trickle_on():
    reply = paced([b"x" * 2_000_000, *[b"x"] * 500], 0.02)
    async with serving({PATH: reply}) as server:
        async with asyncio.timeout(5):
            error = await failure_of(f"{server.url}{PATH}?{SIGNATURE}", server, stall_s=0.3)
    assert (type(error), error.code) == (TransientError, "file.slow")


async def test_a_redirect_is_followed_without_the_token():
    async with serving({"/there": answer(200, b"file")}) as store:
        there = answer(302, location=f"{store.url}/there?{SIGNATURE}")
        async with serving({PATH: there}) as server:
            auth = (server.authority, store.authority)
            async with host_for(server, store, auth_hosts=auth) as host:
                assert await fetched(host, f"{server.url}{PATH}") == [b"file"]
            assert server.seen[0].headers["authorization"] == f"Basic {TOKEN}"
            assert "authorization" not in store.seen[0].headers


async def test_a_redirect_to_the_same_host_has_no_token_either_and_may_be_relative():
    routes = {PATH: answer(307, location="there"), "/get/there": answer(200, b"file")}
    async with serving(routes) as server, host_for(server, auth_hosts=("127.0.0.1",)) as host:
        assert await fetched(host, f"{server.url}{PATH}") == [b"file"]
        assert ["authorization" in seen.headers for seen in server.seen] == [True, False]


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://example.com/x",
        "https://evil.example.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "//evil.example.com/x",
        "file:///etc/passwd",
        "gopher://x/",
        "https://www.claimxperience.com@evil.example.com/",
        "https://www.claimxperience.com:8443/",
        "https://[bad/",
    ],
)
async def test_a_redirect_to_where_we_may_not_go_is_refused(location):
    async with serving({PATH: answer(302, location=location)}) as server:
        error = await failure_of(f"{server.url}{PATH}?{SIGNATURE}", server)
    assert (type(error), error.code) == (PermanentError, "url.refused")


@pytest.mark.parametrize("location", [PATH, None, ""])
async def test_a_redirect_to_nowhere_or_to_itself_ends(location):
    async with serving({PATH: answer(302, location=location)}) as server:
        error = await failure_of(f"{server.url}{PATH}", server)
        assert (type(error), error.code) == (TransientError, "file.redirect")
        assert len(server.seen) == (6 if location else 1)


async def test_an_insecure_host_is_refused_unless_it_is_named():
    async with serving({PATH: answer(200, b"x")}) as server, serving() as other:
        error = await failure_of(f"{server.url}{PATH}?{SIGNATURE}", other)
        assert (type(error), error.code) == (PermanentError, "url.refused")
        assert not server.seen


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("192.168.1.1", "168.63.129.16"),
        ("::ffff:169.254.169.254",),
        ("169.254.169.254",),
        ("168.63.129.16",),
        ("::1",),
        ("10.0.0.1", "192.168.0.1", "127.0.0.1"),
        ("fd00::1", "127.0.0.1"),
    ],
)
async def test_a_name_that_resolves_to_private_addresses_is_refused(addresses):
    url = f"https://www.claimxperience.com/x?{SIGNATURE}"
    error = await failure_of(url, resolver=Answers(*addresses))
    assert (type(error), error.code) == (PermanentError, "url.refused")


async def test_a_private_address_is_never_connected():
    async with serving({PATH: answer(200, b"x")}) as server:
        connector = aiohttp.TCPConnector(socket_factory=_public_socket)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"{server.url}{PATH}")
        assert not server.seen


async def test_a_refused_connection_is_transient():
    async with serving() as server:
        pass
    error = await failure_of(f"{server.url}{PATH}?{SIGNATURE}", server)
    assert (type(error), error.code) == (TransientError, "file.connect")


async def test_a_body_left_unread_leaves_the_host_usable():
    body = answer(200, b"x" * 3_000_000)
    async with serving({PATH: body}) as server, host_for(server) as host:
        for _ in range(3):
            async with host.open(f"{server.url}{PATH}") as remote, aclosing(remote.chunks()) as chunks:
                assert await anext(chunks)
        assert sum(map(len, await fetched(host, f"{server.url}{PATH}"))) == 3_000_000
