"""The control socket of a running process: a unix domain socket, JSON lines, for operators on its host.

A request is one line, ``{"command": "status", "lag": true}``; so is its answer, ``{"ok": true, "answer": {...}}`` or
``{"ok": false, "error": {"code": ..., "message": ...}}``. Whoever may open the socket may do all of it: mode 0600.
"""

import asyncio
import os
import socket
import struct
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from claimx.errors import OperationError, TransientError
from claimx.ports.control import AskStatus, Command, ListRetries, Page, Step
from claimx.telemetry.log import Log

T = TypeVar("T")

NAME = "control.sock"
REQUEST_BYTES = 64 * 1024
READ_S = 5.0
_ANSWER_BYTES = 16 * 1024 * 1024
_ANSWER_S = 90.0
_WRITE_S = 10.0
_ACCEPT_AGAIN_S = 1.0
_CONNECTIONS = 16
_PATH_BYTES = 100
"""Linux takes 107 bytes of a socket's path, macOS 103."""
_PEER = struct.Struct("3i")


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was not answered."""

    code: str
    message: str
    hint: str = ""


class _Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    ok: bool
    answer: msgspec.Raw = msgspec.Raw(b"null")
    error: Refusal | None = None


Obey = Callable[[Command], Awaitable[msgspec.Struct]]
"""Carries a command out; raises nothing: what goes wrong is a ``Refusal``."""

_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_encoder = msgspec.json.Encoder()


class ControlServer:
    """Listens from ``open`` until ``run`` is cancelled.

    Args:
        directory: of the instance. Whoever opens holds its lock, so a socket that is there is a dead process's.
    """

    def __init__(self, directory: Path, obey: Obey, log: Log) -> None:
        self._path = directory / NAME
        self._obey = obey
        self._log = log
        self._socket: socket.socket | None = None
        self._open = 0

    def open(self) -> None:
        """Listen. A file system that has no sockets is told of, and costs the process nothing else."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        try:
            self._path.unlink(missing_ok=True)
            with _short(self._path) as path:
                listener.bind(path)
            self._path.chmod(0o600)  # nobody can connect before listen
            listener.listen(_CONNECTIONS)
        except (OSError, OperationError) as error:
            listener.close()
            self._log.warning("control.failed", error=f"{self._path}: {error}")
            return
        self._socket = listener

    async def run(self) -> None:
        """Answer until cancelled; then the socket is gone."""
        listener = self._socket
        if listener is None:
            return
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    connection = await self._accept(listener)
                    group.create_task(self._serve(connection), name="control")
        finally:
            listener.close()
            with suppress(OSError):
                self._path.unlink()

    async def _accept(self, listener: socket.socket) -> socket.socket:
        while True:
            try:
                connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            except OSError as error:  # no file descriptor is left
                self._log.warning("control.failed", error=str(error))
                await asyncio.sleep(_ACCEPT_AGAIN_S)
            else:
                return connection

    async def _serve(self, connection: socket.socket) -> None:
        self._open += 1
        try:
            reader, writer = await asyncio.open_unix_connection(sock=connection, limit=REQUEST_BYTES)
            writer.transport.set_write_buffer_limits(0)  # drain returns when all is sent
            try:
                await self._converse(reader, writer, _peer_of(connection))
            finally:
                writer.transport.abort()
        except (OSError, TimeoutError):
            connection.close()  # the other side is gone, or too slow
        finally:
            self._open -= 1

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: dict[str, int]
    ) -> None:
        while True:
            line, refusal = await self._request(reader)
            if not line and refusal is None:
                return
            reply = await self._reply(line, peer) if refusal is None else refusal
            async with asyncio.timeout(_WRITE_S):
                writer.write(_encoder.encode(reply) + b"\n")
                await writer.drain()
            if refusal is not None:
                return

    async def _request(self, reader: asyncio.StreamReader) -> tuple[bytes, _Reply | None]:
        """The next line, empty at the end; or why there will be none."""
        if self._open > _CONNECTIONS:
            return b"", _refused("request.too_many", f"{_CONNECTIONS} others are being answered")
        try:
            async with asyncio.timeout(READ_S):
                return await reader.readline(), None
        except ValueError:
            return b"", _refused("request.too_large", f"a request has {REQUEST_BYTES:,} bytes at most")

    async def _reply(self, line: bytes, peer: dict[str, int]) -> _Reply:
        try:
            command = _commands.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _refused("request.malformed", str(error))
        if not isinstance(command, AskStatus | ListRetries):
            self._log.info("control.asked", command=type(command).__struct_config__.tag, **peer)
        answer = await self._obey(command)
        if isinstance(answer, Refusal):
            return _Reply(ok=False, error=answer)
        return _Reply(ok=True, answer=msgspec.Raw(_encoder.encode(answer)))


class ControlClient:
    """Asks the process that runs for an instance; implements ports.control.Retries.

    Args:
        directory: of the instance.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    async def is_answered(self) -> bool:
        """Whether somebody listens.

        Raises:
            OperationError: it may not be asked by this user.
        """
        try:
            _, writer = await self._connect()
        except TransientError:
            return False
        writer.transport.abort()
        return True

    async def step(self, command: Step) -> Page:
        """Take one step through the delay queue."""
        return await self.ask(command, Page)

    async def ask(self, command: Command, kind: type[T]) -> T:
        """Ask, and wait for the answer.

        Raises:
            OperationError: the process refuses, or may not be asked by this user.
            TransientError: ``control.absent``, nobody listens; ``control.late``, no answer in time.
        """
        reader, writer = await self._connect()
        try:
            async with asyncio.timeout(_ANSWER_S):
                writer.write(_encoder.encode(command) + b"\n")
                line = await reader.readline()
        except TimeoutError as error:
            raise TransientError(
                "control.late", f"{self._path}: no answer within {_ANSWER_S:.0f} s"
            ) from error
        except (OSError, ValueError) as error:
            raise TransientError("control.broken", f"{self._path}: {error}") from error
        finally:
            writer.transport.abort()
        return _answer_in(line, kind, self._path)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            with _short(self._path) as path:
                return await asyncio.open_unix_connection(path, limit=_ANSWER_BYTES)
        except PermissionError as error:
            raise OperationError(
                f"{self._path}: {error.strerror}", "run this as the user that claimx runs as"
            ) from error
        except OSError as error:
            raise TransientError(
                "control.absent", f"no claimx of this instance runs here: nobody listens on {self._path}"
            ) from error


def _answer_in(line: bytes, kind: type[T], path: Path) -> T:
    if not line:
        raise TransientError("control.broken", f"{path}: the process has ended, or hung up")
    try:
        reply = msgspec.json.decode(line, type=_Reply)
        if reply.ok:
            return msgspec.json.decode(reply.answer, type=kind)
    except msgspec.DecodeError as error:
        raise OperationError(
            f"{path}: an answer that this version cannot read: {error}", "use the claimx of the process"
        ) from error
    refusal = reply.error or Refusal("request.refused", "no reason given")
    raise OperationError(f"{refusal.code}: {refusal.message}", refusal.hint)


def _peer_of(connection: socket.socket) -> dict[str, int]:
    """Who asks, where the system tells."""
    if sys.platform != "linux":
        return {}
    pid, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return {"pid": pid, "uid": uid}


def _refused(code: str, message: str) -> _Reply:
    return _Reply(ok=False, error=Refusal(code, message))


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of the path that fits into a socket's address: itself, or through a link in the temporary directory.

    Raises:
        OperationError: the temporary directory is too deep, too.
    """
    if len(os.fsencode(path)) <= _PATH_BYTES:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="claimx-") as scratch:
        link = Path(scratch) / "d"
        link.symlink_to(path.parent.absolute(), target_is_directory=True)
        if len(os.fsencode(link / path.name)) > _PATH_BYTES:
            raise OperationError(
                f"{path} is too long for a socket, and so is {scratch}",
                "choose a shorter process.state_dir, or TMPDIR",
            )
        yield str(link / path.name)
