"""claimx commands in this process, as an operator without a terminal."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

import msgspec
import pytest

from claimx.cli import main


class Done(NamedTuple):
    """What a command said."""

    stdout: str
    stderr: str


def claimx(*arguments: object, code: int = 0) -> Done:
    """Run a command and look at its exit code."""
    out, err, hook = io.StringIO(), io.StringIO(), sys.excepthook
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main([*map(str, arguments)])
    sys.excepthook = hook
    done = Done(out.getvalue(), err.getvalue())
    assert (end.value.code or 0) == code, (end.value.code, done.stdout[-2000:], done.stderr[-2000:])
    return done


def claimx_json(*arguments: object, code: int = 0) -> Any:
    """Run a command with ``-o json``."""
    return msgspec.json.decode(claimx(*arguments, "-o", "json", code=code).stdout)


def on_a_terminal(command: Sequence[object], answer: str) -> tuple[str, int]:
    """Run a command on a pseudo terminal and answer its first question; what it said, and its exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*map(str, command)], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    said, _ = process.communicate(timeout=60)
    os.close(ours)
    return said.decode(), process.returncode
