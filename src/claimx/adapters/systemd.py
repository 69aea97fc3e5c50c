"""Tells systemd how the process is: sd_notify, one datagram each."""

import socket
from contextlib import suppress


class Notifier:
    """Where nobody listens, nothing is sent.

    Args:
        address: a path, or ``@`` and the name of an abstract socket; None: systemd has not started us.
    """

    def __init__(self, address: str | None) -> None:
        self._address = "\0" + address[1:] if address and address[0] == "@" else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        if self._socket is not None:
            self._socket.setblocking(False)

    def send(self, **fields: str | int) -> None:
        """Send fields, their names in upper case. What systemd does not take now is not sent again."""
        if self._socket is None or self._address is None:
            return
        lines = "\n".join(f"{name.upper()}={value}" for name, value in fields.items())
        with suppress(OSError):
            self._socket.sendto(lines.encode(), self._address)

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
