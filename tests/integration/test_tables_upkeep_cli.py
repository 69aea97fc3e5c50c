"""``claimx tables optimize`` and ``vacuum`` on a real lake."""

import fcntl
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from support.commands import Done, claimx, claimx_json, on_a_terminal

LOG = "claimx_event_log"
Claimx = Callable[..., Done]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A lake whose event log has six small files."""
    (tmp_path / "claimx.toml").write_text(
        f'[api]\ntoken = "dXNlcjpwYXNzd29yZA=="\n[lake]\ntables_url = "{tmp_path}/tables"\n'
        f'files_url = "{tmp_path}/files"\n[process]\nstate_dir = "{tmp_path}/state"\n'
    )
    claimx("tables", "init", "-c", tmp_path / "claimx.toml")
    log = tmp_path / "tables" / LOG
    empty = pl.DataFrame(DeltaTable(log).schema().to_arrow().empty_table())
    for number in range(6):
        day = pl.lit("2026-05-01").str.to_date()
        write_deltalake(
            log,
            empty.clear(1).with_columns(event_id=pl.lit(str(number)), processed_date=day),
            mode="append",
        )
    return tmp_path


def run(root: Path, *arguments: object, code: int = 0) -> Done:
    return claimx("tables", *arguments, "-c", root / "claimx.toml", code=code)


def step(root: Path, table: str, *arguments: object, code: int = 0) -> dict[str, Any]:
    report = claimx_json("tables", *arguments, "-c", root / "claimx.toml", code=code)
    return next(each for each in report["tables"] if each["table"] == table)


def orphan(root: Path) -> Path:
    """A file that a killed writer has left long ago."""
    path = root / "tables" / LOG / "left.parquet"
    path.write_bytes(b"")
    os.utime(path, (0, 0))
    return path


def test_optimize_makes_small_files_fewer_and_says_so(root: Path) -> None:
    assert step(root, LOG, "optimize", "--dry-run")["files_removed"] == 6
    done = run(root, "optimize")
    assert f"{LOG}: 6 files became 1" in done.stdout.splitlines()
    table = DeltaTable(root / "tables" / LOG)
    assert (len(table.file_uris()), table.count()) == (1, 6)
    assert f"{LOG}: nothing to do" in run(root, "optimize").stdout


def test_vacuum_asks_before_it_deletes(root: Path) -> None:
    left = orphan(root)
    assert "--yes" in run(root, "vacuum", "--full", code=2).stderr
    assert step(root, LOG, "vacuum", "--full", "--dry-run")["files"] == 1
    command = [Path(sys.executable), "-m", "claimx", "tables", "vacuum", "--full", "-c", root / "claimx.toml"]
    said, code = on_a_terminal(command, "n")
    assert code == 7
    assert "delete 1 files below" in said
    assert left.exists()
    assert step(root, LOG, "vacuum", "--full", "--yes")["files"] == 1
    assert not left.exists()


def test_what_makes_no_sense_is_refused(root: Path) -> None:
    assert "at least 24h" in run(root, "vacuum", "--retain", "2h", "--yes", code=2).stderr
    assert "as in 36h" in run(root, "vacuum", "--retain", "long", "--yes", code=2).stderr
    unknown = run(root, "optimize", "--table", "claimx_event", code=2)
    assert "did you mean claimx_events?" in unknown.stderr


def test_two_at_once_are_refused(root: Path) -> None:
    (root / "state").mkdir(exist_ok=True)
    with (root / "state/tables.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = run(root, "optimize", code=1)
    assert "another claimx tables optimize or vacuum is at work" in refused.stderr


def test_a_table_that_cannot_be_done_does_not_keep_the_others_from_their_turn(root: Path) -> None:
    (root / "tables/claimx_tasks").rename(root / "away")
    ask = partial(step, root, code=6)
    assert "claimx_tasks" in ask("claimx_tasks", "optimize")["problem"]
    assert ask(LOG, "optimize")["files_removed"] == 0
    assert DeltaTable(root / "tables" / LOG).count() == 6
