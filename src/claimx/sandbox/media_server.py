"""A file server for benchmarks: any number of files of any size, sent by the kernel from one cached file.

``GET /<bytes>/<name>`` answers with so many bytes. It costs little, so that a client is measured and not the server.
"""

import argparse
import os
import socketserver
import tempfile
import threading
from pathlib import Path
from random import Random

from claimx.sandbox.child import announce, ending

_HOST = "127.0.0.1"
_BLOCK = 1024 * 1024
_MOST = 64 * _BLOCK
_MOST_LINE = 65_536


class _Answers(socketserver.StreamRequestHandler):
    """One connection, request after request."""

    disable_nagle_algorithm = True
    server: "MediaServer"

    def handle(self) -> None:
        """Answer until the client closes."""
        while (line := self.rfile.readline(_MOST_LINE)) and self._answer(line):
            pass

    def _answer(self, line: bytes) -> bool:
        while self.rfile.readline(_MOST_LINE) not in {b"\r\n", b"\n", b""}:
            pass
        size = _size_of(line)
        if size is None:
            self.request.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return False
        head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {size}\r\n\r\n"
        try:
            self.request.sendall(head.encode())
            sent = 0
            while sent < size:
                sent += os.sendfile(self.request.fileno(), self.server.content, sent, size - sent)
        except OSError:
            return False  # the client has gone
        return True


class MediaServer(socketserver.ThreadingTCPServer):
    """A thread for each connection.

    Args:
        content: descriptor of a file with the bytes of all.
    """

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, content: int) -> None:
        super().__init__((_HOST, 0), _Answers)
        self.content = content

    @property
    def base_url(self) -> str:
        """``http://host:port``."""
        return f"http://{_HOST}:{self.server_address[1]}"


def _size_of(line: bytes) -> int | None:
    """Read the length that a request line asks for; None: it asks for something else."""
    method, _, rest = line.partition(b" ")
    size = rest.partition(b" ")[0].partition(b"?")[0].split(b"/")[1:2]
    if method != b"GET" or not size or not size[0].isdigit() or int(size[0]) > _MOST:
        return None
    return int(size[0])


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="claimx.sandbox.media_server")
    parser.add_argument("--dir", required=True, help="where the bytes may lie")
    options = parser.parse_args()
    end = ending()
    with tempfile.TemporaryFile(dir=Path(options.dir)) as file:
        block = b"\xff\xd8\xff\xe0" + Random(1).randbytes(_BLOCK - 4)
        for _ in range(_MOST // _BLOCK):
            file.write(block)
        file.flush()
        with MediaServer(file.fileno()) as server:
            threading.Thread(target=server.serve_forever, daemon=True, name="accept").start()
            announce(base_url=server.base_url)
            end.wait()
            server.shutdown()


if __name__ == "__main__":
    main()
