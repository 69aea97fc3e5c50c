"""The server of probes, with clients that are slow, many or odd; and the notify socket."""

import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from claimx.adapters.health_http import HealthServer
from claimx.adapters.systemd import Notifier
from claimx.config.environ import notify_socket, watchdog_s
from claimx.errors import OperationError
from claimx.ports.health import Answer

ROUTES = {"/livez": lambda: Answer(503, "application/json", b'{"status":"failing"}\n')}


@pytest.fixture
def port() -> Iterator[int]:
    server = HealthServer("127.0.0.1", 0, ROUTES)
    yield server.open()
    server.close()


def ask(port: int, path: str, method: str = "GET") -> tuple[int, bytes, dict[str, str]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.headers)
    finally:
        connection.close()


def test_a_route_answers_with_a_body_and_without_one(port: int) -> None:
    status, body, headers = ask(port, "/livez?verbose")
    assert (status, body) == (503, b'{"status":"failing"}\n')
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Type"] == "application/json"
    assert headers["Server"].strip() == "claimx"
    assert ask(port, "/livez", "HEAD")[:2] == (503, b"")
    assert ask(port, "/")[0] == 404
    assert ask(port, "/livez", "POST")[0] == 501


def test_clients_that_send_nothing_are_let_go_and_others_are_answered_meanwhile(port: int) -> None:
    silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(20)]
    assert ask(port, "/livez")[0] == 503
    for each in silent:
        assert each.recv(100) == b""
        each.close()


def test_a_client_that_drips_is_let_go_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=1) as slow:
        slow.sendall(b"GET /livez HTTP/1.1\r\n")
        assert any(is_let_go(slow) for _ in range(60))
    assert ask(port, "/livez")[0] == 503


def is_let_go(slow: socket.socket) -> bool:
    """Send one more line, and wait a second for an end."""
    try:
        slow.sendall(b"X-Slow: 1\r\n")
        return slow.recv(100) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_beyond_the_limit_a_client_is_turned_away_and_the_limit_frees_itself(port: int) -> None:
    many = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(40)]
    for each in many:
        assert each.recv(100) == b""
        each.close()
    assert ask(port, "/livez")[0] == 503


def test_a_taken_port_is_an_error_that_names_it(port: int) -> None:
    with pytest.raises(
        OperationError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"
    ) as caught:
        HealthServer("127.0.0.1", port, {}).open()
    assert "health.port" in caught.value.hint


def test_an_address_of_the_sixth_version_is_one() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    server = HealthServer("::1", 0, ROUTES)
    try:
        port = server.open()
    except OperationError:
        pytest.skip("no IPv6 here")
    with socket.create_connection(("::1", port), timeout=5) as client:
        client.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.0 503")
    server.close()


def test_systemd_is_told_by_a_path_as_well_and_who_is_gone_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(5)
        notifier = Notifier(str(path))
        notifier.send(ready=1, status="lag 3, in flight 2")
        assert receiver.recv(1000) == b"READY=1\nSTATUS=lag 3, in flight 2"
    notifier.send(watchdog=1)
    notifier.close()
    silent = Notifier(None)
    silent.send(ready=1)
    silent.close()


def test_the_variables_of_systemd_are_read_for_this_process_alone() -> None:
    assert notify_socket({}) is None
    assert notify_socket({"NOTIFY_SOCKET": "@claimx"}) == "@claimx"
    assert watchdog_s({"WATCHDOG_USEC": "30000000"}) == 30.0
    assert watchdog_s({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}) is None
    assert watchdog_s({"WATCHDOG_USEC": "soon"}) is None
    assert watchdog_s({}) is None
