"""Hosts, one step at a time: name, port, certificate, clock."""

import socket
import ssl
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import aiohttp

from claimx.adapters.http_common import make_session
from claimx.adapters.probe_thread import apart
from claimx.config.tree import Kafka, Secret
from claimx.domain.times import SECOND, Micros
from claimx.errors import ConfigError, OperationError, TransientError
from claimx.ports.clock import Clock
from claimx.ports.probes import Endpoint, HttpFacts, TlsFacts

_FOREIGN = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


class Trust(NamedTuple):
    """What a client of ours trusts, and shows of itself.

    Args:
        is_blind: it accepts any certificate.
    """

    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None
    key_password: str | None = None
    is_blind: bool = False


class SocketProbe:
    """Implements ports.probes.NetProbe.

    Args:
        timeout_s: when a thread of ours gives up at last; whoever asks may do so sooner.
    """

    def __init__(self, clock: Clock, timeout_s: float, trust: Trust | None = None) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._trust = trust or Trust()

    async def resolve(self, host: str) -> Sequence[str]:
        """Ask the resolver of this host."""
        return await apart(lambda: _addresses(host))

    async def connect(self, endpoint: Endpoint) -> None:
        """Try the addresses in turn."""
        await apart(lambda: self._connected(endpoint).close())

    async def handshake(self, endpoint: Endpoint) -> TlsFacts:
        """Look at the certificate as the client will."""
        return await apart(lambda: self._handshaken(endpoint))

    async def ask(self, url: str) -> HttpFacts:
        """Ask for the head of a page, which costs the host little."""
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        async with make_session(aiohttp.TCPConnector(ssl=self._context()), timeout) as session:
            before = self._clock.now()
            try:
                async with session.head(url, allow_redirects=False) as response:
                    status, told = response.status, response.headers.get("Date")
            except _FOREIGN as error:
                raise TransientError("http.failed", type(error).__name__) from None
        return HttpFacts(status, _ahead(told, (before + self._clock.now()) // 2))

    def _connected(self, endpoint: Endpoint) -> socket.socket:
        try:
            return socket.create_connection((endpoint.host, endpoint.port), timeout=self._timeout_s)
        except (OSError, UnicodeError) as error:
            raise TransientError("tcp.failed", _why(error)) from None

    def _handshaken(self, endpoint: Endpoint) -> TlsFacts:
        context = self._context()
        with self._connected(endpoint) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=endpoint.host) as secure:
                    return _facts(secure, is_verified=not self._trust.is_blind)
            except ssl.SSLCertVerificationError as error:
                said = f"its certificate is refused: {error.verify_message}"
                raise OperationError(said, _hint(error.verify_message)) from None
            except ssl.SSLError as error:
                raise OperationError(
                    f"no TLS: {error.reason}", "does this port speak TLS at all, and TLS 1.2 or newer?"
                ) from None
            except OSError as error:
                raise TransientError("tcp.failed", f"it hung up: {_why(error)}") from None

    def _context(self) -> ssl.SSLContext:
        trust = self._trust
        try:
            context = ssl.create_default_context(cafile=trust.ca_file)
            if trust.certificate is not None:
                context.load_cert_chain(trust.certificate, trust.key, trust.key_password or "")
        except (OSError, ValueError) as error:
            raise ConfigError(f"kafka.client: the files of its ssl options: {_why(error)}") from None
        if trust.is_blind:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def kafka_trust(settings: Kafka) -> Trust:
    """What librdkafka is told to trust."""
    options = {
        name: value.reveal() if isinstance(value, Secret) else str(value)
        for name, value in settings.client.items()
    }
    return Trust(
        ca_file=options.get("ssl.ca.location"),
        certificate=options.get("ssl.certificate.location"),
        key=options.get("ssl.key.location"),
        key_password=options.get("ssl.key.password"),
        is_blind=options.get("enable.ssl.certificate.verification", "true").lower()
        in {"false", "0", "f", "no"},
    )


def store_trust(options: Mapping[str, str]) -> Trust:
    """What the client of the object store is told to trust."""
    is_blind = any(
        name.lower().endswith("allow_invalid_certificates") and value.lower() in {"true", "1"}
        for name, value in options.items()
    )
    return Trust(is_blind=is_blind)


def _addresses(host: str) -> Sequence[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TransientError("dns.failed", _why(error)) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _facts(secure: ssl.SSLSocket, *, is_verified: bool) -> TlsFacts:
    certificate = secure.getpeercert() or {}
    until = certificate.get("notAfter")
    parts: Any = certificate.get("issuer", ())  # a tuple of tuples of pairs, and typed as anything
    names = dict(pair for part in parts for pair in part)
    issuer = names.get("organizationName") or names.get("commonName") or "an unnamed issuer"
    return TlsFacts(
        (secure.version() or "TLS").replace("TLSv", "TLS "),
        str(issuer),
        ssl.cert_time_to_seconds(until) * SECOND if isinstance(until, str) else None,
        is_verified,
    )


def _ahead(told: str | None, now: Micros) -> Micros | None:
    """The Date is a whole second: within that second nobody is ahead."""
    try:
        seconds = int(parsedate_to_datetime(told or "").timestamp())
    except (ValueError, OverflowError):
        return None
    begin, end = seconds * SECOND, (seconds + 1) * SECOND
    return min(0, end - now) if now >= begin else begin - now


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _hint(message: str) -> str:
    if "expired" in message:
        return "the certificate must be renewed"
    if "mismatch" in message or "valid for" in message:
        return "the certificate is another host's: is the name right, does a proxy stand between?"
    return "its CA must be trusted here: a proxy between needs its CA in the trust store of this host"
