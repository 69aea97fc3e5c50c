"""One Delta table that is kept open between commits."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from claimx.adapters import delta_schema
from claimx.adapters.delta_fsync import LOOK_BACK, make_durable
from claimx.adapters.locations import is_panic
from claimx.domain.rows import Table
from claimx.errors import LakeError

_COMMITS_PER_HANDLE = 20
_HANDLE_AGE_S = 600.0
"""A handle gets slower with every commit, and its credentials are frozen (reference/lake.md 0.2, 6)."""


class KeptTable:
    """A table's handle: opened when it is needed, dropped after 20 commits, 10 minutes or any error.

    Every method blocks and may be called from any thread; one call runs at a time.

    Args:
        root: the table's directory if it lies on a local disk: there commits are made durable.
    """

    def __init__(self, declared: Table, uri: str, root: Path | None, options: dict[str, str]) -> None:
        self.declared = declared
        self._uri = uri
        self._root = root
        self._options = options
        self._lock = threading.Lock()
        self._handle: DeltaTable | None = None
        self._commits = 0
        self._opened_at = 0.0
        self._durable: int | None = None

    def open(self, now: float) -> None:
        """Create the table if it is definitely absent, or check it against its declaration and add what it lacks.

        Raises:
            LakeError: it cannot be opened; or another process did the same at this moment: try again.
            SchemaDriftError: a column has another type.
        """
        with self._lock, self._door("open"):
            try:
                table = self._load(now)
            except TableNotFoundError:
                if self._is_anything_there():
                    raise
                delta_schema.create(self.declared, self._uri, self._options)
                table = self._load(now)
            missing = delta_schema.missing_columns(self.declared, table.schema())
            if missing:
                table.alter.add_columns(missing)
                table = self._load(now)
            self._make_durable(table)

    def commit(self, write: Callable[[DeltaTable], object], now: float) -> None:
        """Let ``write`` commit with the kept handle, and make the commit durable.

        Args:
            now: a clock that only goes forward, in seconds.

        Raises:
            LakeError: it failed, or may have landed all the same.
        """
        with self._lock, self._door("commit"):
            table = self._handle
            if (
                table is None
                or self._commits >= _COMMITS_PER_HANDLE
                or now - self._opened_at >= _HANDLE_AGE_S
            ):
                table = self._load(now)
            write(table)
            self._commits += 1
            self._make_durable(table)

    def count(self, now: float) -> int:
        """The number of rows, by the statistics of the files.

        Raises:
            LakeError: the table cannot be read.
        """
        with self._lock, self._door("count"):
            return self._load(now).count()

    def _load(self, now: float) -> DeltaTable:
        table = DeltaTable(self._uri, storage_options=self._options or None)
        self._handle, self._commits, self._opened_at = table, 0, now
        return table

    def _is_anything_there(self) -> bool:
        """Whether a local log has files after all: "not found" is also said of what cannot be read."""
        if self._root is None:
            return False
        try:
            return any((self._root / "_delta_log").iterdir())
        except FileNotFoundError:
            return False

    def _make_durable(self, table: DeltaTable) -> None:
        """A commit that has nothing to add may stand on one that is not durable yet: so nothing is left out."""
        if self._root is None:
            return
        version = table.version()
        make_durable(self._root, version - LOOK_BACK if self._durable is None else self._durable, version)
        self._durable = version

    @contextmanager
    def _door(self, doing: str) -> Iterator[None]:
        """Drop the handle after any error, and make it a LakeError if it is the library's or the disk's."""
        try:
            yield
        except BaseException as error:
            self._handle = None
            if _is_foreign(error):
                raise LakeError(
                    f"{doing} {self.declared.name}: {type(error).__name__}: {error}"[:500]
                ) from error
            raise


def _is_foreign(error: BaseException) -> bool:
    """The classes that deltalake raises: its own, built-in ones, a bare ``Exception`` for Arrow's, and panics."""
    known = isinstance(error, DeltaError | OSError | ValueError | ArithmeticError | RuntimeError)
    return known or type(error) is Exception or is_panic(error)
