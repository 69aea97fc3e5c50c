"""``claimx bench files``: download and upload to a local directory, against clients that only write a file."""

import shutil
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from claimx.app.bench import jobs
from claimx.app.bench.rig import Rig
from claimx.app.bench.turns import Opponent, Turns
from claimx.config.options import BenchOptions
from claimx.ops.bench.figures import Contest, Sample

_SMALL_BYTES = 1_000_000
_SMALL_TARGET = 0.8
_LARGE_TARGET = 0.9
_POINT_BYTES = 400_000_000
_FEWEST = 20
_KB = 1000


async def files(options: BenchOptions, rig: Rig, turns: Turns) -> bool:
    """Measure each size with each concurrency; whether curl was there to compare with.

    What is downloaded is removed after each measurement. A ratio compares files a second between the beginning of the
    first download and the end of the last upload.
    """
    counts = {size: _items(options.items, size) for size in options.sizes}
    await rig.start_broker([f"downloads-{size}" for size in counts])
    base_url = await rig.start_media_server()
    for size, items in counts.items():
        await rig.fill("downloads", rig.topic(f"downloads-{size}"), items, base_url=base_url, size=size)
    has_curl = shutil.which("curl") is not None
    for size, items in counts.items():
        for workers in options.concurrency:
            bench = _Point(rig, base_url, size, items, workers)
            is_small = size < _SMALL_BYTES
            small_target, large_target = (_SMALL_TARGET, None) if is_small else (None, _LARGE_TARGET)
            bare, durable = partial(bench.bare, "aiohttp"), partial(bench.bare, "durable")
            opponents = [
                Opponent(Contest(name="bare aiohttp", target=small_target), bare),
                Opponent(Contest(name="bare aiohttp and an fsync of each file"), durable),
            ]
            if has_curl:
                contest = Contest(name="curl --parallel", target=large_target)
                opponents.append(Opponent(contest, partial(bench.bare, "curl")))
            params = {"size_kb": size / _KB, "concurrency": float(workers)}
            await turns.point(params, bench.pipeline, opponents)
    return has_curl


class _Point:
    """One place of the sweep."""

    def __init__(self, rig: Rig, base_url: str, size: int, items: int, workers: int) -> None:
        self._rig = rig
        self._base_url = base_url
        self._size = size
        self._items = items
        self._workers = workers

    async def pipeline(self) -> Sample:
        """Download and upload, tasks from their topic, rows into claimx_attachments."""
        folder, topic = self._rig.folder(), self._rig.topic(f"downloads-{self._size}")
        host = self._base_url.partition("://")[2]
        settings = self._rig.settings(
            self._rig.topic("events_raw"),
            folder,
            kafka__topics__downloads_pending=topic,
            download__workers=self._workers,
            upload__workers=self._workers,
            download__allowed_hosts=[host.partition(":")[0]],
            download__allow_insecure_hosts=[host],
        )
        job = jobs.Pipeline(
            stages=["download", "upload"],
            settings=settings,
            topic=topic,
            records=self._items,
            pids=self._rig.pids,
        )
        sample = await self._kept_clean(job, folder)
        return msgspec.structs.replace(sample, rate=sample.items / sample.numbers["files_span_s"])

    async def bare(self, client: Literal["aiohttp", "durable", "curl"]) -> Sample:
        """The same files by another client."""
        folder = self._rig.folder()
        job = jobs.Fetch(
            client=client,
            base_url=self._base_url,
            size=self._size,
            count=self._items,
            concurrency=self._workers,
            folder=str(folder),
        )
        return await self._kept_clean(job, folder)

    async def _kept_clean(self, job: jobs.Job, folder: Path) -> Sample:
        try:
            return await self._rig.measured(job)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _items(most: int, size: int) -> int:
    return min(most, max(_FEWEST, _POINT_BYTES // size))
