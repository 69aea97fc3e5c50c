"""Typed rows: how tables are declared, and how two rows of one key become one."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

Value = str | int | float | bool | None
"""A cell. Timestamps are microseconds UTC; so are dates, of which the table keeps the UTC day."""


class Type(StrEnum):
    """Column types; Arrow, Parquet and docs follow from them."""

    STRING = "string"
    INT64 = "int64"
    FLOAT64 = "float64"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    DATE = "date"


class Policy(StrEnum):
    """What becomes of a column when a row of the same key is there already.

    ``t`` is the row in the table, ``s`` the row that comes, ``v`` the column, ``c`` its clock; a column that a row does
    not carry is null. Each policy is one SQL expression, and ``merge_values`` is its twin:

    * KEY: ``t.v``; equal by definition.
    * SET_ONCE, FILL_NULL: ``coalesce(t.v, s.v)``. SET_ONCE is for values that we write, FILL_NULL for columns that
      others fill.
    * NEWEST: ``CASE WHEN s.c IS NOT NULL AND (t.c IS NULL OR s.c > t.c) THEN s.v ELSE t.v END``: a null of a newer
      source overwrites, an equal clock changes nothing.
    * NEWEST_NON_NULL: ``CASE WHEN s.v IS NOT NULL AND (t.v IS NULL OR <s.c is newer, as in NEWEST> OR
      (s.c = t.c AND s.v > t.v)) THEN s.v ELSE t.v END``: of equal clocks the greater value. A row carries the clock only
      beside a value that is not null, else the order of arrival would matter.
    * MIN, MAX: the lesser, the greater of the two that are not null; texts compare by code point.
    * STICKY_TRUE: ``CASE WHEN t.v OR s.v THEN true ELSE coalesce(t.v, s.v) END``: true beats false beats null.
    """

    KEY = "key"
    SET_ONCE = "set_once"
    NEWEST = "newest"
    NEWEST_NON_NULL = "newest_non_null"
    MIN = "min"
    MAX = "max"
    FILL_NULL = "fill_null"
    STICKY_TRUE = "sticky_true"


class Column(NamedTuple):
    """One column.

    Args:
        clock: for NEWEST and NEWEST_NON_NULL the column of this table that guards it: a row whose clock is null or not
            newer leaves it untouched, and a row that carries a clock speaks for every NEWEST column of that clock. A
            clock is a TIMESTAMP, or a STRING that sorts; its own policy is MAX. ``t.c`` is the clock as it was before
            the merge.
    """

    name: str
    type: Type
    policy: Policy = Policy.NEWEST
    clock: str = "fetched_at"
    doc: str = ""


class Table(NamedTuple):
    """One Delta table.

    Args:
        partition_by: partition columns of a new table; an existing table keeps its own.
    """

    name: str
    columns: tuple[Column, ...]
    partition_by: tuple[str, ...] = ()
    doc: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """The merge key; empty for a table that is only appended to."""
        return tuple(column.name for column in self.columns if column.policy is Policy.KEY)


class Row(msgspec.Struct, frozen=True):
    """One row for one table: ``values`` holds the columns that it speaks for, key and clocks among them."""

    table: str
    values: Mapping[str, Value]


def key_of(table: Table, row: Row) -> tuple[Value, ...]:
    """The merge key of a row."""
    return tuple(row.values[name] for name in table.key)


def collapse(table: Table, rows: Iterable[Row]) -> list[Row]:
    """Fold rows of equal key into one by the policies of the columns; of equal clocks the first row wins.

    Rows of a table without a key are only appended: all of them stay.
    """
    if not table.key:
        return list(rows)
    folded: dict[tuple[Value, ...], Mapping[str, Value]] = {}
    for row in rows:
        key = key_of(table, row)
        old = folded.get(key)
        folded[key] = row.values if old is None else merge_values(table, old, row.values)
    return [Row(table.name, values) for values in folded.values()]


def merge_values(table: Table, old: Mapping[str, Value], new: Mapping[str, Value]) -> dict[str, Value]:
    """Merge ``new`` onto ``old``, column by column: the meaning of every policy, and the twin of the MERGE in SQL."""
    return {
        column.name: _merged(column, old, new)
        for column in table.columns
        if column.name in old or column.name in new
    }


def _merged(column: Column, old: Mapping[str, Value], new: Mapping[str, Value]) -> Value:
    mine, theirs = old.get(column.name), new.get(column.name)
    match column.policy:
        case Policy.KEY | Policy.SET_ONCE | Policy.FILL_NULL:
            return theirs if mine is None else mine
        case Policy.NEWEST:
            return theirs if _is_newer(column.clock, old, new) else mine
        case Policy.NEWEST_NON_NULL:
            if theirs is None or mine is None or _is_newer(column.clock, old, new):
                return mine if theirs is None else theirs
            return _extreme(Policy.MAX, mine, theirs) if _is_of_one_time(column.clock, old, new) else mine
        case Policy.STICKY_TRUE:
            return True if True in (mine, theirs) else (theirs if mine is None else mine)
        case Policy.MIN | Policy.MAX:
            return _extreme(column.policy, mine, theirs)


def _extreme(policy: Policy, mine: Value, theirs: Value) -> Value:
    if mine is None or theirs is None:
        return theirs if mine is None else mine
    return (min if policy is Policy.MIN else max)(mine, theirs)


def _is_of_one_time(clock: str, old: Mapping[str, Value], new: Mapping[str, Value]) -> bool:
    mine, theirs = old.get(clock), new.get(clock)
    return mine is not None and mine == theirs


def _is_newer(clock: str, old: Mapping[str, Value], new: Mapping[str, Value]) -> bool:
    mine, theirs = old.get(clock), new.get(clock)
    return theirs is not None and (mine is None or theirs > mine)  # type: ignore[operator]
