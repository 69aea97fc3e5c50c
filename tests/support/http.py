"""A server on loopback that answers with whatever bytes a test wants, right or wrong."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Handler = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """Answers one request per connection by the path; a path that is unknown gets 404."""

    port: int = 0
    routes: dict[str, bytes | Handler] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.authority}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                request = await _read_request(reader)
                self.seen.append(request)
                await self._answer(request, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _answer(self, request: Seen, writer: asyncio.StreamWriter) -> None:
        route = self.routes.get(request.target.partition("?")[0], answer(404))
        if callable(route):
            await route(request, writer)
        else:
            writer.write(route)
            await writer.drain()


@contextlib.asynccontextmanager
async def serving(routes: Mapping[str, bytes | Handler] | None = None) -> AsyncGenerator[Server, None]:
    """Run a server on a free port of 127.0.0.1; handlers that still run at the end are cancelled."""
    server = Server(routes=dict(routes or {}))
    tasks: list[asyncio.Task[None]] = []
    async with asyncio.TaskGroup() as group:

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.append(group.create_task(server.handle(reader, writer)))

        listening = await asyncio.start_server(connected, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            listening.close()
            for task in tasks:
                task.cancel()


def answer(status: int, body: bytes = b"", /, **headers: str | None) -> bytes:
    """Write an answer; ``content_length=None`` leaves that header out."""
    known = {"Content-Length": str(len(body)), "Connection": "close"}
    for name, value in headers.items():
        header = name.replace("_", "-").title()
        if value is None:
            known.pop(header, None)
        else:
            known[header] = value
    reason = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Odd"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in known.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def slowly(head: bytes, byte: bytes, every_s: float) -> Handler:
    """Answer ``head``, then one byte at a time for ever."""

    async def drip(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(byte)
            await writer.drain()
            await asyncio.sleep(every_s)

    return drip


def never(head: bytes = b"") -> Handler:
    """Answer ``head``, then nothing, and keep the connection."""

    async def wait(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        await asyncio.Event().wait()

    return wait


def reset(head: bytes = b"") -> Handler:
    """Answer ``head``, then reset the connection."""

    async def kill(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return kill


async def _read_request(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    return Seen(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
