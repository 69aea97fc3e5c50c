"""What ``claimx doctor`` asks of the world. Nothing is left behind, and every answer comes or is given up in time."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from claimx.domain.times import Micros


class Endpoint(NamedTuple):
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TlsFacts(NamedTuple):
    """A handshake that succeeded.

    Args:
        not_after: when the certificate runs out; None if it was not told.
        is_verified: somebody looked whether the certificate is the host's own.
    """

    protocol: str
    issuer: str
    not_after: Micros | None
    is_verified: bool


class HttpFacts(NamedTuple):
    """An answer.

    Args:
        ahead: how far the clock of the host is ahead of ours, by the Date of its answer; None: it sent none.
    """

    status: int
    ahead: Micros | None


class NetProbe(Protocol):
    """Hosts."""

    async def resolve(self, host: str) -> Sequence[str]:
        """Look up the addresses of a host.

        Raises:
            TransientError: ``dns.failed``.
        """
        ...

    async def connect(self, endpoint: Endpoint) -> None:
        """Connect, and hang up.

        Raises:
            TransientError: ``tcp.failed``.
        """
        ...

    async def handshake(self, endpoint: Endpoint) -> TlsFacts:
        """Shake hands as a client would, and hang up.

        Raises:
            TransientError: ``tcp.failed``, the connection broke.
            OperationError: the certificate is not accepted, or the peer does not speak TLS.
        """
        ...

    async def ask(self, url: str) -> HttpFacts:
        """Ask for nothing in particular, without a credential: any answer will do.

        Raises:
            TransientError: ``http.failed``, no answer.
        """
        ...


class Cluster(NamedTuple):
    """A cluster as it describes itself.

    Args:
        brokers: as they are advertised: where clients will connect.
    """

    brokers: Sequence[Endpoint]


Rights = Mapping[str, frozenset[str] | None]
"""By name, the operations that are allowed (``READ``, ``WRITE``, ...); None: the broker does not tell."""


class KafkaProbe(Protocol):
    """A broker, asked as the configured user. Every method blocks.

    Every method raises TransientError (``kafka.unreachable``) and AuthError (``kafka.refused``).
    """

    def cluster(self) -> Cluster:
        """Log in, and look at the cluster."""
        ...

    def topic_rights(self, topics: Sequence[str]) -> Rights:
        """What may be done with topics that are there."""
        ...

    def group_rights(self, groups: Sequence[str]) -> Rights:
        """What may be done with groups."""
        ...

    def committed(self, group: str, topics: Sequence[str]) -> int:
        """Read the offsets of a group; the number of partitions that have one."""
        ...


class RootProbe(Protocol):
    """A root of the lake. Every method blocks."""

    def missing(self) -> str | None:
        """A local directory that is not there yet, and can be made; None: the root is there.

        Raises:
            OperationError: it is not there, and cannot be made.
        """
        ...

    def round_trip(self) -> None:
        """Write an object of a name that nobody else uses, read it, delete it.

        Raises:
            AuthError: the store refuses our credential.
            TransientError: the store did not answer, or not with what was written.
            OperationError: the place cannot be written.
        """
        ...


class Disk(NamedTuple):
    """A file system.

    Args:
        spooled_bytes: what the spool holds already.
    """

    free_bytes: int
    spooled_bytes: int


class Directory(NamedTuple):
    """The directory of an instance.

    Args:
        exists: False: ``path`` is the nearest directory there is, in which it would be made.
        mode: permission bits.
        is_ours: it belongs to the user that asks.
    """

    exists: bool
    path: str
    mode: int
    is_ours: bool


class HostProbe(Protocol):
    """This host, as this process sees it."""

    def directory(self) -> Directory:
        """Look at the directory of the instance.

        Raises:
            OperationError: it is no directory, and none can be made.
        """
        ...

    def fsync(self) -> float:
        """Write a file, fsync it and its directory, delete it; the seconds of the fsyncs.

        Raises:
            OperationError: the disk did not take it.
        """
        ...

    def disk(self) -> Disk:
        """Ask for the free space that this user may take.

        Raises:
            OperationError: it cannot be asked.
        """
        ...

    def queue_rows(self) -> int | None:
        """Read every page of the delay queue, and count its rows; None: there is none yet.

        Raises:
            DelayFileError: it cannot be used.
        """
        ...

    async def holder(self) -> int | None:
        """The process of this instance that runs here; None: none does.

        Raises:
            TransientError: one runs, and does not answer.
            OperationError: it may not be asked by this user.
        """
        ...

    def listen(self, host: str, port: int) -> str | None:
        """Listen for a moment; why that is impossible, None: it is not."""
        ...

    def open_files(self) -> int | None:
        """How many files this process may hold open; None: as many as it likes."""
        ...

    def memory_bytes(self) -> int | None:
        """What the group of processes that this one belongs to may take; None: there is no bound."""
        ...
