"""``claimx bench retry``: how fast work is parked, how fast it is leased again, what waiting costs."""

from functools import partial

from claimx.app.bench import jobs
from claimx.app.bench.rig import Rig
from claimx.app.bench.turns import Opponent, Turns
from claimx.config.options import BenchOptions
from claimx.ops.bench.figures import Contest, Sample

_TARGET = 10.0
_TARGET_AT = 64
_OF_ONE = 1000
_MOST_ALONE = 1500
"""One-row transactions take an fsync each: some seconds."""


async def retry(options: BenchOptions, rig: Rig, turns: Turns) -> None:
    """Measure each number of producers, then a queue at rest. The disk is that of the scratch directory."""
    rig.scratch.mkdir(parents=True, exist_ok=True)

    async def park(producers: int, rows: int, *, is_alone: bool) -> Sample:
        path = str(rig.folder().with_suffix(".sqlite"))
        return await rig.measured(jobs.Park(path=path, producers=producers, rows=rows, is_alone=is_alone))

    for producers in options.concurrency:
        rows = min(options.items, producers * _OF_ONE)
        contest = Contest(name="one-row transactions", target=_TARGET if producers == _TARGET_AT else None)
        alone = partial(park, producers, min(rows, _MOST_ALONE), is_alone=True)
        await turns.point(
            {"producers": float(producers)},
            partial(park, producers, rows, is_alone=False),
            [Opponent(contest, alone)],
        )

    async def rest() -> Sample:
        return await rig.measured(
            jobs.Rest(path=str(rig.folder().with_suffix(".sqlite")), rows=options.items)
        )

    await turns.point({"path": "lease, and rest"}, rest)
