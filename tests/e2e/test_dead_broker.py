"""No broker answers: what the daemon says of it is one JSON object a line, and little of it."""

import json
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from claimx.sandbox.broker import MockCluster
from support.commands import claimx
from support.kafka import Broker, Mock
from support.rig import Daemon, rig_on, wait_until

SECONDS = 4.0


def lines_of(daemon: Daemon) -> list[dict[str, Any]]:
    """Every line of stderr, the last one included."""
    return [json.loads(line) for line in daemon.log().splitlines()]


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address at which nobody listens."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.timeout(120)
def test_a_daemon_without_a_broker_says_so_in_lines_of_json(
    broker: Broker, tmp_path: Path, nowhere: str
) -> None:
    with rig_on(broker, tmp_path, 1, 1) as rig:
        config = rig.config()
        config.write_text(config.read_text().replace(broker.bootstrap_servers, nowhere))
        daemon = rig.run(config)
        wait_until(lambda: '"kafka.failed"' in daemon.log(), "a line about it")
        signal.sigtimedwait([], SECONDS)
        daemon.send(signal.SIGTERM)
        assert daemon.wait(40) == 0
        lines = lines_of(daemon)
        assert lines
        assert {"kafka.failed", "kafka.logged"} <= {line["event"] for line in lines}


@pytest.mark.timeout(240)
def test_a_broker_that_dies_under_every_client_makes_few_lines_and_all_are_json(tmp_path: Path) -> None:
    cluster = MockCluster([], 0)
    with rig_on(Mock(cluster, cluster.bootstrap_servers), tmp_path, 2, 100) as rig:
        daemon = rig.run(rig.config(limits__drain_s="3.0"))
        rig.feed_all()
        wait_until(lambda: sum(rig.committed().values()) == rig.manifest.records, "all committed", 90)
        cluster.__exit__(None, None, None)
        wait_until(lambda: '"kafka.failed"' in daemon.log(), "a line about it")
        signal.sigtimedwait([], SECONDS)
        daemon.send(signal.SIGTERM)
        assert daemon.wait(60) in {0, 75}
        lines = lines_of(daemon)
        clients = {line["client"].removeprefix("claimx-0.") for line in lines if "client" in line}
        assert {"ingest", "enrich", "producer"} <= clients
        repeats = Counter(
            (line["event"], line["level"], line.get("code")) for line in lines if "client" in line
        )
        assert max(repeats.values()) <= 5 + (SECONDS + 60) / 10, repeats
        assert daemon.summary["log_lines_suppressed"] > 20
        assert "process.stopped" in {line["event"] for line in lines}


def test_a_command_without_a_broker_logs_lines_of_json_before_its_error(
    broker: Broker, tmp_path: Path, nowhere: str
) -> None:
    with rig_on(broker, tmp_path, 1, 1) as rig:
        config = rig.config()
        config.write_text(config.read_text().replace(broker.bootstrap_servers, nowhere))
        done = claimx("dlq", "list", "-c", config, code=5)
        *logged, error, hint = done.stderr.splitlines()
        assert error.startswith("error: ")
        assert hint.startswith("  hint: ")
        assert all(json.loads(line)["event"].startswith("kafka.") for line in logged)
