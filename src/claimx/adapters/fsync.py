"""What survives a power loss."""

import os
from pathlib import Path


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
