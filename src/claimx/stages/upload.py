"""From content to the files root, and the row of claimx_attachments."""

from claimx.domain.attachments import attachment_row
from claimx.domain.files import object_key
from claimx.domain.tasks import CachedFile
from claimx.ports.files import FileStore, Spool
from claimx.stages.buffer import RowChunk
from claimx.stages.flow import Flow
from claimx.stages.work import Work

_ROW_BYTES = 1024


class Upload:
    """Stores one file under its deterministic key; its receipt's child closes with the row."""

    def __init__(self, flow: Flow, store: FileStore, spool: Spool) -> None:
        self._flow = flow
        self._store = store
        self._spool = spool

    async def run(self, work: Work) -> None:
        """Do one pass over a cached file.

        Raises:
            ItemError: the store did not take it; it will be downloaded again.
        """
        cached, content = work.task, work.content
        if not isinstance(cached, CachedFile) or content is None:
            raise TypeError(type(cached).__name__)
        task = cached.download
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
        row = attachment_row(cached, key, self._flow.runtime.clock.now())
        await self._flow.buffer.add([RowChunk(work.receipt, row.table, [row], _ROW_BYTES, "upload", cached)])
