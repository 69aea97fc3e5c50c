"""``claimx bench enrich``: events that ask the API, and the very same calls by a bare client."""

from collections.abc import Mapping
from functools import partial
from typing import Literal

import msgspec

from claimx.app.bench import jobs
from claimx.app.bench.rig import Rig
from claimx.app.bench.turns import Opponent, Turns
from claimx.config.options import BenchOptions
from claimx.ops.bench.figures import Contest, Sample
from claimx.sandbox.launch import TOKEN

_TARGET = 0.8
_ALONE_TARGET = 5.0
_FEWEST = 100
_POINT_S = 6.0
_OVERHEAD_S = 0.001
_ALONE: Mapping[str, jobs.Setting] = {
    "enrich__workers": 1,
    "enrich__batch_items": 1,
    "enrich__batch_wait_ms": 0,
}
_STAGES = ["ingest", "enrich"]


async def enrich(options: BenchOptions, rig: Rig, turns: Turns) -> None:
    """Measure each latency with each concurrency. Downloads end on their topic.

    A ratio compares what happened between the first call and the last one: calls a second with the bare client, events
    a second with one event at a time.
    """
    sweep = [(latency, calls) for latency in options.latency_ms for calls in options.concurrency]
    counts = {place: _items(options, *place) for place in sweep}
    loads = {f"enrich-{items}" for items in counts.values()}
    await rig.start_broker(sorted(loads))
    records = {
        items: await rig.fill(
            "bursts" if options.is_alone_rival else "enrich",
            rig.topic(f"enrich-{items}"),
            items,
            seed=options.seed,
        )
        for items in dict.fromkeys(counts.values())
    }
    bases = {
        latency: (await rig.start_simulator(f"api-{latency:g}", options.seed, latency))["base_url"]
        for latency in options.latency_ms
    }
    for latency, calls in sweep:
        items = counts[latency, calls]
        bench = _Point(rig, rig.topic(f"enrich-{items}"), records[items], bases[latency], latency, calls)
        if options.is_alone_rival:
            contest = Contest(name="one event at a time", target=_ALONE_TARGET)
            opponents = [Opponent(contest, partial(bench.pipeline, _ALONE))]
        else:
            opponents = [
                Opponent(Contest(name="bare aiohttp", target=_TARGET), partial(bench.again, "bare")),
                Opponent(Contest(name="claimx's client without the stage"), partial(bench.again, "claimx")),
            ]
        params = {"concurrency": float(calls), "latency_ms": latency}
        await turns.point(params, bench.pipeline if options.is_alone_rival else bench.client, opponents)


class _Point:
    """One place of the sweep."""

    def __init__(
        self, rig: Rig, topic: str, records: int, base_url: str, latency_ms: float, concurrency: int
    ) -> None:
        self._rig = rig
        self._topic = topic
        self._records = records
        self._base_url = base_url
        self._concurrency = concurrency
        self._calls = str(rig.folder().with_suffix(".json"))
        self._pids = rig.pids_of(f"api-{latency_ms:g}")

    async def pipeline(self, further: Mapping[str, jobs.Setting] | None = None) -> Sample:
        """The pipeline; its rate is of events."""
        sample = await self._run(further or {})
        return msgspec.structs.replace(sample, rate=sample.items / sample.numbers["calls_span_s"])

    async def client(self) -> Sample:
        """The pipeline; its rate is of calls."""
        sample = await self._run({})
        return msgspec.structs.replace(sample, rate=sample.numbers["calls"] / sample.numbers["calls_span_s"])

    async def again(self, client: Literal["bare", "claimx"]) -> Sample:
        """The calls that the pipeline has just made, by another client."""
        job = jobs.Calls(
            client=client,
            base_url=self._base_url,
            token=TOKEN,
            calls=self._calls,
            concurrency=self._concurrency,
        )
        return await self._rig.measured(job)

    async def _run(self, further: Mapping[str, jobs.Setting]) -> Sample:
        settings = self._rig.settings(
            self._topic,
            self._rig.folder(),
            api__base_url=self._base_url,
            api__max_concurrent=self._concurrency,
            **further,
        )
        return await self._rig.measured(
            jobs.Pipeline(
                stages=_STAGES,
                settings=settings,
                topic=self._topic,
                records=self._records,
                calls=self._calls,
                pids=self._pids,
            )
        )


def _items(options: BenchOptions, latency_ms: float, concurrency: int) -> int:
    """As many events as asked for, or as take some seconds; with one event at a time the slow one decides."""
    at_once = 1 if options.is_alone_rival else concurrency
    within = int(_POINT_S * at_once / (latency_ms / 1000 + _OVERHEAD_S))
    return min(options.items, max(_FEWEST, within // 100 * 100))
