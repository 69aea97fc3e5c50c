"""One Delta table that is kept open between commits."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from obstore.exceptions import BaseError
from polars.exceptions import PolarsError

from claimx.adapters import delta_schema, delta_status
from claimx.adapters.delta_fsync import LOOK_BACK, make_durable
from claimx.adapters.delta_place import Contents, Place
from claimx.adapters.locations import is_panic
from claimx.domain.rows import Table
from claimx.errors import LakeConflictError, LakeError, SchemaDriftError
from claimx.ports.tables import TableStatus

_T = TypeVar("_T")
_COMMITS_PER_HANDLE = 20
_HANDLE_AGE_S = 600.0
"""A handle gets slower with every commit, and its credentials are frozen (reference/lake.md 0.2, 6)."""


class KeptTable:
    """A table's handle: opened when it is needed, dropped after 20 commits, 10 minutes or any error.

    Every method blocks and may be called from any thread; one call runs at a time. ``now`` is a clock that only goes
    forward, in seconds. A local table's commits are made durable.
    """

    def __init__(self, declared: Table, place: Place) -> None:
        self.declared = declared
        self._place = place
        self._lock = threading.Lock()
        self._handle: DeltaTable | None = None
        self._opened_version = 0
        self._opened_at = 0.0
        self._durable: int | None = None

    def open(self, now: float) -> bool:
        """Check the table against its declaration and add the columns that it lacks.

        Returns:
            Whether there is a table.

        Raises:
            LakeError: nobody knows; or another process did the same at this moment: try again.
            SchemaDriftError: it does not fit its declaration.
        """
        with self._lock, self._door("open"):
            table = self._load_or_look(now)
            if not isinstance(table, DeltaTable):
                return False
            fit = delta_schema.fit(self.declared, table)
            if fit.drift:
                raise SchemaDriftError.of({self.declared.name: fit.drift})
            if fit.missing:
                table.alter.add_columns(list(fit.missing))
                table = self._load(now)
            self._make_durable(table)
            return True

    def create(self, now: float) -> None:
        """Create the table where there is nothing.

        Raises:
            LakeError: there is something, or it cannot be created.
        """
        with self._lock, self._door("create"):
            if self._place.contents() is not Contents.NOTHING:
                raise LakeError(f"create {self.declared.name}: there is something already")
            delta_schema.create(self.declared, self._place.uri, self._place.options)
            self._make_durable(self._load(now))

    def inspect(self, now: float) -> TableStatus:
        """Look at the table; changes nothing.

        Raises:
            LakeError: it cannot be read.
        """
        with self._lock, self._door("read"):
            table = self._load_or_look(now)
            return (
                delta_status.of_table(self.declared, table)
                if isinstance(table, DeltaTable)
                else delta_status.of_no_table(self.declared, table, self._place)
            )

    def commit(self, write: Callable[[DeltaTable], _T], now: float) -> _T:
        """Let ``write`` commit with the kept handle, make the commit durable, and return what ``write`` returns.

        Raises:
            LakeError: it failed, or may have landed all the same.
        """
        with self._lock, self._door("commit"):
            table = self._fresh(now)
            done = write(table)
            self._make_durable(table)
            return done

    def read(self, query: Callable[[DeltaTable], _T], now: float) -> _T:
        """Let ``query`` read what is committed now with the kept handle.

        Raises:
            LakeError: the table cannot be read.
        """
        with self._lock, self._door("read"):
            table = self._fresh(now)
            table.update_incremental()
            return query(table)

    def count(self, now: float) -> int:
        """The number of rows, by the statistics of the files.

        Raises:
            LakeError: the table cannot be read.
        """
        with self._lock, self._door("count"):
            return self._load(now).count()

    def _fresh(self, now: float) -> DeltaTable:
        """The kept handle, or a new one: it gets slower with every commit that it has taken in, by whomever."""
        table = self._handle
        if table is None or now - self._opened_at >= _HANDLE_AGE_S:
            return self._load(now)
        return table if table.version() - self._opened_version < _COMMITS_PER_HANDLE else self._load(now)

    def _load_or_look(self, now: float) -> DeltaTable | Contents:
        """Open the table; or, if it is definitely not there, say what is."""
        try:
            return self._load(now)
        except TableNotFoundError:
            contents = self._place.contents()
            if contents is Contents.LOG:  # "not found" is also said of what cannot be read
                raise
            return contents

    def _load(self, now: float) -> DeltaTable:
        table = DeltaTable(self._place.uri, storage_options=self._place.options)
        self._handle, self._opened_version, self._opened_at = table, table.version(), now
        return table

    def _make_durable(self, table: DeltaTable) -> None:
        """A commit that has nothing to add may stand on one that is not durable yet: so nothing is left out."""
        if self._place.root is None:
            return
        version = table.version()
        make_durable(
            self._place.root, version - LOOK_BACK if self._durable is None else self._durable, version
        )
        self._durable = version

    @contextmanager
    def _door(self, doing: str) -> Iterator[None]:
        """Drop the handle after any error, and make it a LakeError if it is the library's or the disk's."""
        try:
            yield
        except BaseException as error:
            self._handle = None
            if _is_foreign(error):
                told = f"{type(error).__name__}: {self._place.told(error)}"
                kind = LakeConflictError if isinstance(error, CommitFailedError) else LakeError
                raise kind(f"{doing} {self.declared.name}: {told}") from error
            raise


def _is_foreign(error: BaseException) -> bool:
    """The classes that deltalake raises: its own, built-in ones, a bare ``Exception`` for Arrow's, and panics.

    obstore lists what is no table, and polars raises what happens while it takes the batches of a query.
    """
    known = isinstance(
        error, DeltaError | BaseError | PolarsError | OSError | ValueError | ArithmeticError | RuntimeError
    )
    return known or type(error) is Exception or is_panic(error)
