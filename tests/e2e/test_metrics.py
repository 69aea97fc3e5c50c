"""What /metrics of the daemon tells is what it did."""

import re
import signal
import subprocess
from pathlib import Path

import pytest

from claimx.telemetry.catalogue import CATALOGUE
from support.kafka import Broker
from support.probes import ask, wait_for
from support.prometheus import named_in, needs_prometheus, prometheus_on
from support.rig import CLAIMX, rig_on, wait_until
from support.scrapes import Sampling, Scrape, port_of, scrape
from support.stuck import command

MOST_SERIES = 2500
OUTCOMES = ("committed", "forwarded", "parked", "dead_lettered", "skipped", "revoked")


def series(found: Scrape) -> int:
    return sum(map(len, found.values.values()))


@pytest.mark.timeout(240)
def test_totals_are_those_of_the_summary_and_the_laws_hold_at_every_moment(
    broker: Broker, tmp_path: Path
) -> None:
    with rig_on(broker, tmp_path, 11, 1500, faults=True) as rig:
        rig.feed_all()
        daemon = rig.run(rig.config())
        port = port_of(daemon.log)
        with Sampling(port) as sampling:
            wait_until(
                lambda: sum(rig.committed().values()) == rig.manifest.records, "all committed", seconds=150
            )
        last = scrape(port)
        daemon.send(signal.SIGTERM)
        assert daemon.wait(40) == 0, daemon.log()[-2000:]
        told = daemon.summary
        topics = set(rig.topics.__struct_fields__)
        names = {getattr(rig.topics, topic) for topic in topics}

    assert [broken for sample in sampling.samples for broken in sample.broken_laws()] == []
    moving = [sample for sample in sampling.samples if sample.total("claimx_records_in_flight")]
    assert len(moving) > 3, "no sample was taken under load"
    assert last.broken_laws() == []
    assert last.total("claimx_records_received_total") == told["received"]
    settled = last.by("outcome", "claimx_records_settled_total")
    assert {outcome: settled[outcome] for outcome in OUTCOMES} == {
        outcome: told[outcome] for outcome in OUTCOMES
    }
    assert last.total("claimx_files_stored_total") == told["files"] > 0
    assert last.total("claimx_files_stored_bytes_total") == told["file_bytes"]
    assert last.total("claimx_api_requests_total") == told["api_calls"] > 0
    assert last.total("claimx_api_calls_saved_total") == told["api_calls_saved"]
    assert last.total("claimx_flushes_total") == told["flushes"]
    assert last.total("claimx_enrich_batch_events_sum") == told["batched_events"]
    assert last.total("claimx_enrich_preflights_total") == told["preflights"]
    assert last.total("claimx_event_latency_seconds_count") == told["committed"]
    assert last.total("claimx_dead_letters_total") >= told["dead_lettered"] > 0
    assert last.total("claimx_metric_errors_total") == last.total("claimx_ledger_violations_total") == 0

    assert len(set(map(series, sampling.samples[len(sampling.samples) // 2 :]))) <= 3, "series come and go"
    assert series(last) < MOST_SERIES
    assert set(last.by("topic", "claimx_records_received_total")) <= names
    labels = {pair for each in last.values.values() for pairs in each for pair in pairs}
    values = {value for name, value in labels if name not in {"le", "version"}} - names
    assert not [value for value in values if re.search(r"[0-9]{4}|[/:@]|\.com|\.[0-9]", value)]


@pytest.mark.timeout(240)
def test_metrics_are_answered_while_the_event_loop_is_blocked(broker: Broker, tmp_path: Path) -> None:
    with rig_on(broker, tmp_path, 71, 20) as rig:
        daemon = rig.run(rig.config(), command=command("block_the_loop"))
        port = port_of(daemon.log)
        assert scrape(port).total("claimx_state") == 1
        wait_for(daemon, "/startupz", 200)
        rig.start_feed()
        wait_for(daemon, "/health/live", 503)
        found = scrape(port)
        assert ask(daemon, "/health/live").status == 503, "the block was over: make it longer"
    assert found.broken_laws() == []
    assert found.total("claimx_records_in_flight") > 0
    assert found.total("claimx_stage_unmoved_seconds", stage="enrich") > 10


@needs_prometheus
@pytest.mark.timeout(240)
def test_a_prometheus_that_scrapes_the_sandbox_has_every_family_and_can_judge_every_rule(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as out:
        daemon = subprocess.Popen(
            [CLAIMX, "run", "--stages", "all", "--sandbox", "--events", "500", "--set", "log.format=json"],
            stdout=out,
            stderr=out,
            cwd=tmp_path,
        )
    try:
        port = port_of(log.read_text)
        wait_until(lambda: scrape(port).total("claimx_files_stored_total"), "a file", 90)
        with prometheus_on(f"127.0.0.1:{port}", tmp_path) as server:
            wanted = {name for each in CATALOGUE for name in _series_of(each.full_name, each.kind)}
            wait_until(lambda: wanted <= server.names(), "every family", 60)
            wait_until(
                lambda: all(rule["health"] == "ok" for rule in server.rules()), "every rule judged", 60
            )
            assert "firing" not in {rule["state"] for rule in server.rules()}
            for rule in server.rules():
                for name in named_in(rule["query"]):
                    assert server.query(name), f"{rule['name']}: {name} has no series"
            total = server.query("sum(claimx_records_received_total)")
            assert float(total[0]["value"][1]) > 0
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)


def _series_of(name: str, kind: str) -> list[str]:
    return [f"{name}_bucket", f"{name}_sum", f"{name}_count"] if kind == "histogram" else [name]
