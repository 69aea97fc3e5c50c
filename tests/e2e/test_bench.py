"""``claimx bench``: each command as a process, with tiny counts. What it measures is there; how fast is not asked."""

import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from confluent_kafka.admin import AdminClient

from support.kafka import Broker
from support.rig import CLAIMX, wait_until

pytestmark = pytest.mark.timeout(240)


def bench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CLAIMX, "bench", *arguments, "--rounds", "1"],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )


def measured(*arguments: str, cwd: Path) -> dict[str, Any]:
    done = bench(*arguments, "-o", "json", cwd=cwd)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["schema"] == "claimx.bench/1"
    assert report["is_complete"]
    assert report["machine"]["cores"] > 0
    for point in report["points"]:
        assert point["items_per_s"]["median"] > 0
        assert point["cpu_us_per_item"]["median"] > 0
        assert point["rss_mb"]["median"] > 0
        assert point["bottleneck"]
    return report


def names(point: dict[str, Any]) -> list[str]:
    return [rival["name"] for rival in point["rivals"]]


def test_ingest_measures_consuming_alone_and_the_whole_path(tmp_path: Path) -> None:
    report = measured("ingest", "--events", "1500", cwd=tmp_path)
    assert [point["params"] for point in report["points"]] == [
        {"path": "consume and decode"},
        {"path": "to claimx_events"},
    ]
    consume, whole = report["points"]
    assert consume["items"] == whole["items"] == 1500
    assert whole["numbers"]["rows"] == 1500  # lines of records whose row is all their work share a cycle
    assert [rival["target"] for rival in consume["rivals"]] == [0.75, None]


def test_enrich_sweeps_and_the_bare_client_makes_the_same_calls(tmp_path: Path) -> None:
    kept, plot = tmp_path / "kept.json", tmp_path / "plot.svg"
    options = ("enrich", "--events", "120", "--concurrency", "2,8", "--latency-ms", "0,5")
    report = measured(*options, "--save", str(kept), "--plot", str(plot), cwd=tmp_path)
    places = [(point["params"]["latency_ms"], point["params"]["concurrency"]) for point in report["points"]]
    assert places == [(0, 2), (0, 8), (5, 2), (5, 8)]
    for point in report["points"]:
        assert names(point) == ["bare aiohttp", "claimx's client without the stage"]
        assert point["numbers"]["calls"] > 0
        assert point["numbers"]["dead_lettered"] == point["numbers"]["parked"] == 0
    assert json.loads(kept.read_text()) == report
    dots = ET.parse(plot).findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(dots) == 2 * len(places)


def test_enrich_measures_bursts_beside_one_event_at_a_time(tmp_path: Path) -> None:
    (point,) = measured("enrich", "--against-alone", "--events", "100", "--latency-ms", "0", cwd=tmp_path)[
        "points"
    ]
    assert names(point) == ["one event at a time"]
    assert point["numbers"]["calls_saved"] > 0


def test_files_are_downloaded_and_stored_beside_other_clients(tmp_path: Path) -> None:
    report = measured("files", "--files", "20", "--sizes", "100KB,9MB", "--concurrency", "4", cwd=tmp_path)
    small, large = report["points"]
    assert (small["params"], large["params"]) == (
        {"size_kb": 100, "concurrency": 4},
        {"size_kb": 9000, "concurrency": 4},
    )
    assert small["numbers"]["file_mb"] == 2
    assert large["numbers"]["file_mb"] == 180
    assert names(small)[:2] == ["bare aiohttp", "bare aiohttp and an fsync of each file"]


def test_retry_parks_by_many_producers_and_leases(tmp_path: Path) -> None:
    report = measured("retry", "--rows", "640", "--producers", "1,64", "--dir", str(tmp_path), cwd=tmp_path)
    one, many, rest = report["points"]
    assert (one["rivals"][0]["target"], many["rivals"][0]["target"]) == (None, 10)
    assert rest["items"] == 600
    assert rest["numbers"]["file_mb"] > 0
    assert list(tmp_path.iterdir()) == []


def test_e2e_checks_what_came_out(tmp_path: Path) -> None:
    (point,) = measured("e2e", "--events", "120", "--latency-ms", "0", cwd=tmp_path)["points"]
    assert point["items"] > 120
    assert point["numbers"]["files"] > 0


def test_a_run_that_is_slower_than_the_kept_one_exits_3(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    options = ("retry", "--rows", "64", "--producers", "8")
    assert bench(*options, "--save", str(kept), cwd=tmp_path).returncode == 0
    report = json.loads(kept.read_text())
    for point in report["points"]:
        point["items_per_s"]["median"] *= 1e6
    kept.write_text(json.dumps(report))
    done = bench(*options, "--compare", str(kept), cwd=tmp_path)
    assert done.returncode == 3
    assert "SLOWER" in done.stderr
    assert bench(*options, "--compare", str(kept), "--tolerance", "1", cwd=tmp_path).returncode == 0


def test_a_time_that_is_over_leaves_points_out_and_says_so(tmp_path: Path) -> None:
    done = bench("retry", "--rows", "20000", "--producers", "1,2", "--limit-s", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("the time was over before every point had all its rounds")


def test_a_signal_ends_a_run_and_leaves_nothing(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [CLAIMX, "bench", "retry", "--rows", "100000", "--producers", "1", "--dir", str(scratch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        wait_until(lambda: list(scratch.glob("*/*.sqlite")), "it measures")
        running.terminate()
        assert running.wait(60) == 130
        assert running.stdout is not None
        assert running.stdout.read() == b""
    assert list(scratch.iterdir()) == []


@pytest.mark.kafka
def test_a_broker_of_ones_own_is_left_as_it_was(broker: Broker, tmp_path: Path) -> None:
    report = measured("ingest", "--events", "500", "--broker", broker.bootstrap_servers, cwd=tmp_path)
    assert report["broker"] == broker.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    wait_until(
        lambda: not [name for name in admin.list_topics().topics if name.startswith("claimx-bench")],
        "the topics are gone",
    )
    groups = admin.list_consumer_groups().result(10).valid
    assert not [group.group_id for group in groups if group.group_id.startswith("claimx-bench")]
