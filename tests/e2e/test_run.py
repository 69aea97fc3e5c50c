"""The daemon as a process, on real parts: broker, HTTP, Delta on disk."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from support.kafka import Broker
from support.rig import CLAIMX, PARTITIONS, Rig, rig_on, wait_until

SEED = 7
OUTAGE_S = 60.0


@pytest.fixture
def rig(broker: Broker, tmp_path: Path) -> Iterator[Rig]:
    with rig_on(broker, tmp_path, SEED, 500) as made:
        yield made


@pytest.mark.timeout(180)
def test_the_sandbox_ends_with_every_row_and_file_of_the_manifest(tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    done = subprocess.run(
        [
            CLAIMX,
            "run",
            "--stages",
            "all",
            "--sandbox",
            "--events",
            "500",
            "--exit-when-idle",
            "--summary-json",
            summary,
        ],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "every row and every file is there" in done.stderr
    told = json.loads(summary.read_bytes())
    ends = ("committed", "forwarded", "parked", "dead_lettered", "skipped", "revoked", "in_flight")
    assert told["received"] == sum(told[name] for name in ends) > 500
    assert told["ledger_violation"] is None
    assert told["lag"] == told["in_flight"] == 0
    assert told["tables"]["claimx_events"] == 500
    assert told["tables"]["claimx_event_log"] == told["received"]
    assert "claimx_attachments" in done.stdout


@pytest.mark.timeout(180)
def test_a_config_file_and_parts_started_by_hand_come_to_the_same(rig: Rig) -> None:
    rig.start_feed()
    daemon = rig.run(rig.config())
    rig.feed_ended()
    wait_until(lambda: sum(rig.committed().values()) == rig.manifest.records, "all committed", 90)
    daemon.send(signal.SIGTERM)
    assert daemon.wait(40) == 0, daemon.log()[-2000:]
    assert rig.problems() == []
    manifest = rig.manifest
    assert daemon.summary["received"] == manifest.records
    assert daemon.summary["dead_lettered"] == manifest.dead_lettered
    buried = rig.letters(rig.topics.events_dlq)
    assert len(buried) == manifest.malformed
    assert all(dict(m.headers())["claimx-error-code"].startswith(b"event.") for m in buried)
    assert len(rig.letters(rig.topics.enrichment_dlq)) == manifest.hopeless


@pytest.mark.timeout(240)
def test_sigterm_under_load_settles_everything_and_nothing_comes_again(rig: Rig) -> None:
    rig.feed_all()
    first = rig.run(rig.config())
    wait_until(
        lambda: (rig.tables / "claimx_events" / "_delta_log" / "00000000000000000001.json").exists(),
        "a flush",
    )
    first.send(signal.SIGTERM)
    assert first.wait(40) == 0, first.log()[-2000:]
    assert first.summary["in_flight"] == 0
    assert sum(rig.committed().values()) == first.summary["received"]
    second = rig.run(rig.config(), "--exit-when-idle")
    assert second.wait() == 0, second.log()[-2000:]
    assert first.summary["received"] + second.summary["received"] == rig.manifest.records
    assert rig.problems() == []
    log = rig.table("claimx_event_log").filter(pl.col("child").is_null())
    assert log.select("partition", "offset").is_duplicated().sum() == 0


@pytest.mark.timeout(240)
def test_a_drain_that_passes_its_deadline_exits_75_and_only_open_offsets_come_again(rig: Rig) -> None:
    rig.feed_all()
    first = rig.run(rig.config(limits__drain_s="0.3", enrich__workers="1"))
    wait_until(lambda: sum(rig.committed().values()) > 0, "a commit")
    first.send(signal.SIGTERM)
    code = first.wait(40)
    frontiers = rig.committed()
    assert rig.unlogged(frontiers) == []
    assert code == (75 if first.summary["in_flight"] else 0)
    second = rig.run(rig.config(), "--exit-when-idle")
    assert second.wait() == 0, second.log()[-2000:]
    assert second.summary["received"] == rig.manifest.records - sum(frontiers.values())
    assert rig.problems() == []


@pytest.mark.timeout(120)
def test_a_second_signal_ends_at_once(rig: Rig) -> None:
    rig.feed_all()
    daemon = rig.run(rig.config(limits__drain_s="60.0", enrich__workers="1", api__max_concurrent="1"))
    wait_until(lambda: '"process.started"' in daemon.log(), "the start")
    wait_until(
        lambda: (rig.tables / "claimx_events" / "_delta_log" / "00000000000000000001.json").exists(),
        "a flush",
    )
    daemon.send(signal.SIGTERM)
    wait_until(lambda: '"process.draining"' in daemon.log(), "the drain")
    daemon.send(signal.SIGTERM)
    assert daemon.wait(5) in {143, 0}


@contextmanager
def unwritable(tables: Path) -> Iterator[None]:
    """Take the tables away, and put a file in their place: nothing can be written or read."""
    away = tables.with_name("away")
    tables.rename(away)
    tables.touch()
    try:
        yield
    finally:
        tables.unlink()
        away.rename(tables)


@pytest.mark.timeout(400)
def test_a_lake_that_is_gone_for_a_minute_stops_intake_and_all_recovers(
    broker: Broker, tmp_path: Path
) -> None:
    with rig_on(broker, tmp_path, SEED + 1, 1500) as rig:
        daemon = rig.run(rig.config(limits__memory_bytes=str(96 * 2**20), lake__flush_rows="300"))
        rig.start_feed()
        wait_until(lambda: sum(rig.committed().values()) > 0, "a first commit")
        with unwritable(rig.tables):
            wait_until(lambda: '"flush.failed"' in daemon.log(), "a failed flush")
            signal.sigtimedwait([], 10.0)
            stalled, early = rig.committed(), daemon.rss_mb()
            signal.sigtimedwait([], OUTAGE_S - 10.0)
            assert rig.committed() == stalled, "offsets moved while nothing could be written"
            assert daemon.rss_mb() - early < 60, "memory grows while the lake is gone"
        assert rig.unlogged(stalled) == []
        rig.feed_ended()
        wait_until(lambda: sum(rig.committed().values()) == rig.manifest.records, "all committed", 120)
        daemon.send(signal.SIGTERM)
        assert daemon.wait(40) == 0, daemon.log()[-2000:]
        assert daemon.assigned(rig.topics.events_raw) == PARTITIONS, "the group membership was lost"
        assert rig.problems() == []
