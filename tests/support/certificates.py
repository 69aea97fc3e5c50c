"""Certificates for loopback, and a server that shows one."""

import contextlib
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "localhost"
ANSWER = b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n%s\r\n"


class Certificate(NamedTuple):
    """A certificate with its key in one file; as its own CA it can be trusted, too."""

    path: Path


def certificate(folder: Path, days: float) -> Certificate:
    """A certificate for localhost that signs itself, and runs out in so many days, or has."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "claimx tests")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=400))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"certificate{days}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return Certificate(path)


@contextlib.contextmanager
def server(
    shown: Certificate | None = None, date: str | None = None, status: bytes = b"404 Not Found"
) -> Iterator[int]:
    """Answer every request alike, behind TLS if a certificate is given; the port.

    Args:
        date: what the answers say of the time; None: nothing.
    """
    head = b"" if date is None else f"Date: {date}\r\n".encode()
    context = None
    if shown is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(shown.path)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(
            target=_serve, args=(listening, context, ANSWER % (status, head)), daemon=True
        )
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _serve(listening: socket.socket, context: ssl.SSLContext | None, answer: bytes) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            talking = context.wrap_socket(connection, server_side=True) if context else connection
            with talking:
                if talking.recv(65_536):
                    talking.sendall(answer)
