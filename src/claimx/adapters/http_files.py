"""File hosts: URLs that a server gave us, fetched with suspicion (reference/operations.md 7.1, 7.2)."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from claimx.adapters.http_common import READ_BYTES, basic, is_encoded, make_session, retry_after_s
from claimx.config.tree import Download
from claimx.domain.files import Target, UrlRules, check_url, is_forbidden_address
from claimx.errors import ExpiredUrlError, PermanentError, ThrottledError, TransientError
from claimx.ports.clock import Clock

_CONNECT_S = 10.0
_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAYBE_STALE = frozenset({401, 403, 404, 410})
_OK = 200
_TOO_MANY_REQUESTS = 429
_MIN_BYTES_PER_S = 16 * 1024
"""The floor over each window of ``stall_s``: a slow transfer may take hours, a stalled one may not."""
_FIRST_BYTES = 1024
_FOREIGN = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


class HttpFileHost:
    """Downloads from file hosts; implements ``claimx.ports.files.FileHost``.

    Args:
        token: gives the Basic token, for ``auth_hosts`` alone.
        resolver: looks hosts up instead of the system's; what it answers is checked all the same.
    """

    def __init__(
        self,
        settings: Download,
        token: Callable[[], str],
        clock: Clock,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._settings = settings
        self._rules = UrlRules(settings.allowed_hosts, settings.allow_insecure_hosts)
        self._auth_hosts = {host.lower() for host in settings.auth_hosts}
        self._token = token
        self._clock = clock
        self._resolver = resolver
        self._public: aiohttp.ClientSession | None = None
        self._private: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Make the sessions: one that connects to public addresses only, and one for the insecure hosts."""
        timeout = aiohttp.ClientTimeout(connect=_CONNECT_S, sock_read=self._settings.stall_s)
        self._public = make_session(
            aiohttp.TCPConnector(limit=0, socket_factory=_public_socket, resolver=self._resolver), timeout
        )
        self._private = make_session(aiohttp.TCPConnector(limit=0), timeout)

    async def close(self) -> None:
        """End the sessions."""
        for session in (self._public, self._private):
            if session is not None:
                await session.close()

    @asynccontextmanager
    async def open(self, url: str) -> AsyncGenerator["HttpFile", None]:
        """Request a file; redirects are followed by hand, each hop checked.

        Raises:
            PermanentError: ``url.refused``; ``file.too_large``; ``file.4xx``.
            ExpiredUrlError: ``file.stale``: 401, 403, 404, 410.
            ThrottledError: ``file.429``.
            TransientError: ``file.connect``, ``file.timeout``, ``file.broken``, ``file.encoding``, ``file.5xx``, ...
        """
        response = await self._follow(url)
        try:
            yield HttpFile(response, self._settings)
        finally:
            response.release()

    async def _follow(self, url: str) -> aiohttp.ClientResponse:
        target = check_url(url, self._rules)
        response = await self._get(target, self._headers(target))
        hops = 0
        while response.status in _REDIRECTS:
            location = response.headers.get("Location")
            response.release()
            if not location or hops == _MAX_REDIRECTS:
                raise TransientError("file.redirect", f"{target.host}: a redirect to nowhere, or too many")
            hops += 1
            target = check_url(_joined(target.url, location), self._rules)
            response = await self._get(target, {})
        return self._accepted(response, target.host)

    async def _get(self, target: Target, headers: dict[str, str]) -> aiohttp.ClientResponse:
        session = self._private if target.may_be_private else self._public
        if session is None:
            raise RuntimeError("not started")
        with _translated(target.host):
            async with asyncio.timeout(_CONNECT_S + self._settings.stall_s):
                return await session.get(
                    URL(target.url, encoded=True), headers=headers, allow_redirects=False
                )

    def _headers(self, target: Target) -> dict[str, str]:
        names = {target.host, f"{target.host}:{target.port}"}
        return {"Authorization": basic(self._token())} if names & self._auth_hosts else {}

    def _accepted(self, response: aiohttp.ClientResponse, host: str) -> aiohttp.ClientResponse:
        try:
            self._check(response, host)
        except BaseException:
            response.release()
            raise
        return response

    def _check(self, response: aiohttp.ClientResponse, host: str) -> None:
        status = response.status
        detail = f"{host}: status {status}"
        if status in _MAYBE_STALE:
            raise ExpiredUrlError("file.stale", detail)
        if status == _TOO_MANY_REQUESTS:
            raise ThrottledError("file.429", detail, retry_after_s=retry_after_s(response, self._clock.now()))
        if status != _OK:
            raise _refused(status, detail)
        if is_encoded(response):
            raise TransientError("file.encoding", f"{host}: the body is compressed")
        length = response.content_length
        if length is not None and length > self._settings.max_bytes:
            raise PermanentError("file.too_large", f"{host}: {length} bytes")


class HttpFile:
    """An open answer; implements ``claimx.ports.files.RemoteFile``."""

    def __init__(self, response: aiohttp.ClientResponse, settings: Download) -> None:
        self.length = response.content_length
        encoding = response.headers.get("Transfer-Encoding", "")
        self.is_end_marked = self.length is not None or encoding.strip().lower() == "chunked"
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self.content_type = kind or None
        self._response = response
        self._settings = settings
        self._host = response.url.host or ""
        self._got = 0
        self._window_bytes = 0
        self._window_s = 0.0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Read the body once; the first piece has 1 KiB at least, unless the body is shorter.

        Raises:
            PermanentError: ``file.too_large``.
            TransientError: ``file.length``, ``file.broken``, ``file.timeout``, ``file.slow``.
        """
        head = b""
        while len(head) < _FIRST_BYTES and (piece := await self._read()):
            head += piece
        if head:
            yield head
        while piece := await self._read():
            yield piece
        if self.length not in {None, self._got}:
            raise TransientError("file.length", f"{self._host}: {self._got} of {self.length} bytes")

    async def _read(self) -> bytes:
        """Read what is there. Only the time that the host lets us wait counts, not what the caller takes."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            piece = await self._response.content.read(READ_BYTES)
        except aiohttp.ClientPayloadError:
            code = "file.broken" if self.length is None else "file.length"
            raise TransientError(code, f"{self._host}: the body ended after {self._got} bytes") from None
        except _FOREIGN as error:
            raise _transient(self._host, error) from None
        self._got += len(piece)
        if self._got > self._settings.max_bytes:
            raise PermanentError(
                "file.too_large", f"{self._host}: more than {self._settings.max_bytes} bytes"
            )
        if piece:
            self._refuse_stall(len(piece), loop.time() - began)
        return piece

    def _refuse_stall(self, size: int, waited_s: float) -> None:
        """Count a piece into the window, and judge the window when it is full."""
        self._window_bytes += size
        self._window_s += waited_s
        if self._window_s < self._settings.stall_s:
            return
        if self._window_bytes < self._window_s * _MIN_BYTES_PER_S:
            detail = f"{self._host}: {self._window_bytes} bytes in {self._window_s:.0f} s"
            raise TransientError("file.slow", detail)
        self._window_bytes, self._window_s = 0, 0.0


class _RefusedAddressError(OSError):
    """The address behind a host is private, local or reserved."""


def _public_socket(info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
    """Make the socket for an address that is about to be connected, whatever the resolver said a moment ago."""
    family, kind, protocol, _, address = info
    if is_forbidden_address(str(address[0])):
        raise _RefusedAddressError("the address is not public")
    return socket.socket(family, kind, protocol)


def _refused(status: int, detail: str) -> PermanentError | TransientError:
    match status // 100:
        case 4:
            return PermanentError("file.4xx", detail)
        case 5:
            return TransientError("file.5xx", detail)
        case _:
            return TransientError("file.status", detail)


def _joined(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        raise PermanentError("url.refused", "the redirect cannot be parsed") from None


@contextmanager
def _translated(host: str) -> Iterator[None]:
    """Make foreign errors ours: without their texts, which hold the signed URL."""
    try:
        yield
    except _FOREIGN as error:
        if isinstance(getattr(error, "os_error", None), _RefusedAddressError):
            raise PermanentError("url.refused", f"{host}: its address is not public") from None
        raise _transient(host, error) from None


def _transient(host: str, error: Exception) -> TransientError:
    match error:
        case TimeoutError():
            code = "file.timeout"
        case aiohttp.ClientConnectorError():
            code = "file.connect"
        case _:
            code = "file.broken"
    return TransientError(code, f"{host}: {type(error).__name__}")
