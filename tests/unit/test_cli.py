"""The command line as a user meets it: a process, its exit code, stdout and stderr."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from claimx import __version__

TOKEN = "dXNlcjpwYXNzd29yZA=="
GOOD = f'[api]\ntoken = "{TOKEN}"\n[lake]\ntables_url = "t"\nfiles_url = "f"\n'
HEAVY = (
    "polars",
    "prometheus_client",
    "deltalake",
    "aiohttp",
    "confluent_kafka",
    "structlog",
    "obstore",
    "asyncio",
    "rich",
    "msgspec",
    "pydantic",
    "claimx.app",
)


def claimx(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CLAIMX_")}
    return subprocess.run(
        [sys.executable, "-m", "claimx", *arguments],
        cwd=cwd,
        env=environ | variables,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A directory with a good claimx.toml."""
    (tmp_path / "claimx.toml").write_text(GOOD)
    return tmp_path


COMMANDS = [
    ("run",),
    ("sandbox",),
    ("bench", "ingest"),
    ("bench", "enrich"),
    ("bench", "files"),
    ("bench", "retry"),
    ("bench", "e2e"),
    ("config", "init"),
    ("config", "check"),
    ("config", "show"),
    ("config", "explain"),
    ("config", "schema"),
    ("tables", "init"),
    ("tables", "status"),
    ("topics", "init"),
    ("topics", "check"),
    ("dlq", "list"),
    ("dlq", "inspect"),
    ("dlq", "replay"),
    ("dlq", "purge"),
    ("dlq", "export"),
    ("retries", "list"),
    ("retries", "run"),
    ("retries", "drop"),
    ("offsets", "show"),
    ("offsets", "set"),
    ("doctor",),
    ("status",),
    ("reenrich",),
    ("trace",),
    ("verify",),
    ("completion",),
    ("version",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches_with_examples(command: tuple[str, ...], tmp_path: Path) -> None:
    done = claimx(*command, "-h", cwd=tmp_path)
    assert done.returncode == 0
    assert f"\n    claimx {' '.join(command)}" in done.stdout
    assert "-h, --help" in done.stdout
    assert done.stderr == ""


def test_help_of_the_whole_names_every_command_and_no_rich_box(tmp_path: Path) -> None:
    done = claimx("--help", cwd=tmp_path)
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"\n  {command[0]} " in done.stdout
    assert done.stdout.isascii()


@pytest.mark.parametrize(
    "group", [(), ("config",), ("bench",), ("tables",), ("topics",), ("dlq",), ("retries",), ("offsets",)]
)
def test_a_group_alone_prints_its_help_on_stderr_and_fails(group: tuple[str, ...], tmp_path: Path) -> None:
    done = claimx(*group, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: claimx")


WRONG = [
    (("rnu",), "error: No such command 'rnu'. Did you mean 'run'?"),
    (("config", "shwo"), "error: No such command 'shwo'. Did you mean 'show'"),
    (("run", "--evnts", "3"), "error: No such option: --evnts (Possible options: --events)"),
    (("run", "--stages", "enrihc"), "error: --stages: no stage enrihc\n  hint: did you mean enrich?"),
    (
        ("run", "--stages", "xyz"),
        "error: --stages: no stage xyz\n  hint: known: all, ingest, enrich, download, upload, results",
    ),
    (
        ("run", "--stages", "enrich", "--sandbox"),
        "error: --sandbox runs all stages in one process\n  hint: leave --stages out",
    ),
    (("run", "--stages", ","), "error: --stages: no stage is named"),
    (
        ("run", "--events", "3"),
        "error: --events, --seed and --faults shape the sandbox's feed\n  hint: add --sandbox",
    ),
    (("run", "--sandbox", "--events", "0"), "error: Invalid value for '--events'"),
    (("bench", "ingest", "-o", "yaml"), "error: Invalid value for '--output'"),
    (("bench", "enrich", "--concurrency", "0"), "error: --concurrency: '0' is no list of numbers from 1 on"),
    (("bench", "enrich", "--latency-ms", "-1"), "error: --latency-ms: '-1' is no list of milliseconds"),
    (("bench", "files", "--sizes", "100"), "error: --sizes: '100' is no size from 1B to 64MB"),
    (("bench", "files", "--sizes", "65MB"), "error: --sizes: '65MB' is no size from 1B to 64MB"),
    (("completion", "tcsh"), "error: Invalid value for 'shell'"),
]


@pytest.mark.parametrize(
    ("arguments", "text"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_a_wrong_command_line_exits_2_and_says_what_is_right(
    arguments: tuple[str, ...], text: str, tmp_path: Path
) -> None:
    done = claimx(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(text)
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("run",), ("config", "check"), ("config", "show")], ids=" ".join)
def test_a_bad_configuration_exits_78_with_every_problem(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "claimx.toml").write_text(GOOD + "[enrich]\nwrokers = 3\n")
    done = claimx(*command, cwd=tmp_path, CLAIMX_LOG__LEVEL="laud")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == (
        "error: the configuration has 2 problems\n"
        "  claimx.toml:7: enrich.wrokers: unknown key\n"
        "    hint: did you mean workers?\n"
        '  env CLAIMX_LOG__LEVEL: log.level: is not one of: "debug", "info", "warning", "error"\n'
    )


def test_an_error_is_json_where_json_was_asked_for(tmp_path: Path) -> None:
    done = claimx("config", "check", "-o", "json", cwd=tmp_path)
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, done.stdout, error["code"]) == (78, "", "config")
    assert "no claimx.toml: api.token: is required" in error["message"]


@pytest.mark.parametrize("how", [{"CLAIMX_DEBUG": "1"}, {}])
def test_a_traceback_is_there_only_where_it_was_asked_for(how: dict[str, str], tmp_path: Path) -> None:
    arguments = ("config", "check") if how else ("config", "check", "--debug")
    assert "Traceback" in claimx(*arguments, cwd=tmp_path, **how).stderr
    assert "Traceback" not in claimx("config", "check", cwd=tmp_path).stderr


def test_check_is_good_with_a_warning_that_strict_counts(there: Path) -> None:
    done = claimx("config", "check", cwd=there)
    assert (done.returncode, done.stdout) == (0, "claimx.toml: good\n")
    assert done.stderr.startswith("warning: claimx.toml:2: api.token: a secret stands here in clear")
    assert claimx("config", "check", "--strict", cwd=there).returncode == 3
    assert (
        json.loads(claimx("config", "check", "-o", "json", cwd=there).stdout)["schema"]
        == "claimx.config.check/1"
    )


def test_show_prints_values_and_origins_and_no_secret(there: Path) -> None:
    done = claimx("config", "show", "--set", "enrich.workers=5", cwd=there)
    assert done.returncode == 0
    assert "\nenrich.workers = 5  # --set\n" in done.stdout
    assert '\napi.token = "***"  # claimx.toml:2\n' in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    lines = json.loads(claimx("config", "show", "-o", "json", cwd=there).stdout)["settings"]
    assert {"key": "upload.workers", "value": "16", "origin": "default"} in lines


def test_init_writes_a_file_once_and_the_file_says_what_is_missing(tmp_path: Path) -> None:
    assert claimx("config", "init", cwd=tmp_path).returncode == 0
    again = claimx("config", "init", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (
        1,
        "error: claimx.toml exists\n  hint: --force overwrites it, - prints the text\n",
    )
    assert claimx("config", "init", "--force", cwd=tmp_path).returncode == 0
    assert claimx("config", "init", "-", cwd=tmp_path).stdout == (tmp_path / "claimx.toml").read_text()
    check = claimx("config", "check", cwd=tmp_path)
    assert check.returncode == 78
    assert "the environment variable CLAIMX_API_TOKEN that it names is not set" in check.stderr
    assert claimx("config", "check", cwd=tmp_path, CLAIMX_API_TOKEN=TOKEN).returncode == 0


def test_schema_is_json(tmp_path: Path) -> None:
    assert json.loads(claimx("config", "schema", cwd=tmp_path).stdout)["title"] == "claimx.toml"


def test_version_is_said_in_three_ways(tmp_path: Path) -> None:
    assert (
        claimx("version", cwd=tmp_path).stdout
        == claimx("--version", cwd=tmp_path).stdout
        == f"claimx {__version__}\n"
    )
    told = json.loads(claimx("version", "-o", "json", cwd=tmp_path).stdout)
    assert told["claimx"] == __version__
    assert told["libraries"]["deltalake"] == "1.6.3"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_asks_claimx(shell: str, tmp_path: Path) -> None:
    assert f"_CLAIMX_COMPLETE=complete_{shell}" in claimx("completion", shell, cwd=tmp_path).stdout


def test_completion_completes(tmp_path: Path) -> None:
    done = claimx(
        cwd=tmp_path, _CLAIMX_COMPLETE="complete_bash", COMP_WORDS="claimx config sch", COMP_CWORD="2"
    )
    assert done.stdout.split() == ["schema"]


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["config", "--help"], ["doctor", "-h"], ["dlq", "list", "--help"]]
)
def test_nothing_heavy_is_imported_to_parse_and_to_help(arguments: list[str], tmp_path: Path) -> None:
    program = (
        "import sys, claimx.cli\n"
        "try:\n"
        f"    {arguments} and claimx.cli.main({arguments})\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == "[]\n"
