"""Where a body goes while it is read: memory while it is small, else the spool. One code path."""

from hashlib import sha256
from pathlib import Path

from claimx.ports.files import Spool, SpoolFile
from claimx.stages.pool import Budget
from claimx.stages.progress import outside, tick
from claimx.stages.work import Work

CHUNK_BYTES = 1024 * 1024
"""What a transfer through the spool keeps of the memory pool."""


class Sink:
    """Takes the chunks of one body.

    Args:
        work: holds ``memory_bytes`` of ``memory`` already.
        expected: the declared length, or the most that may come.
    """

    def __init__(self, work: Work, spool: Spool, memory_bytes: int, expected: int) -> None:
        self.size = 0
        self._work = work
        self._spool = spool
        self._memory_bytes = memory_bytes
        self._expected = expected
        self._hash = sha256()
        self._chunks: list[bytes] = []
        self._file: SpoolFile | None = None

    @property
    def sha256(self) -> str:
        """Hex digest of what was written."""
        return self._hash.hexdigest()

    async def write(self, chunk: bytes, memory: Budget, spool_budget: Budget) -> None:
        """Append a chunk; the first one that does not fit in memory moves all to the spool."""
        self.size += len(chunk)
        self._hash.update(chunk)
        if self._file is None and self.size > self._memory_bytes:
            await self._work.hold(spool_budget, self._expected)
            with outside("spool room"):
                await self._spool.room(self._expected)
            self._file = await self._spool.create(self._work.task.child)
            for earlier in self._chunks:
                await self._file.write(earlier)
            self._chunks.clear()
            self._work.shrink(memory, min(CHUNK_BYTES, self._memory_bytes))
        if self._file is None:
            self._chunks.append(chunk)
        else:
            await self._file.write(chunk)
        tick()

    async def finish(self, memory: Budget, spool_budget: Budget) -> bytes | Path:
        """Return the content, and keep only what it really takes."""
        if self._file is None:
            self._work.shrink(memory, self.size)
            return b"".join(self._chunks)
        path = await self._file.finish()
        self._file = None
        self._work.shrink(spool_budget, self.size)
        return path

    async def abandon(self) -> None:
        """Remove what was written."""
        self._chunks.clear()
        if self._file is not None:
            await self._file.abandon()
            self._file = None
