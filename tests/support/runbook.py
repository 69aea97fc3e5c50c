"""Runs docs/runbook.md as it stands, from top to bottom, in one shell: ``python -m support.runbook``.

A block that is fenced as ``sh`` holds commands; each must end with 0, the last one with N where the fence says ``exit=N``.
Lines that are indented belong to the command above. A block that is fenced as ``sh elsewhere`` needs a host that has
systemd, Kubernetes or a container engine: it is not run.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "runbook.md"
_FENCE = re.compile(r"```sh(?: (elsewhere|exit=(\d+)))?")
_PATIENCE_S = 600
_SHELL = """\
run() {
  echo "@@ $1 begins"
  eval "$3"
  code=$?
  echo "@@ $1 ended $code"
  [ "$code" = "$2" ] || { echo "@@ $1 should have ended with $2"; finish 1; }
}
finish() {
  for job in $(jobs -p); do kill "$job" 2>/dev/null; done
  wait
  exit "$1"
}
"""


class Command(NamedTuple):
    """A command of the page, and how it must end."""

    line: int
    text: str
    code: int
    is_run: bool


def commands(page: str) -> Iterator[Command]:
    """Every command of a page, in order."""
    lines = page.splitlines()
    number = 0
    while number < len(lines):
        fence = _FENCE.fullmatch(lines[number])
        number += 1
        if fence is None:
            continue
        start = number
        while lines[number] != "```":
            number += 1
        found = list(_split(lines[start:number], start + 1))
        for place, (line, text) in enumerate(found, 1):
            code = int(fence[2]) if fence[2] and place == len(found) else 0
            yield Command(line, text, code, fence[1] != "elsewhere")


def script(found: Sequence[Command]) -> str:
    """A shell script that runs the commands and says of each how it ended."""
    lines = [f"run {each.line} {each.code} {shlex.quote(each.text)}" for each in found if each.is_run]
    return "\n".join([_SHELL, *lines, "finish 0", ""])


def checkout(folder: Path) -> Path:
    """A clone, as a newcomer has it: what git knows, as it stands here."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    for name in filter(None, names.split("\0")):
        source = ROOT / name
        if source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)
    return folder


def run(folder: Path, log: Path) -> int:
    """Run the page in a clone; everything that it says goes to the log."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CLAIMX_")}
    with log.open("w") as said:
        process = subprocess.Popen(
            ["bash", "-c", script(list(commands(DOC.read_text())))],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(_PATIENCE_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)


def _split(lines: Sequence[str], first: int) -> Iterator[tuple[int, str]]:
    begun: list[str] = []
    at = first
    for number, line in enumerate(lines, first):
        if begun and not line.startswith((" ", "#")) and line:
            yield at, "\n".join(begun)
            begun = []
        if line.strip() and not line.startswith("#"):
            at = at if begun else number
            begun.append(line)
    if begun:
        yield at, "\n".join(begun)


def main() -> int:
    """Run the page in a fresh clone, and tell how each command ended."""
    with tempfile.TemporaryDirectory(prefix="claimx-runbook-") as folder:
        log = Path(folder) / "runbook.log"
        code = run(checkout(Path(folder) / "claimx"), log)
        sys.stdout.write(log.read_text())
    return code


if __name__ == "__main__":
    sys.exit(main())
