"""The gate that every request passes: it counts, checks the token, and performs the faults."""

import asyncio
import hmac
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from claimx.domain.times import Micros
from claimx.sandbox.simulator.demands import complaint
from claimx.sandbox.simulator.faults import FILES, Endpoint, Faults, Kind, Rule
from claimx.sandbox.simulator.stats import Stats

Handler = Callable[[web.Request], Awaitable[web.Response]]
Guarded = Callable[[web.Request], Awaitable[web.StreamResponse]]
Identify = Callable[[web.Request], Awaitable[Sequence[str]]]

_BEFORE: frozenset[Kind] = frozenset({"status", "latency", "hang", "reset", "html", "login", "needs_token"})
_AFTER: frozenset[Kind] = frozenset(
    {"half", "truncated", "stall", "empty", "no_length", "length_short", "length_long", "disguised"}
)
LOGIN = "/login"
PAGE = "<!DOCTYPE html><html><head><title>Log in</title></head><body>Your session has ended.</body></html>"


def wall_time() -> Micros:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """Make an error answer of the API."""
    return web.json_response({"status": status, "message": message}, status=status, headers=headers)


class Gate:
    """Wraps the handlers of endpoints.

    Args:
        token: what ``Authorization: Basic`` must carry.
    """

    def __init__(self, faults: Faults, stats: Stats, token: str) -> None:
        self._faults = faults
        self._stats = stats
        self._expected = f"Basic {token}".encode()

    def guard(self, endpoint: Endpoint, identify: Identify, handler: Handler) -> Guarded:
        """Put a handler behind the gate.

        Args:
            identify: tells the ids that a request is about, the one that faults are drawn for first.
        """
        side = "files" if endpoint in FILES else "api"

        async def guarded(request: web.Request) -> web.StreamResponse:
            with self._stats.counting(endpoint, side):
                answer = await self._answer(request, endpoint, await identify(request), handler)
            self._stats.statuses[str(answer.status)] += 1
            return answer

        return guarded

    async def _answer(
        self, request: web.Request, endpoint: Endpoint, ids: Sequence[str], handler: Handler
    ) -> web.StreamResponse:
        if endpoint not in FILES:
            if not self._has_token(request):
                return refusal(401, "Unauthorized")
            wrong = await complaint(endpoint, request)
            if wrong is not None:
                return refusal(400, wrong)
        if self._faults.is_over_limit(endpoint, ids, wall_time()):
            return refusal(429, "Too many requests", {"Retry-After": "1"})
        for rule in self._faults.striking(_BEFORE, endpoint, ids):
            answer = await self._instead(rule, request)
            if answer is not None:
                return answer
        response = await handler(request)
        for rule in self._faults.striking(_AFTER, endpoint, ids):
            return await _spoilt(rule, request, response)
        return response

    def _has_token(self, request: web.Request) -> bool:
        sent = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        return hmac.compare_digest(sent, self._expected)

    async def _instead(self, rule: Rule, request: web.Request) -> web.Response | None:
        """Perform a fault that comes before the answer; None goes on to the next."""
        match rule.kind:
            case "latency":
                await asyncio.sleep(rule.seconds)
            case "hang":
                await asyncio.sleep(rule.seconds)
                return _cut(request, reset=False)
            case "reset":
                return _cut(request, reset=True)
            case "html" | "login":
                return _page(request, is_elsewhere=rule.kind == "login")
            case "needs_token" if not self._has_token(request):
                return refusal(401, "Unauthorized")
            case "status":
                wait = {"Retry-After": f"{rule.seconds:.0f}"} if rule.seconds else None
                return refusal(rule.status, "Something went wrong", wait)
            case _:
                pass
        return None


def _page(request: web.Request, *, is_elsewhere: bool) -> web.Response:
    if is_elsewhere:
        return web.Response(status=302, headers={"Location": f"{request.url.origin()}{LOGIN}"})
    return web.Response(text=PAGE, content_type="text/html")


def _cut(request: web.Request, *, reset: bool) -> web.Response:
    """End the connection without an answer; what is returned reaches nobody."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        if reset and connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response(status=503)


async def _spoilt(rule: Rule, request: web.Request, response: web.Response) -> web.StreamResponse:
    """Perform a fault upon an answer that was made; one that comes piece by piece stays as it is."""
    body = response.body
    if not isinstance(body, bytes):
        return response
    middle = len(body) // 2
    match rule.kind:
        case "half" | "empty" | "disguised":
            response.body = {"half": body[:middle], "empty": b"", "disguised": PAGE.encode()}[rule.kind]
            return response
        case "no_length":
            return await _sent(request, response, body, None)
        case "length_short":
            spoilt = await _sent(request, response, body[:middle], middle)
            _send_more(request, body[middle:])
        case "length_long":
            spoilt = await _sent(request, response, body, 2 * len(body))
        case _:
            spoilt = await _sent(request, response, body[:middle], len(body))
            await asyncio.sleep(rule.seconds if rule.kind == "stall" else 0)
    if request.transport is not None:
        request.transport.close()
    return spoilt


async def _sent(
    request: web.Request, response: web.Response, body: bytes, length: int | None
) -> web.StreamResponse:
    """Send an answer whose body is not what its length says; without a length it comes in chunks, to its end."""
    headers = {name: value for name, value in response.headers.items() if name != "Content-Length"}
    spoilt = web.StreamResponse(status=response.status, headers=headers)
    if length is None:
        spoilt.enable_chunked_encoding()
    else:
        spoilt.content_length = length
    await spoilt.prepare(request)
    await spoilt.write(body)
    if length is None:
        await spoilt.write_eof()
    return spoilt


def _send_more(request: web.Request, body: bytes) -> None:
    """Send what goes beyond the promised length: past aiohttp, which would cut it off."""
    if isinstance(request.transport, asyncio.Transport):
        request.transport.write(body)
