"""This host: the directory of an instance, its disk, its delay queue, and the bounds of this process."""

import os
import resource
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from claimx.adapters.control_socket import ControlClient
from claimx.adapters.delay_file import look_into
from claimx.adapters.fsync import fsync_path
from claimx.adapters.probe_store import nearest
from claimx.adapters.state_dir import instance_dir
from claimx.config.tree import Process
from claimx.errors import OperationError, TransientError
from claimx.ports.control import AskStatus, Status
from claimx.ports.probes import Directory, Disk

_WRITTEN = b"\0" * 16_384
_CGROUPS = Path("/proc/self/cgroup")
_V2, _V1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")
_UNBOUNDED = 1 << 60
"""What the first version of cgroups says where there is no bound is near 2**63."""


class ThisHost:
    """Implements ports.probes.HostProbe."""

    def __init__(self, process: Process) -> None:
        self._path = instance_dir(process.state_dir, process.instance).absolute()

    def directory(self) -> Directory:
        """Look at its permission bits."""
        there = nearest(self._path)
        found = there.stat()
        return Directory(
            there == self._path, str(there), stat.S_IMODE(found.st_mode), found.st_uid == os.geteuid()
        )

    def fsync(self) -> float:
        """In a file without a name: whatever happens, nothing of it stays."""
        there = nearest(self._path)
        try:
            with tempfile.TemporaryFile(dir=there, buffering=0) as file:
                file.write(_WRITTEN)
                began = time.perf_counter()
                os.fsync(file.fileno())
                fsync_path(there)
                return time.perf_counter() - began
        except OSError as error:
            raise _refused(there, error) from error

    def disk(self) -> Disk:
        """What others may not take is not free."""
        there = nearest(self._path)
        try:
            return Disk(shutil.disk_usage(there).free, sum(_sizes(self._path / "spool")))
        except OSError as error:
            raise _refused(there, error) from error

    def queue_rows(self) -> int | None:
        """Only while no process holds it."""
        return look_into(self._path / "delay.sqlite")

    async def holder(self) -> int | None:
        """Ask on its control socket: a lock that is tried might be in the way of a process that starts."""
        try:
            return (await ControlClient(self._path).ask(AskStatus(lag=False), Status)).pid
        except TransientError as error:
            if error.code != "control.absent":
                raise
            return None

    def listen(self, host: str, port: int) -> str | None:
        """Bind as the daemon would."""
        try:
            with socket.create_server((host, port)):
                return None
        except (OSError, UnicodeError) as error:
            return str(getattr(error, "strerror", None) or error)

    def open_files(self) -> int | None:
        """The soft limit: claimx does not raise it."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return None if soft == resource.RLIM_INFINITY else soft

    def memory_bytes(self) -> int | None:
        """The lowest bound of this group and of those that it lies in."""
        return min(_bounds(), default=None)


def _bounds() -> Iterator[int]:
    with suppress(OSError):
        for line in _CGROUPS.read_text(encoding="ascii").splitlines():
            _, controllers, name = line.split(":", 2)
            if not controllers:
                yield from _read(_V2, name, "memory.max")
            elif "memory" in controllers.split(","):
                yield from _read(_V1, name, "memory.limit_in_bytes")


def _read(root: Path, name: str, file: str) -> Iterator[int]:
    """From the group up to the root; in a container the root is the group itself."""
    group = root / name.lstrip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            return
        with suppress(OSError, ValueError):  # "max" is no number
            bound = int((folder / file).read_text(encoding="ascii"))
            if bound < _UNBOUNDED:
                yield bound


def _sizes(root: Path) -> Iterator[int]:
    for folder, _, names in os.walk(root):
        for name in names:
            with suppress(OSError):  # one that is just being uploaded goes away
                yield (Path(folder) / name).stat().st_size


def _refused(path: Path, error: OSError) -> OperationError:
    return OperationError(f"{path}: {error.strerror}", "is the disk full, or mounted to be read only?")
