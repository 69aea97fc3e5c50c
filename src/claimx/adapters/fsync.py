"""What survives a power loss."""

import os
from collections.abc import Callable
from pathlib import Path

_MOST_KNOWN = 20_000


def fsync_path(path: Path) -> None:
    """Fsync a file or a directory by its path.

    Raises:
        OSError: it is not there, or the disk did not take it.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class DurableTree:
    """Makes files durable, and the directories above them once: their entries do not change when files come.

    Args:
        fsync: makes one path durable.
    """

    def __init__(self, fsync: Callable[[Path], None] = fsync_path) -> None:
        self._fsync = fsync
        self._known: dict[Path, int] = {}

    def make_durable(self, root: Path, path: Path) -> None:
        """Fsync a file, its directory, and every directory whose entry above is not known to be durable.

        That is up to the directory that holds the root. One that was removed and made again is another inode.

        Raises:
            OSError: something is not there, or the disk did not take it.
        """
        self._fsync(path)
        above, made = path.parent, {}
        while True:
            self._fsync(above)
            inode = above.stat().st_ino
            if above == root.parent or self._known.get(above) == inode:
                break
            if above != path.parent:
                made[above] = inode
            above = above.parent
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known |= made
