"""From a media URL to content: refreshed when stale, length checked, small in memory, large in the spool."""

from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from claimx.config.tree import Download as DownloadSettings
from claimx.domain.answers import GetMedia
from claimx.domain.files import is_expired, looks_like_html
from claimx.domain.handlers.media import link_of
from claimx.domain.shares import SHARED_ANSWER_BYTES
from claimx.domain.tasks import CachedFile, DownloadTask
from claimx.errors import ExpiredUrlError, PermanentError, TransientError
from claimx.ports.files import FileHost, RemoteFile, Spool
from claimx.stages.flow import Flow, Send
from claimx.stages.sink import Sink
from claimx.stages.work import Work


@dataclass(frozen=True, slots=True)
class Sources:
    """Where files come from: the host has them, the spool keeps the large ones."""

    host: FileHost
    spool: Spool


class Download:
    """Fetches one media file and hands it to the upload stage.

    Args:
        send: hands work on to the upload stage.
    """

    def __init__(self, flow: Flow, settings: DownloadSettings, sources: Sources, send: Send) -> None:
        self._flow = flow
        self._settings = settings
        self._sources = sources
        self._send = send

    async def run(self, work: Work) -> None:
        """Do one pass over a download task: a URL that may be stale is asked for again once, a fresh one is used.

        Raises:
            ItemError: what the file host or the API made of it; the file was not handed on then.
        """
        task = _download_task(work)
        is_fresh = task.is_url_cut or is_expired(task.url, self._flow.runtime.clock.now())
        if is_fresh:
            await self._refresh(work)
        try:
            cached = await self._fetch(work)
        except ExpiredUrlError as error:
            if is_fresh:
                raise PermanentError(error.code, error.detail) from error
            await self._refresh(work)
            cached = await self._fetch_fresh(work)
        work.task, work.stage = cached, "upload"
        await self._send([work])

    async def _fetch_fresh(self, work: Work) -> CachedFile:
        try:
            return await self._fetch(work)
        except ExpiredUrlError as error:
            raise PermanentError(error.code, error.detail) from error

    async def _refresh(self, work: Work) -> None:
        """Ask the API for a fresh link, by media id; files of one project share the call."""
        task = _download_task(work)
        work.release()
        await work.hold(self._flow.pools.api, SHARED_ANSWER_BYTES)
        (answer,) = await self._flow.api.ask(work, [GetMedia(task.project_id, (task.media_id,))])
        url = link_of(answer, task.media_id)
        work.release()
        work.task = msgspec.structs.replace(
            _download_task(work), url=url, is_url_cut=False, refresh_count=task.refresh_count + 1
        )

    async def _fetch(self, work: Work) -> CachedFile:
        body = _Body(self._flow, self._settings, self._sources, work)
        return await self._flow.guard.call(work, self._flow.circuits.files, body.read)


class _Body:
    """The tries to read one body within one pass."""

    def __init__(self, flow: Flow, settings: DownloadSettings, sources: Sources, work: Work) -> None:
        self._memory = flow.pools.files
        self._disk = flow.pools.spool
        self._settings = settings
        self._sources = sources
        self._work = work
        self._was_empty = False

    async def read(self) -> CachedFile:
        """Make one try; bytes are held only while it runs, and by the content that it leaves.

        A try that failed gives its bytes back at once: it may wait at the circuit, and the probe needs them.
        """
        await self._work.hold(self._memory, self._settings.memory_file_bytes)
        try:
            return await self._transfer(_download_task(self._work))
        except BaseException:
            self._work.release()
            raise

    async def _transfer(self, task: DownloadTask) -> CachedFile:
        """Read a body, and one whose end is not marked twice: cut off in two places, it does not come out the same."""
        async with self._sources.host.open(task.url) as remote:
            if remote.is_end_marked:
                return await self._keep(remote, task, None)
            digest = await _digest(remote)
        async with self._sources.host.open(task.url) as remote:
            return await self._keep(remote, task, digest)

    async def _keep(self, remote: RemoteFile, task: DownloadTask, digest: str | None) -> CachedFile:
        expected = self._settings.max_bytes if remote.length is None else remote.length
        sink = Sink(self._work, self._sources.spool, self._settings.memory_file_bytes, expected)
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
            path=None if isinstance(content, bytes) else str(content),
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
    return digest.hexdigest()


def _download_task(work: Work) -> DownloadTask:
    if not isinstance(work.task, DownloadTask):
        raise TypeError(type(work.task).__name__)
    return work.task
