"""The units, against systemd's own checks and against what claimx does."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from claimx.config.load import load
from claimx.domain.stage_names import STAGES
from support.command_line import read

FOLDER = Path(__file__).parents[3] / "deploy" / "systemd"
UNITS = ("claimx.service", "claimx@enrich.service")
HOST_UNITS = Path("/usr/lib/systemd/system")
HOST = "host-1"
CREDENTIALS = "/run/credentials/unit"
CLOSING_S = 10.0
"""How long the process takes at most to close, after its drain."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or not HOST_UNITS.is_dir(), reason="no systemd-analyze here"
)


def values(unit: str, key: str) -> list[str]:
    """What a unit says of a key, its specifiers replaced."""
    instance = unit.partition("@")[2].removesuffix(".service")
    text = (FOLDER / re.sub("@.*", "@.service", unit)).read_text()
    known = {"%i": instance, "%l": HOST, "%S": "/var/lib", "%C": "/var/cache", "%d": CREDENTIALS}
    for name, meaning in known.items():
        text = text.replace(name, meaning)
    return re.findall(rf"^{key}=(.+)$", text, flags=re.MULTILINE)


def environ(unit: str) -> dict[str, str]:
    pairs = [each.partition("=") for each in values(unit, "Environment")]
    return {name: value for name, _, value in pairs}


def command(unit: str) -> list[str]:
    """As systemd would run it."""
    (line,) = values(unit, "ExecStart")
    for name, value in environ(unit).items():
        line = line.replace(f"${{{name}}}", value)
    return shlex.split(line)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host where the units and claimx are installed."""
    shutil.copytree(HOST_UNITS, tmp_path / "usr/lib/systemd/system", symlinks=True)
    units = tmp_path / "etc/systemd/system"
    shutil.copytree(FOLDER, units)
    program = tmp_path / "usr/local/bin/claimx"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


def analyzed(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", f"--root={root}", *words], capture_output=True, text=True, timeout=60, check=False
    )


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_to_say_of_a_unit(unit: str, root: Path) -> None:
    done = analyzed(root, "--man=no", "verify", unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_systemd_would_say_something_of_a_misspelt_key(root: Path) -> None:
    unit = root / "etc/systemd/system/claimx.service"
    unit.write_text(unit.read_text().replace("WatchdogSec", "WatchdogSecs"))
    assert "'WatchdogSecs'" in analyzed(root, "--man=no", "verify", "claimx.service").stderr


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_exposes_next_to_nothing(unit: str, root: Path) -> None:
    done = analyzed(root, "security", "--offline=true", "--threshold=20", unit)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="no systemd-sysusers here")
def test_systemd_makes_the_user_of_the_units(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    done = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", FOLDER / "claimx.sysusers.conf"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    users = (tmp_path / "etc/passwd").read_text()
    assert {values(unit, "User")[0] for unit in UNITS} == {users.partition(":")[0]} == {"claimx"}
    assert users.strip().endswith("/nologin")


def test_each_stage_has_a_command_line_that_claimx_takes() -> None:
    for name in STAGES:
        program, *words = command(f"claimx@{name}.service")
        assert program == "/usr/local/bin/claimx"
        assert read(words)["stages"] == (name,)
    assert read(command("claimx.service")[1:])["stages"] == STAGES


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_sets_a_secret_by_the_file_that_systemd_makes(unit: str, tmp_path: Path) -> None:
    (tmp_path / "api-token").write_text("dXNlcjpwYXNzd29yZA==\n")
    (credential,) = values(unit, "LoadCredential")
    name, source = credential.split(":")
    assert source == "/etc/claimx/secrets/api-token"
    variables = {
        key: value.replace(CREDENTIALS, str(tmp_path))
        for key, value in environ(unit).items()
        if key.startswith("CLAIMX_")
    }
    assert variables["CLAIMX_API__TOKEN_FILE"] == str(tmp_path / name)
    got = load(
        None, variables, sets=("lake.tables_url=s3://b/tables", "lake.files_url=s3://b/files")
    ).settings
    assert got.api.token.reveal() == "dXNlcjpwYXNzd29yZA=="
    assert got.process.state_dir == f"/var/lib/{values(unit, 'StateDirectory')[0]}"
    assert got.process.instance == (HOST if unit == "claimx.service" else f"{HOST}-enrich")


def test_processes_of_one_host_have_names_of_their_own_and_one_spool() -> None:
    seen = [environ(f"claimx@{name}.service") for name in STAGES]
    assert len({each["CLAIMX_PROCESS__INSTANCE"] for each in seen}) == len(STAGES)
    assert {each["CLAIMX_DOWNLOAD__SPOOL_URL"] for each in seen} == {"file:///var/lib/claimx/spool"}


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_gives_the_time_to_drain_and_ends_what_no_restart_mends(unit: str) -> None:
    variables = {"CLAIMX_API__TOKEN": "dXNlcjpwYXNzd29yZA=="}
    sets = ("lake.tables_url=t", "lake.files_url=f")
    drain_s = load(None, variables, sets=sets).settings.limits.drain_s
    (stop,) = values(unit, "TimeoutStopSec")
    assert float(stop) > drain_s + CLOSING_S
    assert values(unit, "RestartPreventExitStatus") == ["2 78"]
    assert (values(unit, "Type"), values(unit, "KillMode")) == (["notify"], ["mixed"])


def test_the_two_units_differ_only_in_what_makes_a_role() -> None:
    whole, role = (
        {line for line in (FOLDER / name).read_text().splitlines() if line and not line.startswith("#")}
        for name in ("claimx.service", "claimx@.service")
    )
    assert {line.partition("=")[0] for line in whole ^ role} == {
        "Description",
        "ExecStart",
        "Environment",
        "EnvironmentFile",
    }
