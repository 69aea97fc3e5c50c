"""Prometheus and promtool of ``make prometheus``."""

import contextlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from claimx.telemetry.catalogue import CATALOGUE
from support.rig import wait_until

BIN = Path(__file__).parents[1] / "prometheus" / "target" / "usr" / "bin"
RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "claimx.rules.yml"
needs_prometheus = pytest.mark.skipif(
    not (BIN / "promtool").exists() or not os.access(BIN / "promtool", os.X_OK),
    reason="no Prometheus here: make prometheus",
)
_NAME = re.compile(r"\bclaimx_[a-z_]+")


def promtool(*arguments: object, stdin: bytes = b"") -> str:
    """Run promtool; what it says is an error unless it exits with 0."""
    done = subprocess.run(
        [BIN / "promtool", *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def named_in(expression: str) -> set[str]:
    """The metrics of ours that an expression names."""
    return set(_NAME.findall(expression))


def series_names() -> set[str]:
    """Every name that a series of the catalogue may have."""
    ends = {"histogram": ("_bucket", "_sum", "_count")}
    return {family.full_name + end for family in CATALOGUE for end in ends.get(family.kind, ("",))}


class Prometheus:
    """A server on loopback that scrapes one process each second and evaluates our rules."""

    def __init__(self, base: str) -> None:
        self._base = base

    def query(self, expression: str) -> Sequence[Any]:
        """The result of an instant query."""
        return self._get("query", query=expression)["result"]

    def names(self) -> set[str]:
        """The names of all series that were scraped."""
        return set(self._get("label/__name__/values"))

    def rules(self) -> Sequence[Any]:
        """Every rule, with its state and health."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def is_up(self) -> bool:
        """Whether the process was scraped."""
        with contextlib.suppress(OSError):
            return any(each["value"][1] == "1" for each in self.query('up{job="claimx"}'))
        return False

    def _get(self, path: str, **arguments: str) -> Any:
        with urlopen(f"{self._base}/api/v1/{path}?{urlencode(arguments)}", timeout=10) as answer:
            return json.load(answer)["data"]


@contextlib.contextmanager
def prometheus_on(target: str, scratch: Path) -> Iterator[Prometheus]:
    """Start a server that scrapes ``host:port``; it ends with the block."""
    port = _free_port()
    config = scratch / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{RULES}]\n"
        f"scrape_configs: [{{job_name: claimx, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    command = [
        BIN / "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={scratch / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (scratch / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        server = Prometheus(f"http://127.0.0.1:{port}")
        wait_until(server.is_up, "a scrape", 60)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
