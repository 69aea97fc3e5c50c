"""One body of a file host: read, checked, and kept in memory or in the spool."""

from contextlib import aclosing
from hashlib import sha256

from claimx.config.tree import Download
from claimx.domain.files import looks_like_html
from claimx.domain.tasks import CachedFile, DownloadTask
from claimx.errors import ExpiredUrlError, TransientError
from claimx.ports.files import FileHost, RemoteFile, Spool
from claimx.stages.flow import Pools
from claimx.stages.progress import tick
from claimx.stages.sink import Sink
from claimx.stages.work import Work


class Body:
    """The tries to read one body within one pass.

    Args:
        work: holds the content when a try succeeds; its task is a ``DownloadTask``.
    """

    def __init__(self, work: Work, host: FileHost, spool: Spool, pools: Pools, settings: Download) -> None:
        self._work = work
        self._host = host
        self._spool = spool
        self._memory = pools.files
        self._disk = pools.spool
        self._settings = settings
        self._was_empty = False

    async def read(self) -> CachedFile:
        """Make one try; bytes are held only while it runs, and by the content that it leaves.

        A try that failed gives its bytes back at once: it may wait at the circuit, and the probe needs them.

        Raises:
            ExpiredUrlError: ``file.html``, or what the host makes of a stale link.
            TransientError: ``file.empty``, ``file.truncated``, what the host or the spool raises.
            PermanentError: what the host raises.
        """
        await self._work.hold(self._memory, self._settings.memory_file_bytes)
        try:
            return await self._transfer(self._task())
        except BaseException:
            self._work.release()
            raise

    def _task(self) -> DownloadTask:
        task = self._work.task
        if not isinstance(task, DownloadTask):
            raise TypeError(type(task).__name__)
        return task

    async def _transfer(self, task: DownloadTask) -> CachedFile:
        """Read a body, and one whose end is not marked twice: cut off in two places, it does not come out the same."""
        async with self._host.open(task.url) as remote:
            if remote.is_end_marked:
                return await self._keep(remote, task, None)
            digest = await _digest(remote)
        async with self._host.open(task.url) as remote:
            return await self._keep(remote, task, digest)

    async def _keep(self, remote: RemoteFile, task: DownloadTask, digest: str | None) -> CachedFile:
        expected = self._settings.max_bytes if remote.length is None else remote.length
        sink = Sink(self._work, self._spool, self._settings.memory_file_bytes, expected)
        try:
            await self._copy(remote, sink, task.file_name)
            self._refuse_doubtful(remote, sink, digest)
            content = await sink.finish(self._memory, self._disk)
        except BaseException:
            await sink.abandon()
            raise
        self._work.content = content
        return CachedFile(
            download=task,
            size_bytes=sink.size,
            sha256=sink.sha256,
            content_type=remote.content_type,
            path=None if isinstance(content, bytes) else content.name,
            attempt=task.attempt,
        )

    async def _copy(self, remote: RemoteFile, sink: Sink, file_name: str | None) -> None:
        async with aclosing(remote.chunks()) as chunks:
            async for chunk in chunks:
                if sink.size == 0 and looks_like_html(remote.content_type, chunk[:512], file_name):
                    raise ExpiredUrlError("file.html", "a page came where a file was expected")
                await sink.write(chunk, self._memory, self._disk)

    def _refuse_doubtful(self, remote: RemoteFile, sink: Sink, digest: str | None) -> None:
        """Store an empty file only when its length is declared and it came empty twice.

        Args:
            digest: of what came before, if the body was read twice.
        """
        if digest not in {None, sink.sha256}:
            raise TransientError("file.truncated", f"{sink.size} bytes came, and others before")
        if sink.size:
            return
        if remote.length is None or not self._was_empty:
            self._was_empty = True
            raise TransientError("file.empty", "no bytes came")


async def _digest(remote: RemoteFile) -> str:
    digest = sha256()
    async with aclosing(remote.chunks()) as chunks:
        async for chunk in chunks:
            digest.update(chunk)
            tick()
    return digest.hexdigest()
