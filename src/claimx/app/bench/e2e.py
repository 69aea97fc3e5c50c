"""``claimx bench e2e``: all stages over the sandbox's feed; what comes out is compared with the manifest."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from claimx.app.bench import jobs
from claimx.app.bench.rig import Rig
from claimx.app.bench.turns import Turns
from claimx.config.options import BenchOptions
from claimx.domain.stage_names import STAGES
from claimx.errors import EngineError
from claimx.ops.bench.figures import Sample
from claimx.sandbox.manifest import Manifest, manifest_of, problems


async def e2e(options: BenchOptions, rig: Rig, turns: Turns) -> None:
    """Measure each latency with each concurrency of the API.

    Raises:
        EngineError: the lake is not what it must be.
    """
    await rig.start_broker(["world"])
    records = await rig.fill("world", rig.topic("world"), options.items, seed=options.seed)
    manifest = await asyncio.to_thread(manifest_of, options.seed, options.items)
    for latency in options.latency_ms:
        facts = await rig.start_simulator(f"api-{latency:g}", options.seed, latency)
        for calls in options.concurrency:
            bench = _Point(rig, manifest, facts, records, (latency, calls))
            await turns.point({"concurrency": float(calls), "latency_ms": latency}, bench.pipeline)


class _Point:
    """One place of the sweep."""

    def __init__(
        self,
        rig: Rig,
        manifest: Manifest,
        simulator: Mapping[str, str],
        records: int,
        place: tuple[float, int],
    ) -> None:
        self._rig = rig
        self._manifest = manifest
        self._simulator = simulator
        self._records = records
        self._latency_ms, self._concurrency = place

    async def pipeline(self) -> Sample:
        """Run the pipeline and check what came out, unless something waits for a retry."""
        folder = self._rig.folder()
        try:
            sample = await self._rig.measured(self._job(folder))
            if not sample.numbers["parked"]:
                await asyncio.to_thread(self._check, folder)
            return sample
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _job(self, folder: Path) -> jobs.Pipeline:
        rig, topic = self._rig, self._rig.topic("world")
        hosts = [self._simulator[name].partition("://")[2] for name in ("control_url", "object_base")]
        settings = rig.settings(
            topic,
            folder,
            api__base_url=self._simulator["base_url"],
            api__max_concurrent=self._concurrency,
            download__allowed_hosts=["127.0.0.1"],
            download__allow_insecure_hosts=hosts,
        )
        return jobs.Pipeline(
            stages=list(STAGES),
            settings=settings,
            topic=topic,
            records=self._records,
            pids=rig.pids_of(f"api-{self._latency_ms:g}"),
        )

    def _check(self, folder: Path) -> None:
        found = problems(self._manifest, str(folder / "tables"), str(folder / "files"))
        if found:
            raise EngineError(f"the lake is not what it must be: {found[0]}")
