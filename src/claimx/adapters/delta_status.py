"""What operators want to know of a table."""

import polars as pl
from deltalake import DeltaTable

from claimx.adapters import delta_schema
from claimx.adapters.delta_place import Contents, Place
from claimx.domain.rows import Table
from claimx.domain.times import format_time
from claimx.ports.tables import State, TableStatus

_MICROS_PER_MS = 1000


def of_table(declared: Table, table: DeltaTable) -> TableStatus:
    """Tell of a table by its log alone."""
    fit = delta_schema.fit(declared, table)
    files = pl.DataFrame(table.get_add_actions(flatten=True))
    rows = files["num_records"] if "num_records" in files.columns else pl.Series([None])
    return TableStatus(
        table=declared.name,
        state=State.DRIFTS if fit.drift else State.READY,
        version=table.version(),
        files=files.height,
        rows=None if rows.null_count() else int(rows.sum()),
        bytes=int(files["size_bytes"].sum()),
        partitioned_by=tuple(table.metadata().partition_columns),
        committed_at=_committed_at(table),
        missing_columns=tuple(field.name for field in fit.missing),
        unknown_columns=fit.unknown,
        drift=fit.drift,
    )


def of_no_table(declared: Table, contents: Contents, place: Place) -> TableStatus:
    """Tell of a place where there is no table."""
    if contents is Contents.NOTHING:
        return TableStatus(table=declared.name, state=State.ABSENT)
    where = place.uri if place.root is None else str(place.root)
    problem = (
        f"{declared.name}: there are files and no table in {where}: a table is made only where nothing is"
    )
    return TableStatus(table=declared.name, state=State.OCCUPIED, problem=problem)


def _committed_at(table: DeltaTable) -> str | None:
    last = next(iter(table.history(1)), {})
    at = last.get("timestamp")
    return format_time(at * _MICROS_PER_MS) if isinstance(at, int) else None
