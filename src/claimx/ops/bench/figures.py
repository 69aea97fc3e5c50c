"""The figures of a benchmark, as they are saved."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal

import msgspec

SCHEMA = "claimx.bench/1"

Param = str | float
Of = Literal["throughput", "cpu"]
"""What a ratio compares: items per second, or CPU per item. Above 1 is better than the rival in both."""


class Sample(msgspec.Struct, kw_only=True):
    """One measurement.

    Args:
        cpu_s: user and system time of the measured process, every thread, and of nothing else.
        rss_mb: its highest resident memory.
        rate: what a ratio compares instead of items per second, where only a part of the time counts.
        shares: 0 to 1, by name: how full or busy something was on average.
        numbers: whatever else was counted.
    """

    items: int
    wall_s: float
    cpu_s: float
    rss_mb: float = 0.0
    rate: float | None = None
    shares: dict[str, float] = {}
    numbers: dict[str, float] = {}

    @property
    def items_per_s(self) -> float:
        """Throughput."""
        return self.items / max(self.wall_s, 1e-9)

    @property
    def cpu_us(self) -> float:
        """CPU per item, in microseconds."""
        return self.cpu_s / max(self.items, 1) * 1e6


class Spread(msgspec.Struct, frozen=True):
    """The middle and the ends of what the rounds gave."""

    median: float
    min: float
    max: float


class Rival(msgspec.Struct, kw_only=True):
    """What the same run measured beside the pipeline, in turns with it.

    Args:
        ratio: the pipeline's to the rival's, round by round.
        target: the least that is wanted of the median; None where nothing is promised.
    """

    name: str
    of: Of
    ratio: Spread
    target: float | None
    items_per_s: Spread
    cpu_us_per_item: Spread

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.target is None else self.ratio.median >= self.target


class Point(msgspec.Struct, kw_only=True):
    """One place of a sweep.

    Args:
        params: where it is: concurrency, latency, size.
        bottleneck: what held it up, by the shares.
        shares: medians of the rounds, as are ``numbers``.
    """

    params: dict[str, Param]
    rounds: int
    items: int
    items_per_s: Spread
    cpu_us_per_item: Spread
    rss_mb: Spread
    wall_s: Spread
    bottleneck: str
    shares: dict[str, float]
    numbers: dict[str, float]
    rivals: list[Rival]


class Machine(msgspec.Struct, kw_only=True):
    """Where it was measured.

    Args:
        load_before: runnable processes, averaged over a minute, when the run began; ``load_after`` when it ended.
    """

    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str
    versions: dict[str, str]
    load_before: float
    load_after: float


class Report(msgspec.Struct, kw_only=True):
    """A whole run.

    Args:
        unit: what an item is.
        is_complete: False: the time was over before every point had all its rounds.
    """

    schema: str = SCHEMA
    bench: str
    command: str
    broker: str
    unit: str
    machine: Machine
    is_complete: bool
    points: list[Point]


class Contest(msgspec.Struct, kw_only=True, frozen=True):
    """A rival, and what is wanted of the ratio to it."""

    name: str
    of: Of = "throughput"
    target: float | None = None


def spread(values: Sequence[float]) -> Spread:
    """Fold what the rounds gave; three significant digits are more than a run can tell apart."""
    return Spread(*(_rounded(each) for each in (median(values), min(values), max(values))))


def fold(
    params: Mapping[str, Param],
    samples: Sequence[Sample],
    rivals: Sequence[tuple[Contest, Sequence[Sample]]],
    bottleneck: str,
) -> Point:
    """Make the point of its rounds."""
    return Point(
        params=dict(params),
        rounds=len(samples),
        items=samples[-1].items,
        items_per_s=spread([each.items_per_s for each in samples]),
        cpu_us_per_item=spread([each.cpu_us for each in samples]),
        rss_mb=spread([each.rss_mb for each in samples]),
        wall_s=spread([each.wall_s for each in samples]),
        bottleneck=bottleneck,
        shares=medians([each.shares for each in samples]),
        numbers=medians([each.numbers for each in samples]),
        rivals=[_rival(contest, samples, others) for contest, others in rivals if others],
    )


def medians(many: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each name; where a round does not have it, of the others."""
    names = dict.fromkeys(name for each in many for name in each)
    return {name: _rounded(median([each[name] for each in many if name in each])) for name in names}


def _rival(contest: Contest, samples: Sequence[Sample], others: Sequence[Sample]) -> Rival:
    return Rival(
        name=contest.name,
        of=contest.of,
        ratio=spread([_ratio(contest.of, *pair) for pair in zip(samples, others, strict=False)]),
        target=contest.target,
        items_per_s=spread([each.items_per_s for each in others]),
        cpu_us_per_item=spread([each.cpu_us for each in others]),
    )


def _ratio(of: Of, own: Sample, other: Sample) -> float:
    if of == "cpu":
        return other.cpu_us / max(own.cpu_us, 1e-9)
    return _rate(own) / max(_rate(other), 1e-9)


def _rate(sample: Sample) -> float:
    return sample.items_per_s if sample.rate is None else sample.rate


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
