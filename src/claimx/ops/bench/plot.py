"""Throughput as lines in an SVG file (docs/decisions/0030). Pure.

One chart for each thing that was swept, beside each other: it on the x axis, a line for every setting of the others.
The points are medians, the strokes through them reach from the least to the most of the rounds.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from claimx.ops.bench.compare import told
from claimx.ops.bench.figures import Param, Point, Report, Spread

_WIDTH, _HEIGHT = 560, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 150, 50, 50
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Told apart by those who see no red or no green, too."""
_STEPS = (1, 2, 2.5, 5, 10)
_TICKS = 5
_RADIUS = 3
_LABELS: Mapping[str, str] = {
    "concurrency": "concurrency",
    "latency_ms": "latency of the API, ms",
    "size_kb": "size of a file, KB",
    "producers": "producers",
}


class Chart(NamedTuple):
    """What one chart shows.

    Args:
        x: the parameter on the x axis.
        title: what all of it has in common.
        lines: by name, places and values in the order of places.
    """

    x: str
    title: str
    lines: dict[str, list[tuple[float, Spread]]]


def charts(points: Sequence[Point]) -> list[Chart]:
    """Find what was swept. Files of different sizes have charts of their own: their rates are worlds apart."""
    swept = [
        name
        for name in dict.fromkeys(name for point in points for name in point.params)
        if name != "size_kb" and len({_at(point, name) for point in points} - {None}) > 1
    ]
    found: dict[tuple[str, str], Chart] = {}
    for name in swept:
        for point in points:
            place = _at(point, name)
            if place is None:
                continue
            title = told({key: value for key, value in point.params.items() if key == "size_kb"})
            chart = found.setdefault((name, title), Chart(name, "" if title == "all" else title, {}))
            others = {key: value for key, value in point.params.items() if key not in {name, "size_kb"}}
            chart.lines.setdefault(told(others), []).append((place, point.items_per_s))
    for chart in found.values():
        for line in chart.lines.values():
            line.sort(key=lambda each: each[0])
    return list(found.values())


def svg(report: Report) -> str:
    """Draw the report; with nothing swept there is one empty frame that says so."""
    drawn = charts(report.points)
    width = _WIDTH * max(1, len(drawn))
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {_HEIGHT}",
            "font-family": "sans-serif",
        },
    )
    SubElement(root, "title").text = f"claimx bench {report.bench}"
    SubElement(root, "desc").text = report.command
    SubElement(root, "rect", {"width": str(width), "height": str(_HEIGHT), "fill": "white"})
    if not drawn:
        _text(root, (_WIDTH / 2, _HEIGHT / 2), "nothing was swept", "middle")
    for number, chart in enumerate(drawn):
        frame = SubElement(root, "g", {"transform": f"translate({number * _WIDTH} 0)"})
        _draw(frame, chart, f"{report.unit}/s")
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _at(point: Point, name: str) -> float | None:
    value: Param | None = point.params.get(name)
    return value if isinstance(value, float) else None


def _draw(frame: Element, chart: Chart, unit: str) -> None:
    """Draw a chart. Places are set apart evenly, whatever their distance: sweeps double."""
    places = sorted({place for line in chart.lines.values() for place, _ in line})
    top = max(spread.max for line in chart.lines.values() for _, spread in line)
    ticks = list(_ticks(top))
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    step = (right - _LEFT) / len(places)
    across = {place: _LEFT + (number + 0.5) * step for number, place in enumerate(places)}
    title = f"{unit} by {_LABELS.get(chart.x, chart.x)}"
    _text(frame, (_LEFT, _TOP / 2), f"{title}, {chart.title}" if chart.title else title, "start", "14")
    for tick in ticks:
        y = _y(tick, ticks[-1])
        _line(frame, (_LEFT, y), (right, y), "#dddddd")
        _text(frame, (_LEFT - 6, y + 4), f"{tick:,.10g}", "end")
    for place, x in across.items():
        _text(frame, (x, bottom + 18), f"{place:g}", "middle")
    _line(frame, (_LEFT, bottom), (right, bottom), "black")
    _line(frame, (_LEFT, _TOP), (_LEFT, bottom), "black")
    _text(frame, ((_LEFT + right) / 2, _HEIGHT - 10), _LABELS.get(chart.x, chart.x), "middle")
    for number, (name, line) in enumerate(chart.lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        _curve(frame, [(across[place], each) for place, each in line], ticks[-1], colour)
        y = _TOP + 18.0 * number
        _line(frame, (right + 8, y), (right + 24, y), colour, "2")
        _text(frame, (right + 28, y + 4), name, "start")


def _curve(frame: Element, line: Sequence[tuple[float, Spread]], top: float, colour: str) -> None:
    path = " ".join(f"{x:.1f},{_y(spread.median, top):.1f}" for x, spread in line)
    SubElement(frame, "polyline", {"points": path, "fill": "none", "stroke": colour, "stroke-width": "2"})
    for x, spread in line:
        _line(frame, (x, _y(spread.min, top)), (x, _y(spread.max, top)), colour)
        dot = {"cx": f"{x:.1f}", "cy": f"{_y(spread.median, top):.1f}", "r": str(_RADIUS), "fill": colour}
        SubElement(SubElement(frame, "circle", dot), "title").text = f"{spread.median:,.5g}"


def _ticks(top: float) -> Iterator[float]:
    """Round numbers from 0 to just above the highest value."""
    raw = max(top, 1e-9) / _TICKS
    power = 1.0
    while power > raw:
        power /= 10
    while power * 10 <= raw:
        power *= 10
    step = next(power * each for each in _STEPS if power * each >= raw)
    for number in count():
        yield number * step
        if number * step >= top:
            return


def _y(value: float, top: float) -> float:
    bottom = _HEIGHT - _BOTTOM
    return bottom - (bottom - _TOP) * value / top


def _line(
    frame: Element, begin: tuple[float, float], end: tuple[float, float], colour: str, width: str = "1"
) -> None:
    places = {"x1": begin[0], "y1": begin[1], "x2": end[0], "y2": end[1]}
    attributes = {name: f"{value:.1f}" for name, value in places.items()}
    SubElement(frame, "line", {**attributes, "stroke": colour, "stroke-width": width})


def _text(frame: Element, at: tuple[float, float], text: str, anchor: str, size: str = "12") -> None:
    attributes = {"x": f"{at[0]:.1f}", "y": f"{at[1]:.1f}", "text-anchor": anchor, "font-size": size}
    SubElement(frame, "text", attributes).text = text
