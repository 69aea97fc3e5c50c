"""The delay queues of this host, read beside the processes that own them."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from claimx.domain.tasks import decode_task
from claimx.errors import EngineError, PoisonError
from claimx.ports.inspection import Parked

_FILE = "delay.sqlite"
_ROWS = "SELECT stage, task, code, due_at, parked_at, token IS NOT NULL FROM delayed"
_AT_ONCE = 1000
_BUSY_S = 10.0


class SqliteDelayFiles:
    """Implements ports.inspection.DelayFiles.

    Args:
        state_dir: ``process.state_dir``: each process has its own directory in it.
    """

    def __init__(self, state_dir: str) -> None:
        self._root = Path(state_dir)

    @property
    def instances(self) -> Sequence[str]:
        """The names of the directories: a file that was deleted is no reason to think that it was elsewhere."""
        return sorted(path.name for path in self._root.glob("*") if path.is_dir())

    def rows(self) -> Iterator[Parked]:
        """Read one file after the other, each in one transaction."""
        for file in sorted(self._root.glob(f"*/{_FILE}")):
            try:
                yield from _rows(file)
            except sqlite3.Error as error:
                raise EngineError(f"{file}: cannot be read as a delay queue: {error}") from error
            except PoisonError as error:
                raise EngineError(f"{file}: a row cannot be read by this version: {error.code}") from error


def _rows(file: Path) -> Iterator[Parked]:
    uri = f"{file.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'delayed'").fetchone():
            return  # begun, and never used
        cursor = connection.execute(_ROWS)
        while rows := cursor.fetchmany(_AT_ONCE):
            for stage, task, code, due_at, parked_at, is_leased in rows:
                parked = decode_task(task)
                yield Parked(
                    file.parent.name, stage, parked, code, due_at, parked_at, is_leased=bool(is_leased)
                )
