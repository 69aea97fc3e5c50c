"""Roles in processes of their own, joined by topics: alone, together, and with an edge forced."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from support.kafka import Broker
from support.rig import Daemon, Rig, rig_on, wait_until

ROLES = ("ingest,enrich", "download", "upload", "results")


@pytest.fixture
def rig(broker: Broker, tmp_path: Path) -> Iterator[Rig]:
    with rig_on(broker, tmp_path, 21, 400) as made:
        yield made


def role(rig: Rig, stages: str, **changes: str) -> Daemon:
    instance = stages.replace(",", "-")
    config = rig.config(
        process__instance=f'"{instance}"', download__spool_url=f'"file://{rig.root}/shared-spool"', **changes
    )
    return rig.run(config, "--stages", stages)


def told(daemon: Daemon, event: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in daemon.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def is_done(rig: Rig) -> bool:
    return sum(rig.committed().values()) == rig.manifest.records and not any(rig.open_work().values())


@pytest.mark.timeout(240)
def test_four_processes_come_to_the_same_as_one(rig: Rig) -> None:
    daemons = [role(rig, stages) for stages in ROLES]
    rig.start_feed()
    rig.feed_ended()
    wait_until(lambda: is_done(rig), "all topics done", 150)
    for daemon in daemons:
        daemon.send(signal.SIGTERM)
    for daemon in daemons:
        assert daemon.wait(40) == 0, daemon.log()[-2000:]
    assert rig.problems() == []
    first, download, upload, results = (daemon.summary for daemon in daemons)
    assert first["received"] == rig.manifest.records
    assert first["forwarded"] > 0
    assert download["received"] == download["forwarded"] >= len(rig.manifest.files)
    assert upload["committed"] == upload["received"]
    assert results["committed"] == results["received"] >= len(rig.manifest.files)
    (totals,) = told(daemons[3], "results.counted")
    assert totals["completed"] == upload["files"]
    assert totals["failed_permanent"] == 0
    assert list((rig.root / "shared-spool").iterdir()) == []
    log = rig.table("claimx_event_log")
    assert set(log["topic"].unique()) == {
        rig.topics.events_raw,
        rig.topics.downloads_pending,
        rig.topics.downloads_cached,
    }
    files = rig.table("claimx_attachments")
    assert log.filter(pl.col("topic") == rig.topics.downloads_cached).height >= files.height


@pytest.mark.timeout(180)
def test_an_edge_that_is_forced_to_its_topic_lets_another_process_help(rig: Rig) -> None:
    edges = {"edges__enrich": '"topic"', "edges__download": '"topic"', "edges__upload": '"topic"'}
    daemon = role(rig, "all", **edges)
    rig.start_feed()
    rig.feed_ended()
    wait_until(lambda: is_done(rig), "all topics done", 120)
    daemon.send(signal.SIGTERM)
    assert daemon.wait(40) == 0, daemon.log()[-2000:]
    assert rig.problems() == []
    assert daemon.summary["forwarded"] > 0
    assert daemon.summary["ledger_violation"] is None


@pytest.mark.timeout(60)
def test_a_download_apart_from_its_upload_needs_a_spool_that_both_see(rig: Rig) -> None:
    daemon = rig.run(rig.config(), "--stages", "download")
    assert daemon.wait(40) == 78
    assert "download.spool_url" in daemon.log()
    assert "Traceback" not in daemon.log()


@pytest.mark.timeout(240)
def test_a_spool_file_that_is_lost_is_downloaded_again(rig: Rig) -> None:
    first = role(rig, "ingest,enrich,download")
    rig.start_feed()
    rig.feed_ended()
    wait_until(
        lambda: sum(rig.committed().values()) == rig.manifest.records and not rig.open_work()["download"],
        "all downloaded",
        90,
    )
    spool = rig.root / "shared-spool"
    lost = sorted(spool.iterdir())[::2]
    for path in lost:
        path.unlink()
    upload = role(rig, "upload")
    results = role(rig, "results")
    wait_until(lambda: is_done(rig), "all topics done", 120)
    for daemon in (first, upload, results):
        daemon.send(signal.SIGTERM)
        assert daemon.wait(40) == 0, daemon.log()[-2000:]
    assert rig.problems() == []
    assert {line["code"] for line in told(upload, "item.parked")} == {"spool.lost"}
    assert upload.summary["delay_queue"]["parked"] == len(lost)
