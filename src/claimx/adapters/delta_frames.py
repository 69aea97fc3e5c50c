"""From rows, events and log lines to frames: one list per column, never a dict per row, every type explicit."""

from collections.abc import Sequence
from operator import attrgetter

import polars as pl

from claimx.domain.event_log import LogLine
from claimx.domain.events import Event
from claimx.domain.rows import Column, Policy, Row, Table, Type, Value
from claimx.domain.times import Micros
from claimx.errors import RowsRejectedError

_TIMESTAMP = pl.Datetime("us", "UTC")
_STORED: dict[Type, pl.DataType] = {
    Type.STRING: pl.String(),
    Type.INT64: pl.Int64(),
    Type.FLOAT64: pl.Float64(),
    Type.BOOLEAN: pl.Boolean(),
    Type.TIMESTAMP: pl.Int64(),
    Type.DATE: pl.Int64(),
}
_YEAR_1: Micros = -62_135_596_800_000_000
_YEAR_10000: Micros = 253_402_300_800_000_000
_BAD_VALUE = (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError)


def events_frame(table: Table, events: Sequence[Event], written_at: Micros) -> pl.DataFrame:
    """Build the frame of claimx_events.

    Raises:
        RowsRejectedError: a value does not fit its column.
    """
    return _struct_frame(table, events, {"created_at": written_at}, {"event_date": "ingested_at"})


def log_frame(table: Table, lines: Sequence[LogLine]) -> pl.DataFrame:
    """Build the frame of claimx_event_log.

    Raises:
        RowsRejectedError: a value does not fit its column.
    """
    return _struct_frame(table, lines, {}, {"processed_date": "processed_at"})


def rows_frame(columns: Sequence[Column], rows: Sequence[Row]) -> pl.DataFrame:
    """Build a frame of these columns; what a row does not have is null.

    Raises:
        RowsRejectedError: a value does not fit its column, or a key is null.
    """
    cells = [row.values for row in rows]
    return pl.DataFrame([_series(column, [cell.get(column.name) for cell in cells]) for column in columns])


def padded(frame: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """Give a frame the columns of an (empty) table, in its order; those it does not know are null."""
    unknown = [
        pl.Series(name, [None], dtype=kind).new_from_index(0, frame.height)
        for name, kind in table.schema.items()
        if name not in frame.columns
    ]
    return frame.with_columns(unknown).select(table.columns)


def _struct_frame(
    table: Table,
    structs: Sequence[Event] | Sequence[LogLine],
    constants: dict[str, Micros],
    days: dict[str, str],
) -> pl.DataFrame:
    columns: list[pl.Series] = []
    for column in table.columns:
        if column.name in constants:
            single = _series(column, [constants[column.name]])
            columns.append(single.new_from_index(0, len(structs)))
        else:
            source = days.get(column.name, column.name)
            columns.append(_series(column, list(map(attrgetter(source), structs))))
    return pl.DataFrame(columns)


def _series(column: Column, values: Sequence[Value]) -> pl.Series:
    try:
        series = pl.Series(column.name, values, dtype=_STORED[column.type])
    except _BAD_VALUE as error:
        raise RowsRejectedError(f"{column.name}: {type(error).__name__}, not a {column.type}") from None
    if column.policy is Policy.KEY and series.null_count():
        raise RowsRejectedError(f"{column.name}: a key is null")
    if column.type not in {Type.TIMESTAMP, Type.DATE}:
        return series
    if not series.is_between(_YEAR_1, _YEAR_10000, closed="left").all():
        raise RowsRejectedError(f"{column.name}: not between the years 1 and 9999")
    times = series.cast(_TIMESTAMP)
    return times.cast(pl.Date) if column.type is Type.DATE else times
