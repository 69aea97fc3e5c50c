"""The ClaimX REST API (reference/domain.md 2)."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import NamedTuple, NoReturn
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from claimx.adapters.http_common import READ_BYTES, basic, is_encoded, make_session, retry_after_s
from claimx.config.tree import Api
from claimx.domain.answers import ApiAnswer, ApiRequest, GetMedia, GetProject, GetTask, GetVideos
from claimx.domain.events import is_numeric
from claimx.domain.files import looks_like_html
from claimx.domain.shares import ANSWER_BYTES
from claimx.errors import AuthError, ConfigError, PermanentError, ThrottledError, TransientError
from claimx.ports.clock import Clock

_OK = 200
_UNAUTHORIZED = 401
_NOT_FOUND = 404
_TOO_MANY_REQUESTS = 429
_MAX_ID_DIGITS = 40
_NAMED = frozenset({400, 403, 405, 409, 410, 422})
"""Refusals that have a code of their own; the others are ``api.4xx``."""
_FOREIGN = (aiohttp.ClientError, OSError, TimeoutError, ValueError)
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Call(NamedTuple):
    """A request as it goes out; ``query`` is encoded and never shown."""

    method: str
    path: str
    query: str = ""
    body: dict[str, str | int] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class HttpClaimxApi:
    """One session to the API; implements ``claimx.ports.api.ClaimxApi``.

    Args:
        reload_token: reads the token again; called once when the API refuses it.
    """

    def __init__(self, settings: Api, reload_token: Callable[[], str], clock: Clock) -> None:
        self._settings = settings
        self._base = settings.base_url.rstrip("/")
        self._authorization = basic(settings.token.reveal())
        self._reload_token = reload_token
        self._clock = clock
        self._slots = asyncio.Semaphore(settings.max_concurrent)
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
        """Send a request; ``max_concurrent`` at most are under way.

        Raises:
            TransientError: ``api.connect``, ``api.timeout``, ``api.broken``, ``api.5xx``, ``api.redirect``,
                ``api.status``, ``api.html``, ``api.not_json``, ``api.too_large``, ``api.encoding``.
            ThrottledError: ``api.429``.
            AuthError: ``api.401``, also with the token read again.
            PermanentError: ``api.403`` and other 4xx; ``api.bad_id``.
        """
        call = _call(request, self._settings.sender_username)
        async with self._slots:
            try:
                return await self._try(call)
            except AuthError:
                self._reload(call)
                return await self._try(call)

    def _reload(self, call: _Call) -> None:
        try:
            self._authorization = basic(self._reload_token())
        except (ConfigError, OSError):
            raise AuthError("api.401", f"{call}: refused, and the token cannot be read again") from None

    async def _try(self, call: _Call) -> ApiAnswer:
        fetched_at = self._clock.now()
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                status, body, response = await self._exchange(call)
        except _FOREIGN as error:
            raise _transient(call, error) from None
        if status == _NOT_FOUND:
            return ApiAnswer(None, fetched_at, 0)
        if status != _OK:
            self._refuse(call, response)
        try:
            return ApiAnswer(msgspec.json.decode(body), fetched_at, len(body))
        except _NOT_JSON:
            is_page = looks_like_html(response.headers.get("Content-Type"), body[:1024], None)
            code = "api.html" if is_page else "api.not_json"
            raise TransientError(code, f"{call}: {len(body)} bytes that are not JSON") from None

    async def _exchange(self, call: _Call) -> tuple[int, bytes, aiohttp.ClientResponse]:
        """Send, and read the body of a 200."""
        if self._session is None:
            raise RuntimeError("not open")
        url = URL(f"{self._base}{call.path}{call.query}", encoded=True)
        headers = {"Authorization": self._authorization, "Accept": "application/json"}
        async with self._session.request(
            call.method, url, json=call.body, headers=headers, allow_redirects=False
        ) as response:
            body = await self._read(call, response) if response.status == _OK else b""
            return response.status, body, response

    async def _read(self, call: _Call, response: aiohttp.ClientResponse) -> bytes:
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

    def _refuse(self, call: _Call, response: aiohttp.ClientResponse) -> NoReturn:
        status = response.status
        detail = f"{call}: status {status}"
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


def _call(request: ApiRequest, sender: str) -> _Call:
    """Write a request as domain.md 2.2 has it."""
    match request:
        case GetProject(project_id):
            return _Call("GET", f"/export/project/{_part(project_id)}")
        case GetMedia(project_id, media_ids):
            query = f"?mediaIds={','.join(map(_part, media_ids))}" if media_ids else ""
            return _Call("GET", f"/export/project/{_part(project_id)}/media", query)
        case GetTask(assignment_id):
            return _Call("GET", f"/customTasks/assignment/{_part(assignment_id)}", "?full=true")
        case GetVideos(project_id):
            report: dict[str, str | int] = {
                "reportType": "VIDEO_COLLABORATION",
                "projectId": _number(project_id),
                "senderUsername": sender,
            }
            return _Call("POST", "/data", body=report)


def _number(text: str) -> int:
    if len(text) > _MAX_ID_DIGITS or not is_numeric(text):
        raise PermanentError("api.bad_id", "the project id is not a number")
    return int(text)


def _part(text: str) -> str:
    return quote(text, safe="")


def _transient(call: _Call, error: Exception) -> TransientError:
    """Translate by class; the text of an aiohttp error may hold the Authorization header."""
    match error:
        case TimeoutError():
            code = "api.timeout"
        case aiohttp.ClientConnectorError():
            code = "api.connect"
        case _:
            code = "api.broken"
    return TransientError(code, f"{call}: {type(error).__name__}")
