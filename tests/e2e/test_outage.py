"""The ClaimX API is gone for two minutes: probes go on, no item pays for it, and all comes back by itself."""

import json
import signal
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from support.kafka import Broker
from support.rig import PARTITIONS, Daemon, Rig, rig_on, wait_until

OUTAGE_S = 120.0
CONCURRENT = 4
RESET_S = 1.0
SLOW = {"kind": "latency", "at": ["project", "media", "task", "report"], "seconds": 0.1}
GONE = {"kind": "status", "at": ["project", "media", "task", "report"], "status": 503}


def api_requests(rig: Rig) -> int:
    return sum(rig.stats()["requests"].get(name, 0) for name in ("project", "media", "task", "report"))


def is_at_full_rate(rig: Rig) -> bool:
    """As many calls under way as may be: with an answer after 0.1 s each, that is the rate."""
    return rig.stats()["under_way"].get("api") == CONCURRENT


def calls_per_s(rig: Rig, calls: int = 80) -> float:
    first, began = api_requests(rig), time.monotonic()
    wait_until(lambda: api_requests(rig) - first >= calls, f"{calls} calls")
    return round((api_requests(rig) - first) / (time.monotonic() - began), 1)


def told(daemon: Daemon, event: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in daemon.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


@pytest.mark.timeout(400)
def test_an_api_that_is_gone_for_two_minutes_costs_no_item_an_attempt(broker: Broker, tmp_path: Path) -> None:
    with rig_on(broker, tmp_path, 11, 3000) as rig:
        rig.faults(SLOW)
        config = rig.config(
            api__max_concurrent=str(CONCURRENT),
            api__circuit=f"{{ failures = 5, reset_s = {RESET_S} }}",
            enrich__workers="64",
            enrich__batch_items="8",
            retry__delays_s="[2.0, 2.0, 2.0, 2.0]",
        )
        daemon = rig.run(config)
        rig.start_feed()
        wait_until(lambda: is_at_full_rate(rig), "the full rate")
        before_it = calls_per_s(rig)
        rig.faults(GONE)
        wait_until(lambda: bool(told(daemon, "circuit.opened")), "an open circuit")
        before = api_requests(rig)
        signal.sigtimedwait([], OUTAGE_S)
        probes = api_requests(rig) - before
        assert OUTAGE_S / 4 < probes <= OUTAGE_S / RESET_S + 4, "one probe for each reset time"
        assert daemon.process.poll() is None
        parked_while_closed = len(told(daemon, "item.parked")) - sum(
            line["delay_s"] == RESET_S for line in told(daemon, "item.parked")
        )
        rig.faults(SLOW)
        wait_until(lambda: bool(told(daemon, "circuit.closed")), "a closed circuit", RESET_S + 5)
        wait_until(lambda: is_at_full_rate(rig), "the full rate", RESET_S + 5)
        sys.stdout.write(f"calls/s: {before_it} before, {calls_per_s(rig)} after\n")
        rig.feed_ended()
        wait_until(lambda: sum(rig.committed().values()) == rig.manifest.records, "all committed", 120)
        daemon.send(signal.SIGTERM)
        assert daemon.wait(40) == 0, daemon.log()[-2000:]
        assert len(told(daemon, "circuit.reopened")) <= 5 + (OUTAGE_S + 120) / 10, "probes fill the log"
        moves = daemon.summary["circuit_transitions"]["api"]
        assert moves["half_open"] >= OUTAGE_S / 4
        assert moves["open"] + moves["closed"] >= moves["half_open"]
        (opened, closed) = told(daemon, "circuit.opened")[0], told(daemon, "circuit.closed")[0]
        assert closed["open_s"] > OUTAGE_S > opened["count"] >= 5
        assert any(line["circuits"] for line in told(daemon, "process.progressed"))
        rest = rig.run(config, "--exit-when-idle")
        assert rest.wait(60) == 0, rest.log()[-2000:]
        assert rig.problems() == []
        log = rig.table("claimx_event_log")
        assert log.filter(pl.col("attempts") > 1).height <= parked_while_closed, "an attempt was burnt"
        assert len(rig.letters(rig.topics.enrichment_dlq)) == rig.manifest.hopeless
        assert daemon.assigned(rig.topics.events_raw) == PARTITIONS, "the group membership was lost"


@pytest.mark.timeout(240)
def test_a_token_that_is_refused_pauses_the_stage_and_buries_nothing(broker: Broker, tmp_path: Path) -> None:
    with rig_on(broker, tmp_path, 12, 300) as rig:
        token = tmp_path / "token"
        token.write_text("ZmFrZTp3cm9uZw==")
        right = rig.config()
        config = rig.config(
            api__token=f'{{ file = "{token}" }}',
            api__circuit=f"{{ failures = 5, reset_s = {RESET_S} }}",
            retry__delays_s="[1.0, 1.0, 1.0, 1.0]",
        )
        rig.feed_all()
        daemon = rig.run(config)
        wait_until(lambda: bool(told(daemon, "circuit.opened")), "an open circuit")
        assert told(daemon, "circuit.opened")[0]["reason"] == "credential"
        refused = rig.stats()["statuses"]["401"]
        signal.sigtimedwait([], 10.0)
        assert rig.stats()["statuses"]["401"] - refused <= 2 * 12, "two tries a probe, one probe a second"
        token.write_text(right.read_text().partition('token = "')[2].partition('"')[0])
        wait_until(lambda: bool(told(daemon, "circuit.closed")), "a closed circuit", RESET_S + 10)
        wait_until(lambda: sum(rig.committed().values()) == rig.manifest.records, "all committed", 90)
        daemon.send(signal.SIGTERM)
        assert daemon.wait(40) == 0, daemon.log()[-2000:]
        rest = rig.run(right, "--exit-when-idle")
        assert rest.wait(60) == 0, rest.log()[-2000:]
        assert rig.problems() == []
        assert len(rig.letters(rig.topics.enrichment_dlq)) == rig.manifest.hopeless
