"""A report for people and for programs."""

from collections.abc import Iterator

import msgspec

from claimx.ops.bench.compare import told
from claimx.ops.bench.figures import Point, Report, Rival, Spread


def as_json(report: Report) -> str:
    """One JSON object."""
    return msgspec.json.encode(report).decode()


def as_text(report: Report) -> str:
    """Some lines for each point."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    machine = report.machine
    yield f"{report.command}"
    yield f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb:g} GB, {machine.system}, Python {machine.python}"
    yield f"load {machine.load_before:g} before, {machine.load_after:g} after; broker: {report.broker}"
    for point in report.points:
        yield ""
        yield from point_lines(point, report.unit)
    if not report.is_complete:
        yield ""
        yield "the time was over before every point had all its rounds"


def point_lines(point: Point, unit: str) -> Iterator[str]:
    """One point: median, and from the least to the most of the rounds."""
    yield f"{told(point.params)}: {point.items:,} {unit}, rounds: {point.rounds}"
    yield f"  {unit}/s      {_told(point.items_per_s)}"
    yield f"  CPU us each   {_told(point.cpu_us_per_item)}"
    yield f"  RSS MB        {_told(point.rss_mb)}"
    yield f"  wall s        {_told(point.wall_s)}"
    yield f"  bottleneck    {point.bottleneck}"
    for title, numbers in (("shares", point.shares), ("counted", point.numbers)):
        listed = ", ".join(f"{name} {value:,g}" for name, value in numbers.items() if value)
        if listed:
            yield f"  {title:<12}  {listed}"
    for rival in point.rivals:
        yield f"  {_ratio(rival)}"


def _ratio(rival: Rival) -> str:
    what = "CPU of" if rival.of == "cpu" else "to"
    verdict = ""
    if rival.target is not None:
        verdict = f"; target {rival.target:g}: {'met' if rival.is_met else 'MISSED'}"
    return (
        f"ratio {what} {rival.name}: {_told(rival.ratio)}{verdict}"
        f" (it: {rival.items_per_s.median:,.5g}/s, {rival.cpu_us_per_item.median:,.4g} us each)"
    )


def _told(spread: Spread) -> str:
    return f"{spread.median:,.5g} ({spread.min:,.5g} to {spread.max:,.5g})"
