"""The spool: local disk between download and upload."""

import asyncio
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from claimx.adapters.fsync import fsync_path
from claimx.errors import TransientError

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_MAX_NAME_CHARS = 80


class LocalSpool:
    """Files in one directory, which belongs to this process alone; implements ``claimx.ports.files.Spool``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._run = secrets.token_hex(4)
        self._number = count(1)

    async def open(self) -> None:
        """Make the directory, and remove what an earlier run left: a lost spool file is downloaded again.

        Raises:
            TransientError: ``spool.disk``.
        """
        await asyncio.to_thread(self._clear)

    async def create(self, name: str) -> "LocalSpoolFile":
        """Begin a file; its path is unique to this attempt.

        Raises:
            TransientError: ``spool.disk``.
        """
        safe = _UNSAFE.sub("_", name)[:_MAX_NAME_CHARS]
        return LocalSpoolFile(self._directory / f"{safe}.{self._run}.{next(self._number)}")

    async def remove(self, path: Path) -> None:
        """Remove a file; a missing one is fine.

        Raises:
            TransientError: ``spool.disk``.
        """
        await asyncio.to_thread(_unlink, path)

    def _clear(self) -> None:
        with _disk():
            self._directory.mkdir(parents=True, exist_ok=True)
            for path in self._directory.iterdir():
                if path.is_symlink() or path.is_file():
                    _unlink(path)


class LocalSpoolFile:
    """Written as ``<path>.part``; implements ``claimx.ports.files.SpoolFile``.

    Raises:
        TransientError: ``spool.disk``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        with _disk():
            self._file = self._part.open("xb", buffering=0)

    async def write(self, chunk: bytes) -> None:
        """Append. Written right here: the page cache takes it faster than a thread is reached.

        Raises:
            TransientError: ``spool.disk``, such as a full disk.
        """
        with _disk():
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]

    async def finish(self) -> Path:
        """Fsync, rename, and return the path.

        Raises:
            TransientError: ``spool.disk``.
        """
        await asyncio.to_thread(self._finish)
        return self._path

    async def abandon(self) -> None:
        """Remove what was written.

        Raises:
            TransientError: ``spool.disk``.
        """
        self._file.close()
        await asyncio.to_thread(_unlink, self._part)

    def _finish(self) -> None:
        with _disk():
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._path)
            fsync_path(self._path.parent)


def _unlink(path: Path) -> None:
    with _disk():
        path.unlink(missing_ok=True)


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TransientError("spool.disk", f"{type(error).__name__}: {error.strerror}") from error
