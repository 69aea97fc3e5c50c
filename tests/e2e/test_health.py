"""Probes of a running daemon: red when nothing moves, and only then; what is of use now is another question."""

import contextlib
import ctypes
import signal
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from confluent_kafka import Producer

from support.kafka import Apache, Broker, Mock
from support.probes import FakeSystemd, ask, told, wait_for
from support.rig import CLAIMX, rig_on, wait_until
from support.stuck import command

GONE = {"kind": "status", "at": ["project", "media", "task", "report"], "status": 503}
SLOW = {"kind": "latency", "at": ["project", "media", "task", "report"], "seconds": 5.0}


@contextlib.contextmanager
def down(broker: Broker) -> Iterator[None]:
    """The broker is not to be reached; one of Apache stands still."""
    if isinstance(broker, Apache):
        broker.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            broker.process.send_signal(signal.SIGCONT)
        return
    assert isinstance(broker, Mock)
    cluster = broker.cluster
    arguments = ctypes.c_void_p(cluster._cluster), ctypes.c_int32(1)
    cluster._library.rd_kafka_mock_broker_set_down(*arguments)
    try:
        yield
    finally:
        cluster._library.rd_kafka_mock_broker_set_up(*arguments)


@pytest.mark.timeout(120)
def test_a_blocked_loop_is_told_of_while_it_is_blocked_and_starves_the_watchdog(
    broker: Broker, tmp_path: Path
) -> None:
    with rig_on(broker, tmp_path, 71, 20) as rig, FakeSystemd(watchdog_s=2.0) as systemd:
        daemon = rig.run(rig.config(), command=command("block_the_loop"), environ=systemd.environ)
        wait_for(daemon, "/startupz", 200)
        assert ask(daemon, "/livez") == (200, [])
        wait_until(lambda: systemd.values("WATCHDOG"), "a sign of life")
        wait_until(lambda: systemd.values("READY") == ["1"], "readiness")
        rig.start_feed()
        red = wait_for(daemon, "/health/live", 503)
        assert red.codes == {"loop.silent"}
        assert red.reasons[0]["about"] == "enrich"
        assert "busy in enrich" in red.reasons[0]["detail"]
        before = len(systemd.values("WATCHDOG"))
        assert ask(daemon, "/readyz").status == 200
        assert ask(daemon, "/health/ready").status == 503
        wait_for(daemon, "/livez", 200)
        rig.feed_ended()
        wait_until(lambda: len(systemd.values("WATCHDOG")) > before, "life")
        times = systemd.times("WATCHDOG")
        assert max(b - a for a, b in pairwise(times)) > 15, "the watchdog was fed"
        assert len(told(daemon, "health.failed")) == len(told(daemon, "health.recovered")) == 1
        assert daemon.log().count("Current thread 0x") == 1, "stacks are dumped once"
        daemon.send(signal.SIGTERM)
        assert daemon.wait(40) == 0
        assert systemd.values("STOPPING") == ["1"]
        assert any(line.startswith("lag ") for line in systemd.values("STATUS"))


@pytest.mark.timeout(60)
def test_systemd_is_asked_for_patience_while_a_start_waits_for_a_broker(
    broker: Broker, tmp_path: Path
) -> None:
    with rig_on(broker, tmp_path, 80, 1) as rig, FakeSystemd(watchdog_s=2.0) as systemd, down(broker):
        daemon = rig.run(rig.config(), environ=systemd.environ)
        waits = "starting, waits for the broker and its topics"
        wait_until(lambda: waits in systemd.values("STATUS"), "a word about it", 40)
        assert all(int(more) > 0 for more in systemd.values("EXTEND_TIMEOUT_USEC"))
        assert len(systemd.values("EXTEND_TIMEOUT_USEC")) >= 2
        assert systemd.values("READY") == []
        assert ask(daemon, "/livez").status == 200
        assert ask(daemon, "/startupz").status == 503


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("bug", "code", "about", "task"),
    [
        ("freeze_uploads", "stage.stuck", "upload", "upload-"),
        ("keep_the_api_bytes", "engine.deadlocked", "", "enrich"),
    ],
)
def test_a_stage_that_stands_still_is_named(
    broker: Broker, tmp_path: Path, bug: str, code: str, about: str, task: str
) -> None:
    with rig_on(broker, tmp_path, 72, 300) as rig:
        config = rig.config(limits__memory_bytes="67108864", limits__drain_s="1.0")
        rig.feed_all()
        daemon = rig.run(config, command=command(bug))
        red = wait_for(daemon, "/livez", 503)
        assert red.codes == {code}
        (reason,) = red.reasons
        assert reason.get("about", "") == about
        assert len(told(daemon, "health.failed")) == 1
        wait_until(lambda: f" tasks ({task}" in daemon.log(), "where the tasks wait")


@pytest.mark.timeout(120)
def test_a_record_that_no_stage_has_any_more_is_named_with_its_partition(
    broker: Broker, tmp_path: Path
) -> None:
    with rig_on(broker, tmp_path, 73, 100) as rig:
        rig.feed_all()
        daemon = rig.run(rig.config(limits__drain_s="1.0"), command=command("lose_an_upload"))
        wait_until(lambda: "partition.orphaned" in ask(daemon, "/livez").codes, "the orphan")
        (reason,) = [each for each in ask(daemon, "/livez").reasons if each["code"] == "partition.orphaned"]
        topic, _, number = reason["about"].rpartition("/")
        assert topic == rig.topics.events_raw
        assert f"stands at offset {rig.committed()[int(number)]}:" in reason["detail"]


@pytest.mark.timeout(120)
def test_having_nothing_to_do_is_no_stall(broker: Broker, tmp_path: Path) -> None:
    with rig_on(broker, tmp_path, 74, 20) as rig:
        daemon = rig.run(rig.config(), command=command("nothing"))
        rig.feed_all()
        wait_until(lambda: sum(rig.committed().values()) == rig.manifest.records, "all committed")
        wait_for(daemon, "/health/ready", 200)
        signal.sigtimedwait([], 8.0)
        assert ask(daemon, "/livez") == (200, [])
        assert ask(daemon, "/health/ready") == (200, [])
        assert ask(daemon, "/health/ready", "HEAD") == (200, [])
        assert told(daemon, "health.failed") == []


@pytest.mark.timeout(180)
def test_a_broker_outage_is_no_stall_and_passes(broker: Broker, tmp_path: Path) -> None:
    with rig_on(broker, tmp_path, 75, 20) as rig:
        rig.feed_all()
        daemon = rig.run(rig.config(), command=command("nothing"))
        wait_for(daemon, "/health/ready", 200)
        with down(broker):
            assert wait_for(daemon, "/health/ready", 503, 120).codes <= {"kafka.disconnected", "kafka.missed"}
            signal.sigtimedwait([], 5.0)
            assert ask(daemon, "/livez") == (200, [])
            assert ask(daemon, "/readyz") == (200, [])
        wait_for(daemon, "/health/ready", 200)
        assert told(daemon, "health.failed") == []


@pytest.mark.timeout(120)
def test_an_open_circuit_is_no_stall_and_a_drain_ends_readiness(broker: Broker, tmp_path: Path) -> None:
    with rig_on(broker, tmp_path, 76, 100) as rig:
        rig.faults(GONE)
        config = rig.config(
            api__circuit="{ failures = 3, reset_s = 1.0 }",
            limits__drain_s="8.0",
        )
        rig.feed_all()
        daemon = rig.run(config, command=command("nothing"))
        wait_until(lambda: "circuit.open" in ask(daemon, "/health/ready").codes, "an open circuit")
        signal.sigtimedwait([], 6.0)
        assert ask(daemon, "/livez") == (200, [])
        assert ask(daemon, "/readyz") == (200, [])
        assert "api" in {each.get("about") for each in ask(daemon, "/health/ready").reasons}
        daemon.send(signal.SIGTERM)
        assert wait_for(daemon, "/readyz", 503).codes == {"process.draining"}
        assert ask(daemon, "/startupz").status == 200
        assert ask(daemon, "/livez").status == 200
        assert daemon.wait(40) == 75
        assert told(daemon, "health.failed") == []


@pytest.mark.timeout(120)
def test_a_flood_of_dead_letters_is_no_stall(broker: Broker, tmp_path: Path) -> None:
    with rig_on(broker, tmp_path, 77, 1) as rig:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
        for n in range(20):
            producer.produce(rig.topics.events_raw, b"no event %d" % n, partition=0)
        assert producer.flush(30) == 0
        config = rig.config(flood__max_consecutive="3", limits__drain_s="1.0")
        daemon = rig.run(config, command=command("nothing"))
        wait_until(lambda: "flood" in ask(daemon, "/health/ready").codes, "the flood")
        signal.sigtimedwait([], 6.0)
        assert ask(daemon, "/livez") == (200, [])
        assert ask(daemon, "/readyz") == (200, [])
        assert told(daemon, "health.failed") == []


def test_a_start_without_a_broker_is_live_and_says_what_it_waits_for(broker: Broker, tmp_path: Path) -> None:
    with rig_on(broker, tmp_path, 78, 1) as rig:
        daemon = rig.run(rig.config(kafka__bootstrap_servers='"127.0.0.1:1"'))
        wait_until(
            lambda: (
                [each["about"] for each in ask(daemon, "/startupz").reasons] == ["the broker and its topics"]
            ),
            "the reason",
        )
        assert ask(daemon, "/livez") == (200, [])
        assert ask(daemon, "/readyz").codes == ask(daemon, "/health/ready").codes == {"process.starting"}
        daemon.send(signal.SIGTERM)
        assert daemon.wait(40) == 0


def test_a_port_that_is_taken_ends_the_start_and_no_other_one_is_taken(
    broker: Broker, tmp_path: Path
) -> None:
    with rig_on(broker, tmp_path, 79, 1) as rig, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        daemon = rig.run(rig.config(health__port=str(port)), command=(CLAIMX,))
        assert daemon.wait(40) == 1
        assert f"error: health: cannot listen on 127.0.0.1:{port}: Address already in use" in daemon.log()
        assert "  hint: is another claimx running here? choose another health.port" in daemon.log()
