"""From a media URL to content: refreshed when stale, length checked, small in memory, large in the spool."""

from dataclasses import dataclass

import msgspec

from claimx.config.tree import Download as DownloadSettings
from claimx.domain.answers import GetMedia
from claimx.domain.files import is_expired
from claimx.domain.handlers.media import link_of
from claimx.domain.shares import SHARED_ANSWER_BYTES
from claimx.domain.tasks import CachedFile, DownloadTask
from claimx.errors import ExpiredUrlError, PermanentError
from claimx.ports.files import FileHost, Spool
from claimx.stages.body import Body
from claimx.stages.flow import Flow, Send
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
        body = Body(work, self._sources.host, self._sources.spool, self._flow.pools, self._settings)
        return await self._flow.guard.call(work, self._flow.circuits.files, body.read)


def _download_task(work: Work) -> DownloadTask:
    if not isinstance(work.task, DownloadTask):
        raise TypeError(type(work.task).__name__)
    return work.task
