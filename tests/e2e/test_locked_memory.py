"""The unit's MemoryDenyWriteExecute: no memory that was written may be run. The kernel's own switch stands in for it."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

PR_SET_MDWE, PR_GET_MDWE, REFUSE_EXEC_GAIN = 65, 66, 1
LOCKED = f"""
import ctypes, os, sys
assert ctypes.CDLL(None).prctl({PR_SET_MDWE}, {REFUSE_EXEC_GAIN}, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, "-m", "claimx", *sys.argv[1:]])
"""

pytestmark = [
    pytest.mark.skipif(
        ctypes.CDLL(None).prctl(PR_GET_MDWE, 0, 0, 0, 0) < 0,
        reason="this kernel has no PR_SET_MDWE (6.3 has)",
    ),
    pytest.mark.timeout(180),
]


def sandbox(place: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LOCKED, "run", "--sandbox", "--events", "50", "--exit-when-idle"],
        cwd=place,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_claimx_runs_where_written_memory_cannot_be_executed(tmp_path: Path) -> None:
    done = sandbox(tmp_path, POLARS_SKIP_CPU_CHECK="1")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "every row and every file is there" in done.stderr


def test_it_would_not_without_the_variable_that_the_unit_sets(tmp_path: Path) -> None:
    done = sandbox(tmp_path, POLARS_SKIP_CPU_CHECK="")
    assert done.returncode != 0
