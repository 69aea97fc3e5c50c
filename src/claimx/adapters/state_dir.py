"""The directory of one instance, held by one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from claimx.errors import EngineError, OperationError


def instance_dir(root: str, instance: str) -> Path:
    """Name the directory of an instance."""
    return Path(root) / instance


@contextmanager
def upkeep_lock(root: str) -> Iterator[None]:
    """Keep other ``claimx tables optimize`` and ``vacuum`` of this ``state_dir`` out: they would undo each other's work.

    Raises:
        OperationError: another one is at work, or the directory cannot be used.
    """
    path = Path(root) / "tables.lock"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OperationError(f"{path}: {error.strerror}", "is process.state_dir right?") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise OperationError(
            f"another claimx tables optimize or vacuum is at work ({path})", "wait for its end"
        ) from error
    finally:
        os.close(lock)


class StateDir:
    """``<state_dir>/<instance>/``: the delay queue, the spool, the control socket and the lock.

    A new one is its user's alone.

    Raises:
        OperationError: another process of this instance runs.
        EngineError: the directory cannot be used.
    """

    def __init__(self, root: str, instance: str) -> None:
        self.path = instance_dir(root, instance)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EngineError(f"process.state_dir: {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise OperationError(
                f"{self.path} is in use by another claimx",
                "two processes on a host need two names: set process.instance",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)
