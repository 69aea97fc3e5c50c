"""Rounds: the pipeline and its rivals in turns, A B A B, within a time that the user set."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from claimx.ops.bench.bottleneck import bottleneck
from claimx.ops.bench.compare import told
from claimx.ops.bench.figures import Contest, Param, Point, Sample, fold, medians

Turn = Callable[[], Awaitable[Sample]]


class Opponent(NamedTuple):
    """A rival, and how it is measured."""

    contest: Contest
    turn: Turn


class Turns:
    """Measures point after point and keeps what it came to.

    Args:
        unit: what an item is.
        limit_s: after so long no further round begins.
    """

    def __init__(self, unit: str, rounds: int, limit_s: float) -> None:
        self.unit = unit
        self.points: list[Point] = []
        self.is_complete = True
        self._rounds = rounds
        self._until = asyncio.get_running_loop().time() + limit_s

    async def point(self, params: Mapping[str, Param], own: Turn, opponents: Sequence[Opponent] = ()) -> None:
        """Measure a point; what the time does not suffice for is left out."""
        samples: list[Sample] = []
        others: list[tuple[Contest, list[Sample]]] = [(each.contest, []) for each in opponents]
        for number in range(self._rounds):
            if asyncio.get_running_loop().time() >= self._until:
                self.is_complete = False
                break
            where = f"{told(params)}, round {number + 1} of {self._rounds}"
            samples.append(await self._measured(own, f"{where}: claimx"))
            for (contest, kept), opponent in zip(others, opponents, strict=True):
                kept.append(await self._measured(opponent.turn, f"{where}: {contest.name}"))
        if samples:
            name = bottleneck(medians([each.shares for each in samples]))
            self.points.append(fold(params, samples, others, name))

    async def _measured(self, turn: Turn, what: str) -> Sample:
        sample = await turn()
        sys.stderr.write(f"bench {what}: {sample.items_per_s:,.5g} a second\n")
        return sample
