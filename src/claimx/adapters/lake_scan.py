"""Tables for those who only read: each one pinned at the version that it had when it was opened."""

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from obstore.exceptions import BaseError
from polars.exceptions import PolarsError

from claimx.adapters.delta_place import Contents, Place, place, shown
from claimx.adapters.locations import is_panic
from claimx.config.tree import Lake
from claimx.errors import LakeError, TablesAbsentError

_FOREIGN = (DeltaError, BaseError, PolarsError, OSError, ValueError, ArithmeticError, RuntimeError)


class PinnedTables:
    """Lazy scans of the tables below ``tables_url``.

    Raises:
        ConfigError: ``tables_url`` cannot be used.
    """

    def __init__(self, settings: Lake) -> None:
        self._settings = settings
        self._open: dict[str, tuple[DeltaTable, Place]] = {}
        place(settings, "claimx_events")

    def open(self, name: str) -> DeltaTable:
        """The table as it was when it was first asked for.

        Raises:
            TablesAbsentError: it is not there.
            LakeError: it cannot be read.
        """
        if name not in self._open:
            where = place(self._settings, name)
            with _door(f"read {name}", where):
                self._open[name] = self._load(name, where), where
        return self._open[name][0]

    def scan(self, name: str) -> pl.LazyFrame:
        """Its rows."""
        table = self.open(name)
        where = self._open[name][1]
        with _door(f"read {name}", where):
            return pl.scan_delta(table, storage_options=where.options, credential_provider=None)

    def collect(self, query: pl.LazyFrame) -> pl.DataFrame:
        """Run a query over the tables, in pieces as far as it can.

        Raises:
            LakeError: a table cannot be read; a vacuum may have removed files of the pinned version.
        """
        with _door("read the tables", place(self._settings, "claimx_events")):
            return query.collect(engine="streaming")

    def _load(self, name: str, where: Place) -> DeltaTable:
        try:
            return DeltaTable(where.uri, storage_options=where.options)
        except TableNotFoundError as error:
            if where.contents() is Contents.LOG:
                raise
            root = shown(self._settings.tables_url)
            raise TablesAbsentError(f"{name} is not there, below {root}") from error


@contextmanager
def _door(doing: str, where: Place) -> Iterator[None]:
    """Make the libraries' errors ours."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, _FOREIGN) or type(error) is Exception or is_panic(error):
            raise LakeError(f"{doing}: {type(error).__name__}: {where.told(error)}") from None
        raise
