"""What holds for every command of the tree: help, errors, exit codes, colours, pipes, and that nobody is waited for."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from claimx.cli.root import command as root
from support.commands import claimx

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "help"
GOOD = '[api]\ntoken = "dXNlcjpwdw=="\n[lake]\ntables_url = "t"\nfiles_url = "f"\n'
ESCAPE = "\x1b"


def leaves(group: Any = root, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from leaves(each, (*path, name))
        else:
            yield (*path, name), each


TREE = dict(leaves())
GROUPS = [(), *sorted({path[:1] for path in TREE if len(path) > 1})]
ARGUMENTS = {
    ("config", "explain"): ["kafka.group_id"],
    ("trace",): ["5395115"],
    ("reenrich",): ["5395115"],
    ("dlq", "inspect"): ["0123456789"],
    ("dlq", "replay"): ["--all"],
    ("dlq", "purge"): ["--all"],
    ("dlq", "export"): ["-"],
    ("retries", "run"): ["--all"],
    ("retries", "drop"): ["--all"],
    ("offsets", "set"): ["--stage", "enrich", "--to", "latest"],
}
"""What a command cannot do without."""


def options_of(path: tuple[str, ...]) -> set[str]:
    return {option for each in TREE[path].params for option in each.opts}


CONFIGURED = [path for path in TREE if "--config" in options_of(path)]
READING = [path for path in CONFIGURED if "--output" in options_of(path)]
OFFLINE = [
    ["--help"],
    ["version"],
    ["completion", "bash"],
    ["config", "init", "-"],
    ["config", "check"],
    ["config", "show"],
    ["config", "show", "-o", "json"],
    ["config", "schema"],
    ["config", "explain", "kafka"],
    ["tables", "init", "--dry-run"],
    ["tables", "status"],
    ["tables", "status", "-o", "jsonl"],
    ["doctor", "--only", "limits"],
    ["doctor", "--only", "limits", "-o", "jsonl"],
]
"""Commands that print something without a broker, an API or a process."""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a good claimx.toml."""
    (tmp_path / "claimx.toml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", [*GROUPS, *TREE], ids=lambda path: " ".join(path) or "claimx")
def test_the_help_is_the_one_that_was_read_over(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, update_golden: bool
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    said = claimx(*path, "--help").stdout
    golden = GOLDEN / f"{'-'.join(path) or 'claimx'}.txt"
    if update_golden:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(said)
    assert said == golden.read_text(), "pytest --update-golden writes it anew: read it over"


def test_no_help_is_kept_of_a_command_that_is_gone() -> None:
    known = {"-".join(path) or "claimx" for path in [*GROUPS, *TREE]}
    assert {path.stem for path in GOLDEN.glob("*.txt")} == known


@pytest.mark.parametrize("columns", ["40", "200"])
@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_help_fits_a_narrow_terminal_and_a_wide_one(
    path: tuple[str, ...], columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    said = claimx(*path, "-h").stdout
    options = said.partition("\nOptions:")[2]
    assert max(map(len, options.splitlines())) <= max(80, int(columns))
    assert "-h, --help" in said


@pytest.mark.parametrize("path", CONFIGURED, ids=" ".join)
def test_help_tells_exit_codes_that_the_readme_explains(path: tuple[str, ...]) -> None:
    told = re.search(r"Exit codes: (.+?)(?:\n\n|\Z)", TREE[path].help or "", flags=re.DOTALL)
    assert told, path
    codes = {int(code) for code in re.findall(r"(?:^|[ ,\n])(\d{1,3})(?=[ \n,])", told[1])}
    assert {0, 78} <= codes
    readme = (ROOT / "README.md").read_text().partition("## Exit codes")[2].partition("## ")[0]
    explained = {
        int(code)
        for cell in re.findall(r"^\| ([\d, ]+) \|", readme, re.MULTILINE)
        for code in cell.split(",")
    }
    assert codes <= explained


@pytest.mark.parametrize("path", CONFIGURED, ids=" ".join)
def test_a_bad_configuration_is_told_in_words_and_nothing_is_on_stdout(
    path: tuple[str, ...], there: Path
) -> None:
    (there / "claimx.toml").write_text(GOOD + "[enrich]\nwrokers = 3\n")
    said = claimx(*path, *ARGUMENTS.get(path, []), code=78)
    assert said.stdout == ""
    assert said.stderr.startswith("error: the configuration has 1 problem\n")
    assert "hint: did you mean workers?" in said.stderr
    assert ESCAPE not in said.stderr


@pytest.mark.parametrize("path", READING, ids=" ".join)
def test_a_bad_configuration_is_told_in_json_where_that_is_asked_for(
    path: tuple[str, ...], there: Path
) -> None:
    (there / "claimx.toml").write_text(GOOD + "[enrich]\nwrokers = 3\n")
    said = claimx(*path, *ARGUMENTS.get(path, []), "-o", "json", code=78)
    assert said.stdout == ""
    assert json.loads(said.stderr)["error"]["code"] == "config"


@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_an_unknown_option_is_wrong_usage(path: tuple[str, ...], there: Path) -> None:
    said = claimx(*path, "--no-such-thing", code=2)
    assert said.stdout == ""
    assert said.stderr.startswith("error: No such option: --no-such-thing")
    assert "\n  hint: claimx" in said.stderr


@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_a_misspelt_command_is_answered_by_the_right_one(path: tuple[str, ...], there: Path) -> None:
    *group, name = path
    said = claimx(*group, f"{name}x", code=2)
    assert f"Did you mean '{name}'" in said.stderr or f"'{name}'" in said.stderr
    assert said.stdout == ""


@pytest.mark.parametrize("arguments", OFFLINE, ids=" ".join)
def test_a_reader_who_has_seen_enough_ends_it_quietly(arguments: list[str], there: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [sys.executable, "-m", "claimx", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    warned = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert [line for line in warned if "hint: better" not in line] == []
    assert done.returncode in {0, 1, 3}


@pytest.mark.parametrize("arguments", OFFLINE, ids=" ".join)
def test_nothing_is_coloured_where_nobody_looks(arguments: list[str], there: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "claimx", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout
    assert ESCAPE not in done.stdout + done.stderr
