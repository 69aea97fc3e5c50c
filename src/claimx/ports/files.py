"""Media files: where they come from, where they wait, where they go."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol


class RemoteFile(Protocol):
    """An open answer of a file host.

    Args:
        length: bytes promised by Content-Length, or None.
        is_end_marked: whether the body itself tells where it ends, by its length or by chunks; if not, one that was
            cut off looks whole.
        content_type: as sent, without parameters, lower case.
    """

    length: int | None
    is_end_marked: bool
    content_type: str | None

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Read the body once, in pieces; the first one has 1 KiB at least, unless the body is shorter.

        Raises:
            TransientError: the connection broke, stalled, or fewer or more bytes came than promised.
        """
        ...


class FileHost(Protocol):
    """Downloads from URLs that a server gave us: every hop is checked against the allow-list."""

    def open(self, url: str) -> AbstractAsyncContextManager[RemoteFile]:
        """Request the file; redirects are followed by hand, each hop validated.

        Raises (on entering):
            PermanentError: ``url.refused``, a hop that we may not fetch; other 4xx.
            ExpiredUrlError: 401, 403, 404, 410; whether a page came instead of the file, the caller sees.
            TransientError: no answer, 429, 5xx.
        """
        ...


class SpoolFile(Protocol):
    """A file being written in the spool; it has its final name only after ``finish``."""

    async def write(self, chunk: bytes) -> None:
        """Append."""
        ...

    async def finish(self) -> Path:
        """Make it durable, rename it into place, return its path."""
        ...

    async def abandon(self) -> None:
        """Remove what was written."""
        ...


class Spool(Protocol):
    """Disk between download and upload: of this process, or shared by those that run the two."""

    async def find(self, name: str) -> Path | None:
        """The path of a finished file by its name; None when it is gone."""
        ...

    async def room(self, size: int) -> None:
        """Wait until so many bytes fit beside the files that wait for another process; one too large comes alone."""
        ...

    async def create(self, name: str) -> SpoolFile:
        """Begin a file that is unique to this attempt.

        Raises:
            TransientError: ``spool.full``, or ``spool.disk``: not writable.
        """
        ...

    async def remove(self, path: Path) -> None:
        """Remove a file; a missing one is fine."""
        ...


class FileStore(Protocol):
    """The files root: local disk, S3, ADLS or OneLake."""

    async def put(self, key: str, content: bytes | Path, sha256: str) -> None:
        """Store content under a deterministic key; doing it again changes nothing.

        Args:
            sha256: hex digest of the content.

        Raises:
            AuthError: ``store.*``, the store refuses our credential.
            TransientError: ``store.*``, the store did not take it.
        """
        ...
