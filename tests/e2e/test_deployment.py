"""What deploy/ asks of a running daemon, asked of one."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support.kafka import Broker
from support.manifests import needs_kubectl, pods
from support.probes import FakeSystemd, port_of, wait_for
from support.rig import rig_on, wait_until

DEPLOY = Path(__file__).parents[2] / "deploy"


@needs_kubectl
@pytest.mark.timeout(120)
def test_probes_and_health_check_are_answered_and_a_stop_ends_in_time(broker: Broker, tmp_path: Path) -> None:
    (pod,) = pods("all")
    (container,) = pod.containers
    grace_s = pod.body["terminationGracePeriodSeconds"]
    with rig_on(broker, tmp_path, 91, 20) as rig:
        daemon = rig.run(rig.config())
        for name in ("startup", "liveness", "readiness"):
            wait_for(daemon, container[f"{name}Probe"]["httpGet"]["path"], 200)
        checked = subprocess.run(
            [sys.executable, DEPLOY / "container" / "healthcheck.py"],
            env={"CLAIMX_HEALTH__PORT": str(port_of(daemon))},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert checked.returncode == 0, checked.stderr
        assert '"ok"' in checked.stdout
        daemon.process.terminate()
        assert daemon.process.wait(timeout=grace_s) == 0


@pytest.mark.timeout(120)
def test_the_environment_of_the_unit_is_one_that_a_daemon_takes(broker: Broker, tmp_path: Path) -> None:
    """All of it, less the places that are only on a host: the watchdog is fed, and a stop is clean."""
    text = (DEPLOY / "systemd" / "claimx.service").read_text()
    pairs = [
        shlex.split(line)[0].partition("=")
        for line in re.findall(r"^Environment=(.+)$", text, flags=re.MULTILINE)
    ]
    (watchdog_s,) = re.findall(r"^WatchdogSec=(\d+)$", text, flags=re.MULTILINE)
    variables = {name: value for name, _, value in pairs if "%" not in value}
    variables["CLAIMX_PROCESS__INSTANCE"] = "host-1"
    with rig_on(broker, tmp_path, 92, 20) as rig, FakeSystemd(float(watchdog_s)) as systemd:
        daemon = rig.run(rig.config(), environ=variables | systemd.environ)
        wait_until(lambda: systemd.values("READY") == ["1"], "readiness")
        wait_until(lambda: systemd.values("WATCHDOG"), "a sign of life")
        daemon.process.terminate()
        assert daemon.process.wait(timeout=60) == 0
