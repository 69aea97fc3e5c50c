"""Asks a daemon how it is, as a kubelet and as systemd do."""

import json
import socket
import time
import uuid
from http.client import HTTPConnection
from typing import Any, NamedTuple

from support.beside import Beside
from support.rig import Daemon, wait_until


class Probe(NamedTuple):
    status: int
    reasons: list[dict[str, str]]

    @property
    def codes(self) -> set[str]:
        return {reason["code"] for reason in self.reasons}


def port_of(daemon: Daemon) -> int:
    """Where it listens, by its log."""
    wait_until(lambda: '"health.listening"' in daemon.log() or daemon.process.poll() is not None, "a port")
    return int(told(daemon, "health.listening")[0]["port"])


def told(daemon: Daemon, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in daemon.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def ask(daemon: Daemon, path: str, method: str = "GET") -> Probe:
    connection = HTTPConnection("127.0.0.1", port_of(daemon), timeout=30)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        assert answer.headers["Cache-Control"] == "no-store"
        body = answer.read()
        return Probe(answer.status, json.loads(body)["reasons"] if body else [])
    finally:
        connection.close()


def wait_for(daemon: Daemon, path: str, status: int, seconds: float = 60.0) -> Probe:
    """Ask until the status is this one."""
    seen: list[Probe] = []

    def is_there() -> bool:
        seen.append(ask(daemon, path))
        return seen[-1].status == status

    wait_until(is_there, f"{path} {status}", seconds)
    return seen[-1]


class FakeSystemd(Beside):
    """An abstract notify socket that keeps what comes, with its time."""

    def __init__(self, watchdog_s: float) -> None:
        super().__init__()
        name = f"claimx-{uuid.uuid4().hex}"
        self.environ = {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": str(int(watchdog_s * 1_000_000))}
        self.messages: list[tuple[float, dict[str, str]]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{name}")
        self._socket.settimeout(0.2)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._socket.close()

    def values(self, name: str) -> list[str]:
        return [fields[name] for _, fields in list(self.messages) if name in fields]

    def times(self, name: str) -> list[float]:
        return [at for at, fields in list(self.messages) if name in fields]

    def work(self) -> None:
        while not self.end.is_set():
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                continue
            fields = dict(line.split("=", 1) for line in data.decode().splitlines())
            self.messages.append((time.monotonic(), fields))
