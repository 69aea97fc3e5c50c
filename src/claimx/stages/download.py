"""From a media URL to content: refreshed when stale, length checked, small in memory, large in the spool."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from claimx.stages.progress import in_line
from claimx.stages.work import Work

_MOST_REFUSALS = 3
"""Of URLs that had run out by the time they got to the host, in one pass: an API that gives dead ones is no loop."""


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
        self._transfers = asyncio.Semaphore(settings.workers)

    @property
    def most_at_once(self) -> int:
        """Tasks that are to be in work at once: those beyond ``workers`` ask for links, so that they share the calls."""
        return self._settings.workers + self._settings.queue_items

    async def run(self, work: Work) -> None:
        """Do one pass over a download task. That a URL has run out by its parameters costs no attempt.

        Raises:
            PermanentError: the host refuses a URL that was just asked for and has not run out.
            ExpiredUrlError: the API gave only URLs that had run out.
            ItemError: what the file host or the API made of it; the file was not handed on then.
        """
        work.begin(self._flow.runtime.clock.now())
        is_fresh = await self._freshen(work)
        async with self._transfer():
            if not work.is_wanted:
                await self._flow.fates.drop(work)
                return
            is_fresh = await self._freshen(work) or is_fresh  # it may have run out in the line
            work.task, work.stage = await self._fetched(work, is_fresh=is_fresh), "upload"
            await self._send([work])

    @asynccontextmanager
    async def _transfer(self) -> AsyncIterator[None]:
        with in_line("transfer"):
            await self._transfers.acquire()
        try:
            yield
        finally:
            self._transfers.release()

    async def _fetched(self, work: Work, *, is_fresh: bool) -> CachedFile:
        """Fetch; a URL that may be stale is asked for again once, one that ran out on the way a few times."""
        refusals = 0
        while True:
            try:
                return await self._fetch(work)
            except ExpiredUrlError as error:
                refusals += 1
                if is_fresh and not self._is_stale(work):
                    raise PermanentError(error.code, error.detail) from error
                if refusals == _MOST_REFUSALS:
                    raise
            await self._refresh(work)
            is_fresh = True

    async def _freshen(self, work: Work) -> bool:
        """Ask for a URL that was cut or has run out; whether that was so. What then comes is used as it is."""
        is_stale = self._is_stale(work)
        if is_stale:
            await self._refresh(work)
        return is_stale

    def _is_stale(self, work: Work) -> bool:
        task = _download_task(work)
        return task.is_url_cut or is_expired(task.url, self._flow.runtime.clock.now())

    async def _refresh(self, work: Work) -> None:
        """Ask the API for a fresh link, by media id; files of one project share the call."""
        task = _download_task(work)
        work.task = msgspec.structs.replace(task, refresh_count=task.refresh_count + 1)
        work.release()
        await work.hold(self._flow.pools.api, SHARED_ANSWER_BYTES)
        (answer,) = await self._flow.api.ask(work, [GetMedia(task.project_id, (task.media_id,))])
        url = link_of(answer, task.media_id)
        work.release()
        work.task = msgspec.structs.replace(_download_task(work), url=url, is_url_cut=False)

    async def _fetch(self, work: Work) -> CachedFile:
        body = Body(work, self._sources.host, self._sources.spool, self._flow.pools, self._settings)
        return await self._flow.guard.call(work, self._flow.circuits.files, body.read)


def _download_task(work: Work) -> DownloadTask:
    if not isinstance(work.task, DownloadTask):
        raise TypeError(type(work.task).__name__)
    return work.task
