"""The ClaimX REST API (reference/domain.md 2)."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import NamedTuple, NoReturn

import aiohttp
from aiolimiter import AsyncLimiter
from yarl import URL

from claimx.adapters.claimx_calls import Call, call_of
from claimx.adapters.http_common import READ_BYTES, basic, is_encoded, make_session, retry_after_s
from claimx.config.tree import Api
from claimx.domain.answers import ApiAnswer, ApiRequest, read_json
from claimx.domain.files import looks_like_html
from claimx.domain.redaction import redacted
from claimx.domain.shares import ANSWER_BYTES
from claimx.errors import AuthError, ConfigError, PermanentError, ThrottledError, TransientError
from claimx.ports.clock import Clock

_OK = 200
_UNAUTHORIZED = 401
_NOT_FOUND = 404
_TOO_MANY_REQUESTS = 429
_NAMED = frozenset({400, 403, 405, 409, 410, 422})
"""Refusals that have a code of their own; the others are ``api.4xx``."""
_FOREIGN = (aiohttp.ClientError, OSError, TimeoutError, ValueError)
_EXCERPT_BYTES = 2048
_EXCERPT_CHARACTERS = 300
_EXCERPT_S = 2.0
"""An explanation that comes more slowly is not waited for: the call has its error already, and holds a place."""


class _Reply(NamedTuple):
    """What came back; of a refusal the beginning of its body."""

    response: aiohttp.ClientResponse
    body: bytes


class HttpClaimxApi:
    """One session to the API; implements ``claimx.ports.api.ClaimxApi``.

    Args:
        reload_token: reads the token again; called when the API refuses it.
    """

    def __init__(self, settings: Api, reload_token: Callable[[], str], clock: Clock) -> None:
        self._settings = settings
        self._base = settings.base_url.rstrip("/")
        self._authorization = basic(settings.token.reveal())
        self._reload_token = reload_token
        self._clock = clock
        self._slots = asyncio.Semaphore(settings.max_concurrent)
        self._pace = _pace(settings.rate_limit_per_s)
        self._large = asyncio.Lock()  # the API pool has room for one answer above ANSWER_BYTES at a time
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the session."""
        self._session = make_session(
            aiohttp.TCPConnector(limit=self._settings.max_concurrent), aiohttp.ClientTimeout()
        )

    async def close(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.close()

    async def send(self, request: ApiRequest) -> ApiAnswer:
        """Send a request; ``max_concurrent`` at most are under way, ``rate_limit_per_s`` begin in a second.

        The detail of an error has the beginning of what the API said about it, redacted.

        Raises:
            TransientError: ``api.connect``, ``api.timeout``, ``api.broken``, ``api.5xx``, ``api.redirect``,
                ``api.status``, ``api.html``, ``api.not_json``, ``api.too_large``, ``api.encoding``.
            ThrottledError: ``api.429``.
            AuthError: ``api.401``, and the token read again is the same, or refused as well.
            PermanentError: ``api.403`` and other 4xx; ``api.bad_id``.
        """
        call = call_of(request, self._settings.sender_username)
        async with self._slots:
            sent = self._authorization
            try:
                return await self._try(call, sent)
            except AuthError as refusal:
                if self._reloaded(call) == sent:
                    raise refusal from None
                return await self._try(call, self._authorization)

    def _reloaded(self, call: Call) -> str:
        try:
            self._authorization = basic(self._reload_token())
        except (ConfigError, OSError):
            raise AuthError("api.401", f"{call}: refused, and the token cannot be read again") from None
        return self._authorization

    async def _try(self, call: Call, authorization: str) -> ApiAnswer:
        if self._pace is not None:
            await self._pace.acquire()
        fetched_at = self._clock.now()
        try:
            reply = await self._exchange(call, authorization)
        except _FOREIGN as error:
            raise _transient(call, error) from None
        status = reply.response.status
        if status == _NOT_FOUND:
            return ApiAnswer(None, fetched_at, 0)
        if status != _OK:
            self._refuse(reply.response, f"{call}: status {status}{self._said(reply.body, authorization)}")
        try:
            return ApiAnswer(read_json(reply.body), fetched_at, len(reply.body))
        except ValueError:
            is_page = looks_like_html(reply.response.headers.get("Content-Type"), reply.body[:1024], None)
            said = self._said(reply.body, authorization) if is_page else ""  # data of people is shown nowhere
            detail = f"{call}: {len(reply.body)} bytes that are not JSON{said}"
            raise TransientError("api.html" if is_page else "api.not_json", detail) from None

    async def _exchange(self, call: Call, authorization: str) -> _Reply:
        """Send, and read the body of a 200, or how another begins; ``timeout_s`` is for all of it."""
        if self._session is None:
            raise RuntimeError("not open")
        url = URL(f"{self._base}{call.path}{call.query}", encoded=True)
        headers = {"Authorization": authorization, "Accept": "application/json"}
        until = asyncio.get_running_loop().time() + self._settings.timeout_s
        async with asyncio.timeout_at(until):
            response = await self._session.request(
                call.method, url, json=call.body, headers=headers, allow_redirects=False
            )
        async with response:
            if response.status == _NOT_FOUND:
                return _Reply(response, b"")
            if response.status != _OK:
                return _Reply(response, await _beginning(response, until))
            async with asyncio.timeout_at(until):
                return _Reply(response, await self._read(call, response))

    async def _read(self, call: Call, response: aiohttp.ClientResponse) -> bytes:
        if is_encoded(response):
            raise TransientError("api.encoding", f"{call}: the body is compressed")
        most = self._settings.max_answer_bytes
        pieces, size = [], 0
        async with AsyncExitStack() as alone:
            while piece := await response.content.read(READ_BYTES):
                if size <= ANSWER_BYTES < size + len(piece):
                    await alone.enter_async_context(self._large)
                size += len(piece)
                if size > most:
                    raise TransientError("api.too_large", f"{call}: more than {most} bytes")
                pieces.append(piece)
        return b"".join(pieces)

    def _said(self, body: bytes, authorization: str) -> str:
        """What a body says, for people."""
        text = body[:_EXCERPT_BYTES].decode(errors="replace")
        secrets = (authorization.removeprefix("Basic "), self._settings.token.reveal())
        shown = redacted(text, _EXCERPT_CHARACTERS, secrets, is_cut=len(body) >= _EXCERPT_BYTES)
        return f", it says: {shown}" if shown else ""

    def _refuse(self, response: aiohttp.ClientResponse, detail: str) -> NoReturn:
        status = response.status
        if status == _UNAUTHORIZED:
            raise AuthError("api.401", detail)
        if status == _TOO_MANY_REQUESTS:
            raise ThrottledError("api.429", detail, retry_after_s=retry_after_s(response, self._clock.now()))
        match status // 100:
            case 4:
                raise PermanentError(f"api.{status}" if status in _NAMED else "api.4xx", detail)
            case 5:
                raise TransientError("api.5xx", detail)
            case 3:
                raise TransientError("api.redirect", detail)
            case _:
                raise TransientError("api.status", detail)


def _pace(per_s: float | None) -> AsyncLimiter | None:
    """A bucket of one second's worth, of one request at least."""
    if per_s is None:
        return None
    burst = max(per_s, 1.0)
    return AsyncLimiter(burst, burst / per_s)


async def _beginning(response: aiohttp.ClientResponse, until: float) -> bytes:
    """Read how a body begins. That it breaks off, or does not come, changes nothing: what came is used."""
    read = b""
    if is_encoded(response):
        return read
    now = asyncio.get_running_loop().time()
    with suppress(*_FOREIGN):
        async with asyncio.timeout_at(min(until, now + _EXCERPT_S)):
            while len(read) < _EXCERPT_BYTES and (piece := await response.content.read(_EXCERPT_BYTES)):
                read += piece
    return read


def _transient(call: Call, error: Exception) -> TransientError:
    """Translate by class; the text of an aiohttp error may hold the Authorization header."""
    match error:
        case TimeoutError():
            code = "api.timeout"
        case aiohttp.ClientConnectorError():
            code = "api.connect"
        case _:
            code = "api.broken"
    return TransientError(code, f"{call}: {type(error).__name__}")
