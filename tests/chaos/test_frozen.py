"""A broker that freezes, a claimx that freezes, members that come and go: nothing is lost, and nothing hangs."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from claimx.adapters.kafka_errors import Client
from claimx.adapters.offsets_admin import KafkaOffsetsAdmin
from claimx.config.load import load
from claimx.errors import KafkaGoneError
from claimx.ports.dlq import Shelf
from claimx.ports.inspection import Committed
from claimx.telemetry.log import configure
from support.deaths import config_of, finished, pause, proven
from support.kafka import Apache
from support.probes import ask
from support.rig import CLAIMX, PARTITIONS, SIGTERM, Daemon, Rig, Watch, rig_on, wait_until
from support.settled import commit_as

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
SEED = 20261125
SLOW = {"kind": "latency", "at": ["project", "media", "task", "report"], "seconds": 0.1}
"""So that there is work in flight whatever happens."""
both = pytest.mark.parametrize("protocol", ["classic", "consumer"])


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process for as long as the block lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def rig(broker: Apache, tmp_path: Path) -> Iterator[Rig]:
    with rig_on(broker, tmp_path, SEED, 800) as made:
        made.faults(SLOW)
        yield made


def is_all_committed(rig: Rig) -> bool:
    return sum(rig.committed().values()) == rig.manifest.records


def has_begun(rig: Rig) -> None:
    wait_until(lambda: sum(rig.committed().values()) > 0, "a first commit")


def lost(daemon: Daemon) -> int:
    """How often partitions were lost to others."""
    return daemon.log().count('"is_lost": true')


def in_turn(rig: Rig, protocol: str) -> tuple[Path, Path]:
    """Configurations of two processes that share the work."""
    one, two = (
        config_of(
            rig,
            keeps_its_place=False,
            kafka__group_protocol=f'"{protocol}"',
            process__instance=f'"{name}"',
        )
        for name in ("one", "two")
    )
    return one, two


@pytest.mark.parametrize(("session_ms", "seconds"), [("45000", 30.0), ("6000", 12.0)])
def test_a_broker_that_freezes_costs_time_and_nothing_else(
    broker: Apache, rig: Rig, session_ms: str, seconds: float
) -> None:
    config = config_of(rig, keeps_its_place=False, **{'kafka.client__"session.timeout.ms"': session_ms})
    daemon = rig.run(config)
    rig.start_feed()
    has_begun(rig)
    with frozen(broker.process.pid):
        pause(seconds)
    with Watch(rig) as watch:
        rig.feed_ended()
        wait_until(lambda: is_all_committed(rig), "all committed", 120)
    assert watch.found == []
    daemon.send(SIGTERM)
    assert daemon.wait(60) == 0, daemon.log()[-3000:]
    finished(rig, config)
    proven(rig, config)


@pytest.mark.parametrize("seconds_before", [0.0, 10.0])
def test_sigterm_ends_the_process_while_the_broker_is_frozen(
    broker: Apache, rig: Rig, seconds_before: float
) -> None:
    config = config_of(rig, keeps_its_place=False, limits__drain_s="10.0")
    daemon = rig.run(config)
    rig.feed_all()
    has_begun(rig)
    with frozen(broker.process.pid):
        pause(seconds_before)
        daemon.send(SIGTERM)
        assert daemon.wait(60) in {0, 75}, daemon.log()[-3000:]
        assert "process.stopped" in daemon.log()
        assert daemon.summary["exit_code"] == daemon.process.returncode
    assert rig.unlogged(rig.committed()) == []
    finished(rig, config)
    proven(rig, config)


@both
def test_a_process_that_was_frozen_while_another_took_over_commits_nothing(rig: Rig, protocol: str) -> None:
    first, second = in_turn(rig, protocol)
    rig.faults({**SLOW, "seconds": 0.5})
    zombie = rig.run(first)
    rig.start_feed()
    has_begun(rig)
    with frozen(zombie.process.pid):
        before = sum(rig.committed().values())
        assert before < rig.manifest.records, "there must be work left for the heir"
        heir = rig.run(second)
        wait_until(lambda: heir.assigned(rig.topics.events_raw) == PARTITIONS, "all partitions", 60)
        wait_until(lambda: sum(rig.committed().values()) > before, "work goes on", 60)
    with Watch(rig) as watch:
        wait_until(lambda: lost(zombie) > 0, "it notices", 60)
        rig.feed_ended()
        wait_until(lambda: is_all_committed(rig), "all committed", 120)
    assert watch.found == []
    for daemon in (zombie, heir):
        daemon.send(SIGTERM)
    assert {zombie.wait(60), heir.wait(60)} == {0}, zombie.log()[-2000:] + heir.log()[-2000:]
    for config in (first, second):
        finished(rig, config)
    proven(rig, first)


@both
def test_a_member_that_joins_and_leaves_with_work_in_flight_loses_and_doubles_nothing(
    rig: Rig, protocol: str
) -> None:
    first, second = in_turn(rig, protocol)
    stays = rig.run(first)
    rig.start_feed()
    has_begun(rig)
    with Watch(rig) as watch:
        for _ in range(2):
            guest = rig.run(second)
            wait_until(lambda guest=guest: guest.assigned(rig.topics.events_raw) > 0, "a share", 60)
            guest.send(SIGTERM)
            assert guest.wait(60) == 0, guest.log()[-3000:]
        rig.feed_ended()
        wait_until(lambda: is_all_committed(rig), "all committed", 120)
    assert watch.found == []
    stays.send(SIGTERM)
    assert stays.wait(60) == 0, stays.log()[-3000:]
    for config in (first, second):
        finished(rig, config)
    proven(rig, first)


def told(daemon: Daemon, event: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in daemon.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def test_brokers_that_are_gone_for_longer_than_the_budget_end_the_process(broker: Apache, rig: Rig) -> None:
    config, other = (
        config_of(
            rig,
            keeps_its_place=False,
            process__instance=f'"{name}"',
            kafka__outage_s="8.0",
            limits__drain_s="10.0",
        )
        for name in ("one", "two")
    )
    daemon = rig.run(config)
    rig.start_feed()
    has_begun(rig)
    with frozen(broker.process.pid):
        late = rig.run(other)
        wait_until(lambda: "kafka.missed" in ask(daemon, "/health/ready").codes, "its probe says so", 60)
        assert daemon.wait(90) == 5, daemon.log()[-3000:]
        assert late.wait(60) == 5, late.log()[-3000:]
    assert "error: kafka.unreachable: " in daemon.log()
    assert "  hint: " in daemon.log()
    assert told(daemon, "kafka.missed")[0]["ends_after_s"] == 8.0
    rig.feed_ended()
    finished(rig, config)
    proven(rig, config)


def test_commands_end_while_the_broker_is_frozen(broker: Apache, rig: Rig) -> None:
    config = rig.config()
    group, topic = f"{rig.group}.ingest", rig.topics.events_raw
    commit_as(rig, group, topic, {0: 0})
    client = Client(load(config, {}).settings.kafka, "test", configure("error", "json"))
    admin = KafkaOffsetsAdmin(client)
    admin.committed(group, [Shelf(topic, 0)])
    with frozen(broker.process.pid), ThreadPoolExecutor(1) as pool:
        moved = pool.submit(admin.move, group, {Shelf(topic, 0): Committed(0, "")})
        started = {each: command(config, each) for each in COMMANDS}
        for each, process in started.items():
            _, said = process.communicate(timeout=120)
            assert process.returncode == 5, (each, said[-2000:])
            assert "error: kafka.unreachable: " in said, each
        assert isinstance(moved.exception(120), KafkaGoneError)


COMMANDS = (
    "topics check",
    "dlq list",
    "dlq replay --all --yes",
    "offsets show",
    "offsets set --stage results --to latest --yes",
    "verify",
    "reenrich 5395115",
)


def command(config: Path, words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [CLAIMX, *words.split(), "-c", str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
