"""From content to the files root, and the row of claimx_attachments."""

from pathlib import Path

from claimx.domain.attachments import attachment_row
from claimx.domain.files import object_key
from claimx.domain.results import completed
from claimx.domain.tasks import CachedFile
from claimx.errors import SpoolLostError
from claimx.ports.files import FileStore, Spool
from claimx.stages.buffer import RowChunk
from claimx.stages.fates import Reporting
from claimx.stages.flow import Flow
from claimx.stages.progress import allow
from claimx.stages.work import Work

_ROW_BYTES = 1024
_LARGE_BYTES_PER_S = 256 * 1024
_LARGE_SHARE = 16
"""A store does not tell how far an upload is. A large one may be as slow as this, and others of its size go before it."""


class Upload:
    """Stores one file under its deterministic key; its receipt's child closes with the row.

    Args:
        report: tells the results stage.
    """

    def __init__(self, flow: Flow, store: FileStore, spool: Spool, report: Reporting) -> None:
        self._flow = flow
        self._store = store
        self._spool = spool
        self._report = report

    async def run(self, work: Work) -> None:
        """Do one pass over a cached file.

        Raises:
            SpoolLostError: ``spool.lost``, another process spooled it, and it is not there any more.
            ItemError: the store did not take it; it will be downloaded again.
        """
        cached = work.task
        if not isinstance(cached, CachedFile):
            raise TypeError(type(cached).__name__)
        content = work.content if work.content is not None else await self._spooled(cached)
        task = cached.download
        if not isinstance(content, bytes):
            allow(_LARGE_SHARE * cached.size_bytes / _LARGE_BYTES_PER_S)
        key = object_key(task.project_id, task.media_id, task.file_name)
        try:
            await self._flow.guard.call(
                work, self._flow.circuits.store, lambda: self._store.put(key, content, cached.sha256)
            )
        finally:
            if not isinstance(content, bytes):
                await self._spool.remove(content)
        work.release()
        self._flow.runtime.counters.files += 1
        self._flow.runtime.counters.file_bytes += cached.size_bytes
        now = self._flow.runtime.clock.now()
        await self._report(completed(cached, now))
        row = attachment_row(cached, key, now)
        await self._flow.buffer.add([RowChunk(work.receipt, row.table, [row], _ROW_BYTES, "upload", cached)])

    async def _spooled(self, cached: CachedFile) -> Path:
        found = await self._spool.find(cached.path) if cached.path else None
        if found is None:
            raise SpoolLostError("spool.lost", "the spool file is gone; it is downloaded again")
        return found
