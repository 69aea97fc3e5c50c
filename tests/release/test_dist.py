"""What ``make dist`` made, as somebody meets it who has a Python and nothing else of ours."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from claimx import __version__
from claimx.config.master import init_text

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
WHEEL = DIST / f"claimx-{__version__}-py3-none-any.whl"
SDIST = DIST / f"claimx-{__version__}.tar.gz"
PYTHONS = ("python3.11", "python3.12", "python3.13")

pytestmark = [
    pytest.mark.skipif(not DIST.is_dir(), reason="nothing in dist/: make dist"),
    pytest.mark.timeout(600),
]


def real(python: str) -> Path | None:
    """The interpreter behind a name on PATH, if it starts; a version manager's shim may not."""
    if (found := shutil.which(python)) is None:
        return None
    asked = [found, "-c", "import os, sys; print(os.path.realpath(sys.executable))"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 else None


class Machine:
    """An empty home, and a PATH with one interpreter on it."""

    def __init__(self, place: Path, python: Path) -> None:
        self.home = place / "home"
        self.home.mkdir()
        path = place / "path"
        path.mkdir()
        (path / python.name).symlink_to(python)
        self.claimx = shutil.copy(DIST / "claimx", place / "claimx")
        self._environ = {"PATH": str(path), "HOME": str(self.home), "PEX_EMIT_WARNINGS": "0"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.claimx, *arguments],
            cwd=self.home,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture(params=PYTHONS)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """One for each Python that is here; it fills half a gigabyte."""
    python = real(request.param)
    if python is None:
        pytest.skip(f"no {request.param} here")
    with TemporaryDirectory(prefix="claimx-machine-") as place:
        yield Machine(Path(place), python)


def test_the_checksums_are_those_of_every_file() -> None:
    lines = [line.split("  ") for line in (DIST / "SHA256SUMS").read_text().splitlines()]
    assert {name: digest for digest, name in lines} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (DIST / "claimx", WHEEL, SDIST)
    }
    assert {path.name for path in DIST.iterdir()} == {"SHA256SUMS", "claimx", WHEEL.name, SDIST.name}


def test_the_wheel_has_the_commented_configuration_and_its_types() -> None:
    with zipfile.ZipFile(WHEEL) as wheel:
        assert wheel.read("claimx/config/claimx.toml").decode() == init_text()
        assert "claimx/py.typed" in wheel.namelist()
        assert {name.split("/")[0] for name in wheel.namelist()} == {
            "claimx",
            f"claimx-{__version__}.dist-info",
        }


def test_the_sdist_makes_the_same_wheel_again(tmp_path: Path) -> None:
    with tarfile.open(SDIST) as sdist:
        sdist.extractall(tmp_path, filter="data")
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path]
    subprocess.run([*build, tmp_path / f"claimx-{__version__}"], check=True, capture_output=True)
    assert (tmp_path / WHEEL.name).read_bytes() == WHEEL.read_bytes()


def test_the_sdist_has_what_a_packager_needs_and_nothing_that_tools_left() -> None:
    with tarfile.open(SDIST) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {
        "Makefile",
        "Containerfile",
        "requirements/runtime.lock",
        "deploy/systemd/claimx.service",
    } <= names
    assert not [
        name for name in names if "node_modules" in name or "__pycache__" in name or "/target/" in name
    ]


def test_the_single_file_runs_the_sandbox_with_nothing_but_a_python(machine: Machine) -> None:
    assert machine.run("version").stdout == f"claimx {__version__}\n"
    assert machine.run("--help").stdout.startswith("Usage: claimx")
    done = machine.run("run", "--sandbox", "--events", "200", "--exit-when-idle")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "every row and every file is there" in done.stderr


def test_the_single_file_says_which_python_it_wants() -> None:
    old = next(filter(None, map(real, ("python3.10", "python3.9"))), None)
    if old is None:
        pytest.skip("no older Python here")
    with TemporaryDirectory(prefix="claimx-machine-") as place:
        done = Machine(Path(place), old).run("version")
    assert done.returncode != 0
    assert "<3.14,>=3.11" in done.stderr


def test_nothing_of_the_builder_is_in_the_single_file() -> None:
    with zipfile.ZipFile(DIST / "claimx") as file:
        info = file.read("PEX-INFO").decode()
    assert os.fspath(ROOT) not in info
    assert os.fspath(Path.home()) not in info
