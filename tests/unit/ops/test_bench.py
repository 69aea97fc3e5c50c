"""What a benchmark makes of its samples: spreads, ratios, names of bottlenecks, comparisons, plots."""

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from claimx.errors import ConfigError
from claimx.ops.bench.bottleneck import bottleneck
from claimx.ops.bench.compare import change_lines, compared, read
from claimx.ops.bench.figures import Contest, Machine, Point, Report, Sample, Spread, fold, medians
from claimx.ops.bench.plot import charts, svg
from claimx.ops.bench.text import as_json, as_text

MACHINE = Machine(
    cpu="a processor",
    cores=2,
    memory_gb=25.3,
    system="Linux 6",
    python="3.11.7",
    versions={"claimx": "0.1.0"},
    load_before=0.5,
    load_after=1.5,
)
SVG = "{http://www.w3.org/2000/svg}"


def sample(items_per_s: float, cpu_us: float = 10.0, **further) -> Sample:
    return Sample(items=1000, wall_s=1000 / items_per_s, cpu_s=cpu_us * 1000 / 1e6, **further)


def point(items_per_s: float, cpu_us: float = 10.0, **params) -> Point:
    return fold(params, [sample(items_per_s, cpu_us)], [], "nothing")


def report(*points: Point, bench: str = "enrich", **machine) -> Report:
    return Report(
        bench=bench,
        command=f"claimx bench {bench}",
        broker="embedded",
        unit="events",
        machine=msgspec.structs.replace(MACHINE, **machine),
        is_complete=True,
        points=list(points),
    )


def test_a_point_has_the_median_and_the_ends_of_its_rounds() -> None:
    folded = fold({}, [sample(100, 30), sample(300, 10), sample(200, 20)], [], "nothing")
    assert folded.items_per_s == Spread(200, 100, 300)
    assert folded.cpu_us_per_item == Spread(20, 10, 30)
    assert (folded.rounds, folded.items) == (3, 1000)


def test_a_ratio_is_taken_round_by_round() -> None:
    own, other = [sample(100), sample(50), sample(200)], [sample(100), sample(100), sample(100)]
    (rival,) = fold({}, own, [(Contest(name="bare", target=0.8), other)], "nothing").rivals
    assert rival.ratio == Spread(1, 0.5, 2)
    assert rival.is_met


@pytest.mark.parametrize(("target", "is_met"), [(0.5, True), (0.51, False), (None, None)])
def test_a_ratio_of_cpu_is_above_one_when_claimx_needs_less(
    target: float | None, is_met: bool | None
) -> None:
    contest = Contest(name="bare", of="cpu", target=target)
    (rival,) = fold({}, [sample(1, 20)], [(contest, [sample(999, 10)])], "nothing").rivals
    assert rival.ratio.median == 0.5
    assert rival.is_met is is_met


def test_a_sample_with_a_rate_is_compared_by_it() -> None:
    own = [sample(1, rate=50.0)]
    (rival,) = fold({}, own, [(Contest(name="bare"), [sample(100)])], "nothing").rivals
    assert rival.ratio.median == 0.5


def test_a_rival_that_was_never_measured_is_left_out() -> None:
    assert fold({}, [sample(1)], [(Contest(name="bare"), [])], "nothing").rivals == []


def test_medians_are_taken_of_the_rounds_that_have_a_number() -> None:
    assert medians([{"a": 1.0}, {"a": 3.0, "b": 7.0}]) == {"a": 2.0, "b": 7.0}


@pytest.mark.parametrize(
    ("shares", "name"),
    [
        ({}, "not measured"),
        ({"loop": 0.9, "api": 0.9}, "CPU: the event loop (90%)"),
        ({"loop": 0.5, "loop_waits": 0.4}, "CPU: the event loop (90%)"),
        ({"loop": 0.2, "loop_waits": 0.7}, "CPU: other processes have it"),
        ({"loop": 0.5, "cores": 1.4}, "CPU: all threads together, of which Python runs one at a time (140%)"),
        ({"api": 0.97, "api_cpu": 0.3}, "API latency: as many calls under way as are allowed (97%)"),
        ({"api": 0.97, "api_cpu": 0.95}, "CPU of the simulated API, not of claimx (95%)"),
        ({"upload": 0.95, "download": 0.99}, "upload: all workers busy (95%)"),
        ({"lake": 1.0}, "lake: a flush is always under way (100%)"),
        ({"lake": 0.4, "loop": 0.5}, "nothing is full; most: CPU (50%)"),
    ],
)
def test_the_bottleneck_is_what_was_full(shares: dict[str, float], name: str) -> None:
    assert bottleneck(shares) == name


def test_a_point_that_is_slower_by_more_than_the_tolerance_is_found() -> None:
    then = report(point(100, 10, concurrency=1.0), point(100, 10, concurrency=5.0))
    now = report(point(80, 12, concurrency=1.0), point(74, 10, concurrency=5.0), point(1, concurrency=9.0))
    changes = compared(now, then, 0.25)
    assert [(each.params, each.throughput, each.is_slower) for each in changes] == [
        ({"concurrency": 1.0}, 0.8, False),
        ({"concurrency": 5.0}, 0.74, True),
    ]
    assert [each.cpu for each in changes] == [1.2, 1.0]


def test_a_comparison_says_that_the_machine_is_another_one() -> None:
    now, then = report(point(1)), report(point(1), cores=64, load_before=9.0)
    lines = list(change_lines(compared(now, then, 0.25), now, then))
    assert lines[1:3] == ["  another machine: cores was 64, is 2", "  load 9.0 then, 0.5 now"]


@pytest.mark.parametrize(
    ("then", "text"),
    [
        (report(point(1), bench="files"), "the saved run is of bench files"),
        (report(point(1, concurrency=7.0)), "no point in common"),
    ],
)
def test_runs_that_have_nothing_in_common_are_not_compared(then: Report, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        compared(report(point(1)), then, 0.25)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "No such file"),
        ("{}", "no saved benchmark"),
        (as_json(msgspec.structs.replace(report(), schema="claimx.bench/0")), "schema claimx.bench/0"),
    ],
)
def test_a_file_that_is_no_saved_run_is_refused(content: str | None, text: str, tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=text):
        read(path)


def test_a_saved_run_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    kept = report(point(1, path="lease"), point(2, concurrency=5.0))
    path.write_text(as_json(kept))
    assert read(path) == kept


def test_the_text_tells_points_rivals_and_what_is_missing() -> None:
    rivals = [
        (Contest(name="bare aiohttp", target=0.8), [sample(1000)]),
        (Contest(name="a loop", of="cpu"), [sample(1, 5)]),
    ]
    told = as_text(
        msgspec.structs.replace(
            report(fold({"concurrency": 5.0}, [sample(500, 10)], rivals, "the disk")), is_complete=False
        )
    )
    assert "concurrency 5: 1,000 events, rounds: 1" in told
    assert "  bottleneck    the disk" in told
    assert "ratio to bare aiohttp: 0.5 (0.5 to 0.5); target 0.8: MISSED (it: 1,000/s, 10 us each)" in told
    assert "ratio CPU of a loop: 0.5 (0.5 to 0.5) (it: 1/s, 5 us each)" in told
    assert told.endswith("the time was over before every point had all its rounds")


SWEPT = [
    point(100.0 * calls / (1 + latency), concurrency=calls, latency_ms=latency)
    for calls in (1.0, 5.0, 20.0)
    for latency in (0.0, 20.0)
]


def test_what_was_swept_has_a_chart_each_with_a_line_for_each_of_the_others() -> None:
    by_calls, by_latency = charts(SWEPT)
    assert (by_calls.x, list(by_calls.lines)) == ("concurrency", ["latency_ms 0", "latency_ms 20"])
    assert (by_latency.x, len(by_latency.lines)) == ("latency_ms", 3)
    assert [place for place, _ in by_calls.lines["latency_ms 0"]] == [1, 5, 20]


def test_sizes_have_charts_of_their_own() -> None:
    points = [point(1, size_kb=size, concurrency=calls) for size in (100.0, 10_000.0) for calls in (1.0, 4.0)]
    assert [chart.title for chart in charts(points)] == ["size_kb 100", "size_kb 10000"]


def test_the_plot_is_well_formed_and_has_every_point_inside_its_frame() -> None:
    root = ET.fromstring(svg(report(*SWEPT)))
    assert root.tag == f"{SVG}svg"
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    dots = root.findall(f".//{SVG}circle")
    assert len(dots) == 2 * len(SWEPT)
    assert all(
        0 < float(dot.attrib["cx"]) < width / 2 and 0 < float(dot.attrib["cy"]) < height for dot in dots
    )
    assert {dot.findtext(f"{SVG}title") for dot in dots} >= {"100", "2,000"}
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert {"events/s by concurrency", "latency of the API, ms", "latency_ms 20", "concurrency 5"} <= set(
        texts
    )


def test_a_plot_of_nothing_swept_says_so() -> None:
    root = ET.fromstring(svg(report(point(5))))
    assert "nothing was swept" in [each.text for each in root.iter(f"{SVG}text")]


def test_a_higher_value_stands_higher() -> None:
    root = ET.fromstring(svg(report(point(10, concurrency=1.0), point(900, concurrency=2.0))))
    low, high = root.findall(f".//{SVG}circle")
    assert float(low.attrib["cy"]) > float(high.attrib["cy"])
    assert float(low.attrib["cx"]) < float(high.attrib["cx"])
