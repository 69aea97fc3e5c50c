"""``claimx tables`` and what ``claimx run`` says of tables, as processes on a real lake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from claimx.domain.tables import TABLES
from support.privileges import bind_to_permissions

TOKEN = "dXNlcjpwYXNzd29yZA=="


def claimx(cwd: Path, *arguments: str, ordinary: bool = False) -> subprocess.CompletedProcess[str]:
    """Run claimx; ``ordinary`` binds even root to permissions."""
    return subprocess.run(
        [sys.executable, "-m", "claimx", *arguments],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if not name.startswith("CLAIMX_")},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        stdin=subprocess.DEVNULL,
        preexec_fn=bind_to_permissions if ordinary else None,
    )


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A directory with a claimx.toml whose lake is absent, and whose broker nobody has."""
    (tmp_path / "claimx.toml").write_text(
        f'[api]\ntoken = "{TOKEN}"\n[kafka]\nbootstrap_servers = "127.0.0.1:9"\n'
        '[lake]\ntables_url = "lake/tables"\nfiles_url = "lake/files"\n[process]\nstate_dir = "state"\n'
        '[health]\nhost = "127.0.0.1"\nport = 0\n[log]\nlevel = "error"\n'
    )
    return tmp_path


def test_a_run_without_tables_exits_78_and_says_how_to_make_them(there: Path) -> None:
    done = claimx(there, "run")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == (
        f"error: there is no table {', '.join(TABLES)} below lake/tables\n  hint: claimx tables init makes them\n"
    )
    assert not (there / "lake/tables").exists()
    assert claimx(there, "tables", "init").returncode == 0
    (there / "lake/tables/claimx_tasks").rename(there / "away")
    again = claimx(there, "run")
    assert (again.returncode, again.stderr.splitlines()[0]) == (
        78,
        "error: there is no table claimx_tasks below lake/tables",
    )


def test_init_tells_what_it_did_and_a_dry_run_does_nothing(there: Path) -> None:
    dry = claimx(there, "tables", "init", "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert dry.stdout == "".join(f"to create      {name}\n" for name in TABLES)
    assert not (there / "lake/tables").exists()
    (there / "lake").mkdir(exist_ok=True)
    write_deltalake(there / "lake/tables/claimx_external_links", pl.DataFrame({"link_id": [1]}))
    lines = claimx(there, "tables", "init").stdout.splitlines()
    assert sorted({line[:14].strip() for line in lines}) == ["columns added", "created"]
    told = json.loads(claimx(there, "tables", "init", "-o", "json").stdout)
    assert (told["schema"], told["dry_run"]) == ("claimx.tables.init/1", False)
    assert told["tables"][0] == {"table": "claimx_events", "done": "exists", "columns": []}


def test_status_exits_3_while_a_table_is_absent_and_0_when_all_are_there(there: Path) -> None:
    absent = claimx(there, "tables", "status", "-o", "json")
    assert (absent.returncode, absent.stderr) == (3, "")
    assert {table["state"] for table in json.loads(absent.stdout)["tables"]} == {"absent"}
    claimx(there, "tables", "init")
    ready = claimx(there, "tables", "status", "-o", "jsonl")
    lines = [json.loads(line) for line in ready.stdout.splitlines()]
    assert ready.returncode == 0
    assert [line["table"] for line in lines] == list(TABLES)
    assert {(line["schema"], line["state"], line["version"]) for line in lines} == {
        ("claimx.tables.status/1", "ready", 0)
    }
    assert claimx(there, "tables", "status").stdout.startswith("lake/tables\ntable ")


def test_drift_exits_78_at_run_and_init_and_3_at_status(there: Path) -> None:
    path = there / "lake/tables/claimx_projects"
    path.parent.mkdir(parents=True)
    write_deltalake(path, pl.DataFrame({"project_id": [5395115]}))
    for command in (("run",), ("tables", "init")):
        done = claimx(there, *command)
        assert (done.returncode, done.stdout) == (78, "")
        assert done.stderr.startswith(
            "error: claimx_projects does not fit its declaration:\n  project_id: declared string, found long\n"
        )
        assert "hint: " in done.stderr
    status = claimx(there, "tables", "status")
    assert status.returncode == 3
    assert "    project_id: declared string, found long\n" in status.stdout
    assert DeltaTable(path).version() == 0
    assert [each.name for each in path.parent.iterdir()] == ["claimx_projects"]


def test_files_that_are_no_table_are_left_alone(there: Path) -> None:
    path = there / "lake/tables/claimx_events/part-0.parquet"
    path.parent.mkdir(parents=True)
    pl.DataFrame({"event_id": ["a"]}).write_parquet(path)
    done = claimx(there, "tables", "init")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there are files and no table in" in done.stderr
    assert claimx(there, "tables", "status").returncode == 3
    assert [each for each in there.rglob("*") if each.name == "_delta_log"] == []


@pytest.mark.parametrize("closed", ["claimx_events", "claimx_events/_delta_log", "."])
def test_what_may_not_be_read_is_not_absent(there: Path, closed: str) -> None:
    assert claimx(there, "tables", "init").returncode == 0
    directory = there / "lake/tables" / closed
    directory.chmod(0)
    try:
        status = claimx(there, "tables", "status", "-o", "json", ordinary=True)
        init = claimx(there, "tables", "init", ordinary=True)
    finally:
        directory.chmod(0o755)
    assert status.returncode == 5
    assert json.loads(status.stdout)["tables"][0]["state"] == "unreadable"
    assert (init.returncode, init.stdout) == (5, "")
    assert "claimx_events" in init.stderr
    assert "hint: is lake.tables_url right" in init.stderr
    assert "Traceback" not in init.stderr
    assert claimx(there, "tables", "status").returncode == 0


def test_a_store_that_does_not_answer_exits_5_and_tells_no_secret(there: Path) -> None:
    config = there / "claimx.toml"
    config.write_text(
        config.read_text().replace('"lake/tables"', '"s3://bucket/tables"')
        + '[lake.storage]\naws_endpoint_url = "http://127.0.0.1:9"\naws_allow_http = "true"\naws_region = "x"\n'
        'aws_access_key_id = "AKIAFAKE"\naws_secret_access_key = "obviously-fake"\nmax_retries = "0"\n'
    )
    for command in ("status", "init"):
        done = claimx(there, "tables", command)
        assert done.returncode == 5, done.stderr
        assert "obviously-fake" not in done.stdout + done.stderr
        assert "127.0.0.1:9" in done.stdout + done.stderr
