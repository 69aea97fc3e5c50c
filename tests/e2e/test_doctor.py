"""``claimx doctor`` on real parts: all is well, and each fault by itself is named, with what to do."""

import io
import json
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from claimx.cli import main
from claimx.sandbox.launch import TOKEN
from support.certificates import HOST, certificate, server
from support.rig import CLAIMX

pytestmark = pytest.mark.timeout(120)
WRONG_TOKEN = "d3Jvbmc6d3Jvbmctb25l"
DAY_S = 86_400


class Clinic:
    """A sandbox that runs, and a doctor for it."""

    def __init__(self, config: Path) -> None:
        self.config = config

    def claimx(self, *sets: str, only: str | None = None, limit: Any = None, timeout_s: float = 10) -> Any:
        """Run the doctor; the exit code, and the report.

        Args:
            limit: run before it in a process of its own.
        """
        command = ["doctor", "-c", str(self.config), "-o", "json", "--timeout", str(timeout_s)]
        command += ["--only", only] if only else []
        for each in sets:
            command += ["--set", each]
        code, out, err = _here(command) if limit is None else _apart(command, limit)
        for secret in (TOKEN, WRONG_TOKEN):
            assert secret not in out + err
        assert err == ""
        return code, json.loads(out)["checks"]

    def failed(self, *sets: str, code: int, **more: Any) -> dict[str, Any]:
        """The one check that fails; nothing but what follows from it is skipped."""
        got, checks = self.claimx(*sets, **more)
        (found,) = [each for each in checks if each["state"] == "fail"]
        assert got == code, checks
        group = found["check"].partition(".")[0]
        assert {each["check"].partition(".")[0] for each in checks if each["state"] == "skipped"} <= {group}
        assert found["hint"]
        return found


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    config = folder / "sandbox.toml"
    with config.open("wb") as out, (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [CLAIMX, "sandbox", "--events", "20", "--dir", str(folder / "sandbox")], stdout=out, stderr=log
        )
    try:
        until = time.monotonic() + 60
        while "flush_interval_s" not in config.read_text():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield Clinic(config)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _here(command: list[str]) -> tuple[int, str, str]:
    out, err, hook = io.StringIO(), io.StringIO(), sys.excepthook
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main(command)
    sys.excepthook = hook
    return int(end.value.code or 0), out.getvalue(), err.getvalue()


def _apart(command: list[str], limit: Any) -> tuple[int, str, str]:
    done = subprocess.run(
        [CLAIMX, *command], capture_output=True, text=True, timeout=60, check=False, preexec_fn=limit
    )
    return done.returncode, done.stdout, done.stderr


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def tree(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if "logs" not in path.parts}


def test_a_sandbox_is_well_and_nothing_is_left_behind(clinic: Clinic) -> None:
    before = tree(clinic.config.parent)
    (clinic.config.parent / "sandbox" / "files").mkdir(exist_ok=True)
    code, checks = clinic.claimx()
    (clinic.config.parent / "sandbox" / "files").rmdir()
    assert tree(clinic.config.parent) == before
    wrong = [each for each in checks if each["state"] != "ok" and each["check"] != "config.good"]
    assert (code, wrong) == (0, [])
    assert {each["check"] for each in checks} == {
        "config.good",
        *(f"kafka.{name}" for name in ("dns", "tcp", "login", "brokers", "topics", "groups", "rights")),
        *(f"api.{name}" for name in ("dns", "tcp", "http", "clock", "token")),
        *("hosts.dns", "hosts.tcp"),
        *("tables.round_trip", "tables.fit", "files.round_trip"),
        *(f"state.{name}" for name in ("dir", "fsync", "disk", "queue")),
        *("limits.port", "limits.open_files", "limits.memory"),
    }
    assert all(each["duration_s"] >= 0 and each["seen"] for each in checks)


def test_a_wrong_token_is_a_refused_credential(clinic: Clinic) -> None:
    found = clinic.failed(f"api.token={WRONG_TOKEN}", code=4)
    assert (found["check"], found["cause"]) == ("api.token", "refused")
    assert "the token comes from --set" in found["hint"]


def test_an_api_that_is_down_is_out_of_reach(clinic: Clinic) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    found = clinic.failed(f"api.base_url={url}", code=5)
    assert (found["check"], found["cause"]) == ("api.tcp", "unreachable")
    assert "firewall" in found["hint"]


def test_an_api_that_never_answers_is_out_of_reach(clinic: Clinic) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        found = clinic.failed(f"api.base_url={url}", code=5, only="api", timeout_s=1)
    assert found["check"] == "api.http"


def test_a_token_without_rights_is_refused(clinic: Clinic) -> None:
    with server(status=b"403 Forbidden") as port:
        found = clinic.failed(f"api.base_url=http://127.0.0.1:{port}", code=4, only="api")
    assert (found["check"], found["cause"]) == ("api.token", "refused")


def test_a_broker_that_is_down_is_out_of_reach(clinic: Clinic) -> None:
    found = clinic.failed(f"kafka.bootstrap_servers=127.0.0.1:{closed_port()}", code=5)
    assert found["check"] == "kafka.tcp"
    _, checks = clinic.claimx(f"kafka.bootstrap_servers=127.0.0.1:{closed_port()}", only="kafka")
    assert {each["state"] for each in checks if each["check"] == "kafka.login"} == {"skipped"}


def test_a_host_that_nobody_knows_is_named_by_its_dns(clinic: Clinic) -> None:
    found = clinic.failed("kafka.bootstrap_servers=broker.invalid:9092", code=5, only="kafka")
    assert (found["check"], found["target"]) == ("kafka.dns", "broker.invalid")


def test_something_that_is_no_broker_is_named_by_its_login(clinic: Clinic) -> None:
    with server() as port:
        found = clinic.failed(f"kafka.bootstrap_servers=127.0.0.1:{port}", code=5, only="kafka")
    assert found["check"] == "kafka.login"


def test_a_topic_that_is_missing_is_named(clinic: Clinic) -> None:
    found = clinic.failed("kafka.topics.events_dlq=nobody.made.it", code=3)
    assert found["check"] == "kafka.topics"
    assert any("nobody.made.it: it is not there" in note for note in found["notes"])


def test_a_topic_that_these_stages_do_not_use_may_be_missing(clinic: Clinic) -> None:
    command = [CLAIMX, "doctor", "-c", str(clinic.config), "--stages", "results", "-o", "jsonl"]
    command += ["--set", "kafka.topics.events_raw=nobody.made.it"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    checks = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, {each["schema"] for each in checks}) == (0, {"claimx.doctor/1"})
    assert not {"api", "hosts", "files"} & {each["check"].partition(".")[0] for each in checks}


@pytest.mark.parametrize("days", [-3, 3, 90])
def test_a_certificate_is_looked_at(
    clinic: Clinic, tmp_path: Path, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = certificate(tmp_path, days)
    monkeypatch.setenv("SSL_CERT_FILE", str(shown.path))
    with server(shown, formatdate(usegmt=True)) as port:
        sets = f"api.base_url=https://{HOST}:{port}"
        if days < 0:
            found = clinic.failed(sets, code=3, only="api")
            assert found["check"] == "api.tls"
            assert "certificate has expired" in found["seen"]
            return
        # in a process of its own: what is trusted is read when aiohttp is imported
        code, checks = clinic.claimx(sets, only="api", limit=int)
    (tls,) = [each for each in checks if each["check"] == "api.tls"]
    assert (code, tls["state"]) == (0, "warn" if days < 14 else "ok")
    assert "claimx tests until 20" in tls["seen"]


def test_a_certificate_that_nobody_signed_is_named(clinic: Clinic, tmp_path: Path) -> None:
    with server(certificate(tmp_path, 90)) as port:
        found = clinic.failed(f"api.base_url=https://{HOST}:{port}", code=3, only="api")
        assert (found["check"], "self-signed" in found["seen"]) == ("api.tls", True)
        assert "its CA must be trusted" in found["hint"]
        sets = (f"kafka.bootstrap_servers={HOST}:{port}", "kafka.security_protocol=SSL")
        assert clinic.failed(*sets, code=3, only="kafka")["check"] == "kafka.tls"


def test_a_port_without_tls_is_named(clinic: Clinic) -> None:
    with server() as port:
        found = clinic.failed(f"api.base_url=https://{HOST}:{port}", code=3, only="api")
    assert (found["check"], "no TLS" in found["seen"]) == ("api.tls", True)


@pytest.mark.parametrize("off_s", [3600, -3600])
def test_a_clock_that_is_off_is_named(clinic: Clinic, off_s: int) -> None:
    with server(date=formatdate(time.time() + off_s, usegmt=True)) as port:
        found = clinic.failed(f"api.base_url=http://127.0.0.1:{port}", code=3)
    assert found["check"] == "api.clock"
    assert ("behind" if off_s > 0 else "ahead of") in found["notes"][0]


def test_a_host_whose_address_is_private_is_named(clinic: Clinic) -> None:
    found = clinic.failed(f"download.allowed_hosts={HOST}", code=3, only="hosts")
    assert (found["check"], "no public address" in found["seen"]) == ("hosts.dns", True)
    assert "allow_insecure_hosts" in found["hint"]


def test_a_state_directory_that_cannot_be_made_is_named(clinic: Clinic, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = clinic.failed(f"process.state_dir={tmp_path / 'file' / 'state'}", code=3)
    assert (found["check"], "no directory" in found["seen"]) == ("state.dir", True)


def test_a_disk_that_takes_no_write_is_named(clinic: Clinic, tmp_path: Path) -> None:
    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    found = clinic.failed(f"process.state_dir={tmp_path}", code=3, only="state", limit=full)
    assert found["check"] == "state.fsync"


def test_a_spool_that_the_disk_cannot_hold_is_warned_of(clinic: Clinic) -> None:
    code, checks = clinic.claimx(f"download.spool_bytes={10**18}", only="state")
    (disk,) = [each for each in checks if each["state"] == "warn"]
    assert (code, disk["check"]) == (0, "state.disk")
    assert "download.spool_bytes" in disk["hint"]


def test_a_delay_queue_that_is_damaged_is_named(clinic: Clinic, tmp_path: Path) -> None:
    (tmp_path / "claimx-0").mkdir(mode=0o700)
    (tmp_path / "claimx-0" / "delay.sqlite").write_bytes(b"not a database" * 1000)
    found = clinic.failed(f"process.state_dir={tmp_path}", code=3, only="state")
    assert found["check"] == "state.queue"
    assert "-wal" in found["hint"]


def test_a_root_that_cannot_be_written_is_named(clinic: Clinic, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = clinic.failed(f"lake.files_url={tmp_path / 'file' / 'files'}", code=3)
    assert found["check"] == "files.round_trip"


def test_a_store_that_is_down_is_out_of_reach(clinic: Clinic) -> None:
    found = clinic.failed(
        "lake.files_url=s3://bucket/files",
        f"lake.storage.aws_endpoint=http://127.0.0.1:{closed_port()}",
        code=5,
        only="files",
    )
    assert found["check"] == "files.tcp"


def test_tables_that_are_not_there_are_named(clinic: Clinic, tmp_path: Path) -> None:
    found = clinic.failed(f"lake.tables_url={tmp_path / 'nothing'}", code=3)
    assert (found["check"], found["hint"]) == ("tables.fit", "claimx tables init makes them")
    assert not (tmp_path / "nothing").exists()


def test_too_few_open_files_are_warned_of_and_strict_counts_that(clinic: Clinic) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

    code, checks = clinic.claimx(only="limits", limit=few)
    assert (code, [each["check"] for each in checks if each["state"] == "warn"]) == (0, ["limits.open_files"])
    command = [CLAIMX, "doctor", "-c", str(clinic.config), "--only", "limits", "--strict"]
    strict = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=few, timeout=60)
    assert (strict.returncode, strict.stdout.splitlines()[-1]) == (
        3,
        "3 checks: 2 ok, 1 warn, 0 fail, 0 skipped",
    )


def test_a_health_port_that_is_taken_is_named(clinic: Clinic) -> None:
    with server() as port:
        found = clinic.failed("health.host=127.0.0.1", f"health.port={port}", code=3, only="limits")
    assert (found["check"], found["target"]) == ("limits.port", f"127.0.0.1:{port}")


def test_a_running_process_holds_its_queue_and_its_port(clinic: Clinic, tmp_path: Path) -> None:
    state = (f"process.state_dir={tmp_path}", "health.host=127.0.0.1", f"health.port={closed_port()}")
    sets = [word for each in state for word in ("--set", each)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [CLAIMX, "run", "-c", str(clinic.config), *sets, "--set", "kafka.group_id=held"],
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + 60
        while not (tmp_path / "claimx-0" / "control.sock").exists():
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.05)
        code, checks = clinic.claimx(*state, only="state,limits")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    seen = {each["check"]: each["seen"] for each in checks}
    assert code == 0
    assert f"process {process.pid} holds it" in seen["state.queue"]
    assert f"process {process.pid} of this instance" in seen["limits.port"]
    _, after = clinic.claimx(*state, only="state")
    assert "rows wait, every page can be read" in after[-1]["seen"]
    left = {path.name for path in (tmp_path / "claimx-0").iterdir()}
    assert "delay.sqlite-wal" not in left
