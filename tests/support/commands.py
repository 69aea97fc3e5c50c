"""claimx commands in this process, as an operator without a terminal."""

import io
import sys
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
