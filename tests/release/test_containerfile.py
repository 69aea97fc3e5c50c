"""The image as far as it goes without an engine: every step of the Containerfile, and what it comes to.

What is not tried: the base image, and that an engine reads the file as ``support.containerfile`` does.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from claimx import __version__
from support.containerfile import Build, Stage, can_enter

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif(not can_enter(), reason="needs root and namespaces of mounts"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def image() -> Iterator[Stage]:
    with TemporaryDirectory(prefix="claimx-image-") as place:
        yield Build((ROOT / "Containerfile").read_text(), ROOT, Path(place)).last


def test_it_answers_as_a_user_of_no_name_on_a_read_only_root(image: Stage) -> None:
    assert image.run("version").stdout == f"claimx {__version__}\n"
    assert image.run("--help").stdout.startswith("Usage: claimx")
    who = image.run("-c", "import os; print(os.getuid(), os.getgid(), os.getcwd())", entry=["python"])
    assert who.stdout == "65532 65532 /var/lib/claimx\n"
    held = "import os; print([bool(os.statvfs(p).f_flag & os.ST_RDONLY) for p in ('/', '/app', '/tmp')])"
    assert image.run("-c", held, entry=["python"]).stdout == "[True, True, False]\n"


def test_it_runs_the_sandbox_there(image: Stage) -> None:
    done = image.run("run", "--sandbox", "--events", "200", "--exit-when-idle")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "every row and every file is there" in done.stderr


def test_its_health_check_passes_while_it_runs_and_not_when_it_is_gone(image: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = f"""
        export CLAIMX_HEALTH__PORT={port}
        claimx run --sandbox --events 20 --set health.port={port} >/tmp/out 2>&1 & run=$!
        for try in $(seq 120); do python /app/healthcheck.py 2>/dev/null && break; sleep 1; done
        kill -TERM $run; wait $run || {{ tail -5 /tmp/out; exit 1; }}
        python /app/healthcheck.py || echo and gone"""
    done = image.run("-c", script, entry=["/bin/sh"])
    assert done.returncode == 0, done.stdout
    assert '"ok"' in done.stdout
    assert done.stdout.endswith("and gone\n")


def test_its_volume_takes_the_delay_queue(image: Stage) -> None:
    wrote = image.run("-c", "open('/var/lib/claimx/x', 'w').close(); print('wrote')", entry=["python"])
    assert wrote.stdout == "wrote\n", wrote.stderr


def test_everything_is_compiled_and_nothing_installs(image: Stage) -> None:
    (packages,) = image.root.glob("app/lib/python3.*/site-packages")
    sources = [path for path in (packages / "claimx").rglob("*.py") if path.stat().st_size]
    assert sources
    assert [path for path in sources if not [*(path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")]] == []
    assert not (packages / "pip").exists()
    assert not (image.root / "build").exists()
