"""The MERGE of every policy in SQL: the twin of ``claimx.domain.rows.merge_values``, checked against it by a test."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from itertools import zip_longest
from typing import NamedTuple

from claimx.domain.rows import Column, Policy, Table


class Upsert(NamedTuple):
    """One MERGE.

    Args:
        columns: what the source must have: columns that no row speaks for are left out, and so kept in the table.
        on: which rows are the same.
        changes: whether a row that is there already would change; one that does not is not written again.
        updates: for a row that is there already: an expression for each column.
        inserts: for a row that is not there yet.
    """

    columns: tuple[Column, ...]
    on: str
    changes: str
    updates: dict[str, str]
    inserts: dict[str, str]


def upsert(table: Table, carried: Collection[str]) -> Upsert:
    """Write the MERGE for a batch whose rows carry these columns.

    A NEWEST column is spoken for by its clock, so that it is null in a newer row that does not have it; and a clock
    that no row carries is null.
    """
    names = _spoken_for(table, carried)
    columns = tuple(column for column in table.columns if column.name in names)
    return Upsert(
        columns,
        " AND ".join(f"t.{name} = s.{name}" for name in table.key),
        _any_of([changed(column) for column in columns if column.policy is not Policy.KEY]),
        {column.name: merged(column) for column in columns if column.policy is not Policy.KEY},
        {column.name: inserted(column) for column in columns},
    )


def merged(column: Column) -> str:
    """The expression of one column for rows ``t`` (there already) and ``s`` (new)."""
    mine, theirs = f"t.{column.name}", f"s.{column.name}"
    match column.policy:
        case Policy.KEY:
            return mine
        case Policy.SET_ONCE | Policy.FILL_NULL:
            return f"COALESCE({mine}, {theirs})"
        case Policy.NEWEST:
            return f"CASE WHEN {_is_newer(column.clock)} THEN {theirs} ELSE {mine} END"
        case Policy.NEWEST_NON_NULL:
            better = f"{mine} IS NULL OR {_is_newer(column.clock)} OR {_wins_tie(column)}"
            return f"CASE WHEN {theirs} IS NOT NULL AND ({better}) THEN {theirs} ELSE {mine} END"
        case Policy.STICKY_TRUE:
            return f"CASE WHEN {mine} OR {theirs} THEN true ELSE COALESCE({mine}, {theirs}) END"
        case Policy.MIN | Policy.MAX:
            return (
                f"CASE WHEN {mine} IS NULL OR {theirs} {_better(column)} {mine} THEN {theirs} ELSE {mine} END"
            )


def inserted(column: Column) -> str:
    """The expression of one column where there is no row yet: merged onto nothing."""
    if column.policy is Policy.NEWEST:
        return f"CASE WHEN s.{column.clock} IS NOT NULL THEN s.{column.name} ELSE NULL END"
    return f"s.{column.name}"


def changed(column: Column) -> str:
    """Whether ``merged`` may differ from ``t``. Written without IS DISTINCT FROM, which delta-rs reads back wrongly."""
    mine, theirs = f"t.{column.name}", f"s.{column.name}"
    fills = f"({mine} IS NULL AND {theirs} IS NOT NULL)"
    match column.policy:
        case Policy.KEY:
            return "false"
        case Policy.SET_ONCE | Policy.FILL_NULL:
            return fills
        case Policy.NEWEST:
            return _is_newer(column.clock)
        case Policy.NEWEST_NON_NULL:
            return f"({fills} OR {_is_newer(column.clock)} OR {_wins_tie(column)})"
        case Policy.STICKY_TRUE:
            return f"({fills} OR ({theirs} AND NOT {mine}))"
        case Policy.MIN | Policy.MAX:
            return f"({fills} OR {theirs} {_better(column)} {mine})"


def same_event(day: date, first: int, last: int) -> str:
    """Match events with made ids of one day: the id contains the time, so that literal bounds find the few files.

    Args:
        day: their event_date.
        first: their lowest ingested_at, in microseconds.
        last: their highest.
    """
    return (
        f"t.event_date = '{day}' AND t.ingested_at >= to_timestamp_micros({first}) "
        f"AND t.ingested_at <= to_timestamp_micros({last}) "
        "AND t.ingested_at = s.ingested_at AND t.event_id = s.event_id"
    )


def same_given_id(day: date, days: int) -> str:
    """Match events with given ids of one day, which may be there with another time, ``days`` around it."""
    low, high = (date.fromordinal(_clamp(day.toordinal() + shift)) for shift in (-days, days))
    return f"t.event_date >= '{low}' AND t.event_date <= '{high}' AND t.event_id = s.event_id"


def projects_fetched_at(project_ids: Collection[str]) -> str:
    """Ask table ``t`` for the clocks of projects.

    A join costs the same for ten ids and for a thousand, an IN list does not; the literal bounds skip files.
    """
    low, high = _quoted(min(project_ids)), _quoted(max(project_ids))
    asked = ", ".join(f"({_quoted(project_id)})" for project_id in sorted(set(project_ids)))
    return (
        f"SELECT t.project_id, t.fetched_at FROM t JOIN (VALUES {asked}) s(id) ON t.project_id = s.id "  # noqa: S608 # all is quoted
        f"WHERE t.project_id >= {low} AND t.project_id <= {high} AND t.fetched_at IS NOT NULL"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _clamp(ordinal: int) -> int:
    return min(max(ordinal, date.min.toordinal()), date.max.toordinal())


def _spoken_for(table: Table, carried: Collection[str]) -> set[str]:
    names = set(carried)
    for column in table.columns:
        if column.policy is Policy.NEWEST and column.clock in carried:
            names.add(column.name)
        elif column.name in carried and column.policy in {Policy.NEWEST, Policy.NEWEST_NON_NULL}:
            names.add(column.clock)
    return names


def _any_of(conditions: Sequence[str]) -> str:
    """Join conditions as a balanced tree: delta-rs refuses to read a deep one."""
    distinct = list(dict.fromkeys(conditions))
    while len(distinct) > 1:
        pairs = zip_longest(distinct[::2], distinct[1::2])
        distinct = [f"({one} OR {other})" if other else one for one, other in pairs]
    return distinct[0] if distinct else "false"


def _better(column: Column) -> str:
    return "<" if column.policy is Policy.MIN else ">"


def _is_newer(clock: str) -> str:
    return f"(s.{clock} IS NOT NULL AND (t.{clock} IS NULL OR s.{clock} > t.{clock}))"


def _wins_tie(column: Column) -> str:
    return f"(s.{column.clock} = t.{column.clock} AND s.{column.name} > t.{column.name})"


def carried_by(rows: Iterable[Collection[str]]) -> set[str]:
    """All columns that any of the rows speaks for."""
    return set().union(*rows)
