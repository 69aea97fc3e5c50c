"""What the Containerfile promises that can be read from it, and its health check."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from claimx import __version__
from claimx.domain.stage_names import STAGES, health_port
from support.containerfile import steps

ROOT = Path(__file__).parents[3]
STEPS = steps((ROOT / "Containerfile").read_text())
PORTS = {health_port(STAGES), *(health_port((name,)) for name in STAGES)}
CHECK = ROOT / "deploy" / "container" / "healthcheck.py"


def test_its_health_check_looks_on_the_port_of_each_role_and_can_be_run_in_it() -> None:
    assert f"range({min(PORTS)}, {max(PORTS) + 1})" in CHECK.read_text()
    command = json.loads(last("HEALTHCHECK").partition(" CMD ")[2])
    assert command == ["python", "/app/healthcheck.py"]
    assert ("COPY", "deploy/container/healthcheck.py /app/healthcheck.py") in STEPS


def last(name: str) -> str:
    """The step that counts: the last one of its name."""
    return [rest for step, rest in STEPS if step == name][-1]


def test_it_runs_as_nobody_and_names_its_version() -> None:
    assert last("USER") == "65532:65532"
    assert f'org.opencontainers.image.version="{__version__}"' in last("LABEL")
    assert json.loads(last("ENTRYPOINT")) + json.loads(last("CMD")) == ["claimx", "run"]


def test_nothing_is_installed_that_has_no_hash_and_nothing_runs_in_the_last_stage() -> None:
    installs = [
        line for step, rest in STEPS if step == "RUN" for line in rest.split(" && ") if " install " in line
    ]
    assert len(installs) == 3
    for line in installs:
        assert "--require-hashes --only-binary :all:" in line or line.endswith(
            "--no-deps /wheels/claimx-*.whl"
        )
    names = [step for step, _ in STEPS]
    assert "RUN" not in names[len(names) - names[::-1].index("FROM") :]


def test_what_it_copies_is_there_and_is_let_in() -> None:
    let_in = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE)
    for step, rest in STEPS:
        if step == "COPY" and "--from" not in rest:
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists()
                assert any(source == name or source.startswith(f"{name}/") for name in let_in), source


class Lives(BaseHTTPRequestHandler):
    """A process that lives."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/livez" else 404)
        self.end_headers()
        self.wfile.write(b'{"status":"?"}')

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class Hangs(Lives):
    """One that says that it does not."""

    status = 503


@contextmanager
def serving(handler: type[Lives]) -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def checked(port: int) -> subprocess.CompletedProcess[str]:
    variables = {"CLAIMX_HEALTH__PORT": str(port)}
    return subprocess.run(
        [sys.executable, CHECK], env=variables, capture_output=True, text=True, timeout=20, check=False
    )


@pytest.mark.parametrize(("process", "code"), [(Lives, 0), (Hangs, 1)])
def test_its_health_check_passes_on_what_the_process_says(process: type[Lives], code: int) -> None:
    with serving(process) as port:
        done = checked(port)
    assert (done.returncode, done.stdout) == (code, '{"status":"?"}')


def test_its_health_check_fails_where_nobody_listens() -> None:
    with serving(Lives) as port:
        pass
    done = checked(port)
    assert (done.returncode, done.stderr) == (1, "no port of claimx answers\n")
