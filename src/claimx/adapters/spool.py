"""The spool: local disk between download and upload."""

import asyncio
import errno
import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from claimx.adapters.clock import WallClock
from claimx.adapters.fsync import fsync_path
from claimx.domain.times import SECOND
from claimx.errors import TransientError

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_MAX_NAME_CHARS = 80
_LOOK_AGAIN_S = 1.0
_OURS = re.compile(r"[A-Za-z0-9_-]{1,80}\.[0-9a-f]{8}\.[0-9]{1,12}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class LocalSpool:
    """Files in one directory; implements ``claimx.ports.files.Spool``.

    Args:
        keep_s: what an earlier run left is removed when it is older; 0 where the directory is this process' alone.
        limit_bytes: of all files in a directory that is shared; None where what this process holds tells all.
    """

    def __init__(self, directory: Path, keep_s: float = 0.0, limit_bytes: int | None = None) -> None:
        self.directory = directory
        self._keep_s = keep_s
        self._limit_bytes = limit_bytes
        self._run = secrets.token_hex(4)
        self._number = count(1)

    async def open(self) -> None:
        """Make the directory, and remove what an earlier run left: a lost spool file is downloaded again.

        Raises:
            TransientError: ``spool.disk``.
        """
        await asyncio.to_thread(self._clear)

    async def find(self, name: str) -> Path | None:
        """The path of a finished file by its name; None when it is gone, or no name of ours."""
        if not _OURS.fullmatch(name):
            return None
        path = self.directory / name
        return path if await asyncio.to_thread(path.is_file) else None

    async def room(self, size: int) -> None:
        """Wait until so many bytes fit beside the files that wait for another process; one too large comes alone.

        Raises:
            TransientError: ``spool.disk``.
        """
        if self._limit_bytes is None:
            return
        while (used := await asyncio.to_thread(self._used)) and used + size > self._limit_bytes:  # noqa: ASYNC110 # another process frees it
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def create(self, name: str) -> "LocalSpoolFile":
        """Begin a file; its path is unique to this attempt.

        Raises:
            TransientError: ``spool.full``, ``spool.disk``.
        """
        safe = _UNSAFE.sub("_", name)[:_MAX_NAME_CHARS]
        return LocalSpoolFile(self.directory / f"{safe}.{self._run}.{next(self._number)}")

    async def remove(self, path: Path) -> None:
        """Remove a file; a missing one is fine.

        Raises:
            TransientError: ``spool.disk``.
        """
        await asyncio.to_thread(_unlink, path)

    def _used(self) -> int:
        used = 0
        with _disk():
            for path in self.directory.iterdir():
                with suppress(FileNotFoundError):  # uploaded meanwhile
                    used += path.stat().st_size
        return used

    def _clear(self) -> None:
        with _disk():
            self.directory.mkdir(parents=True, exist_ok=True)
            oldest = WallClock().now() / SECOND - self._keep_s
            for path in self.directory.iterdir():
                if path.is_symlink() or (path.is_file() and path.stat().st_mtime <= oldest):
                    _unlink(path)


class LocalSpoolFile:
    """Written as ``<path>.part``; implements ``claimx.ports.files.SpoolFile``.

    Raises:
        TransientError: ``spool.full``, ``spool.disk``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._lock = threading.Lock()
        """A cancelled ``finish`` goes on in its thread: ``abandon`` comes after it."""
        with _disk():
            self._file = self._part.open("xb", buffering=0)

    async def write(self, chunk: bytes) -> None:
        """Append. Written right here: the page cache takes it faster than a thread is reached.

        Raises:
            TransientError: ``spool.full``, ``spool.disk``.
        """
        with _disk():
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]

    async def finish(self) -> Path:
        """Fsync, rename, and return the path.

        Raises:
            TransientError: ``spool.full``, ``spool.disk``.
        """
        await asyncio.to_thread(self._finish)
        return self._path

    async def abandon(self) -> None:
        """Remove what was written, under either name.

        Raises:
            TransientError: ``spool.disk``.
        """
        await asyncio.to_thread(self._remove)

    def _finish(self) -> None:
        with self._lock, _disk():
            if self._file.closed:
                return
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._path)
            fsync_path(self._path.parent)

    def _remove(self) -> None:
        with self._lock:
            self._file.close()
            _unlink(self._part)
            _unlink(self._path)


def _unlink(path: Path) -> None:
    with _disk():
        path.unlink(missing_ok=True)


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        code = "spool.full" if error.errno in _FULL else "spool.disk"
        raise TransientError(code, f"{type(error).__name__}: {error.strerror}") from error
