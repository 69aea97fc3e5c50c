"""Answers probes over HTTP, on threads of its own: a blocked event loop, too, is to be told of."""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from time import perf_counter
from typing import Any

from claimx.errors import OperationError
from claimx.ports.health import Answer, Route

_REQUEST_S = 5.0
_CONNECTIONS = 32
_POLL_S = 0.2
_HINT = "is another claimx running here? choose another health.port, or 0 for any that is free"


class HealthServer:
    """Listens from ``open`` to ``close``.

    Args:
        routes: what answers each path.
    """

    def __init__(self, host: str, port: int, routes: Mapping[str, Route]) -> None:
        self._host = host
        self._port = port
        self._routes = routes
        self._server: _Server | None = None

    def open(self) -> int:
        """Listen, and return the port.

        Raises:
            OperationError: the address cannot be had. No other is taken: nobody would ask there.
        """
        try:
            self._server = _Server(self._host, self._port, self._routes)
        except OSError as error:
            where = f"{self._host}:{self._port}"
            raise OperationError(f"health: cannot listen on {where}: {error.strerror}", _HINT) from error
        serve = partial(self._server.serve_forever, _POLL_S)
        threading.Thread(target=serve, name="health", daemon=True).start()
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Listen no more; answers under way are not waited for."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = _CONNECTIONS

    def __init__(self, host: str, port: int, routes: Mapping[str, Route]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.routes = routes
        self._since: dict[socket.socket, float] = {}
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind, without asking the DNS for our name."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # as the base class has it
        """Answer on a thread of its own; beyond the limit, not at all."""
        if len(self._since) >= _CONNECTIONS:
            self.shutdown_request(request)
            return
        self._since[request] = perf_counter()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401
        """End a connection."""
        self._since.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End connections that take too long, however busy they look; called at each poll."""
        for request, since in list(self._since.items()):
            if perf_counter() - since > _REQUEST_S:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Whoever asked is gone, or broke off."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_S
    server: _Server
    server_version = "claimx"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a body."""
        self._answer(is_whole=True)

    def do_HEAD(self) -> None:
        """Answer without it."""
        self._answer(is_whole=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the base class
        """Probes come each few seconds: no line."""

    def _answer(self, *, is_whole: bool) -> None:
        route = self.server.routes.get(self.path.partition("?")[0])
        answer = _NOT_FOUND if route is None else route()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if is_whole:
            self.wfile.write(answer.body)


_NOT_FOUND = Answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"not here\n")
