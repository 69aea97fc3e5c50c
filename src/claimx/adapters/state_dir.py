"""The directory of one instance, held by one process at a time."""

import fcntl
import os
from pathlib import Path
from typing import Self

from claimx.errors import EngineError


def instance_dir(root: str, instance: str) -> Path:
    """Name the directory of an instance."""
    return Path(root) / instance


class StateDir:
    """``<state_dir>/<instance>/``: the delay queue, the spool, the control socket and the lock.

    A new one is its user's alone.

    Raises:
        EngineError: another process of this instance runs, or the directory cannot be used.
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
            raise EngineError(
                f"{self.path} is in use by another claimx."
                " Two processes on a host need two names: set process.instance."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)
