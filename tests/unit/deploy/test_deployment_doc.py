"""Commands in docs/deployment.md are ones that claimx takes, and files are there."""

import re
import shlex
from pathlib import Path

import pytest

from claimx.cli.root import command
from claimx.config.load import load
from support.command_line import read

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "deployment.md").read_text()
FENCED = r"^```\w*\n(.+?)^```$"
CODE = [
    line
    for block in re.findall(FENCED, TEXT, flags=re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]
CODE += re.findall(r"`([^`]+)`", re.sub(FENCED, "", TEXT, flags=re.MULTILINE | re.DOTALL))
NAMES = "|".join(command.commands)
COMMANDS = sorted(
    {
        found
        for line in CODE
        for found in re.findall(rf"(?:claimx|here) ((?:{NAMES})\b[^#&\n]*)", line.replace("\n", " "))
    }
)


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 8


@pytest.mark.parametrize("line", COMMANDS)
def test_claimx_takes_a_command_of_the_text(line: str) -> None:
    assert read(shlex.split(line)) is not None


def test_the_configuration_of_the_text_is_good(tmp_path: Path) -> None:
    (tmp_path / "api-token").write_text("dXNlcjpwYXNzd29yZA==")
    (text,) = re.findall(r"^```toml\n(.+?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "claimx.toml").write_text(text.replace("/etc/claimx/secrets", str(tmp_path)))
    assert load(tmp_path / "claimx.toml", {}).warnings == ()


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"(?<![/\w])(?:deploy|requirements)/[\w./*@-]+", TEXT)))
)
def test_a_file_of_the_text_is_there(path: str) -> None:
    assert [*ROOT.glob(path.rstrip("/."))]
