"""``claimx tables``: make the tables that are absent, and tell what is there."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from claimx.errors import EngineError, LakeError, SchemaDriftError
from claimx.ports.tables import State, Tables, TableStatus

Done = Literal["created", "exists", "columns added"]


class InitStep(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one table, or would become of it."""

    table: str
    done: Done
    columns: tuple[str, ...] = ()
    """Those that were added."""


class InitReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``claimx tables init`` did."""

    schema: str = "claimx.tables.init/1"
    tables_url: str
    dry_run: bool
    tables: list[InitStep]


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``claimx tables status`` found."""

    schema: str = "claimx.tables.status/1"
    tables_url: str
    tables: list[TableStatus]


class _StatusLine(TableStatus, frozen=True, kw_only=True, tag_field="schema", tag="claimx.tables.status/1"):
    """One table as a line of its own."""


async def init(tables: Tables, *, dry_run: bool = False) -> InitReport:
    """Create what is absent, add columns that are missing. Nothing is changed if any table is in the way.

    Raises:
        SchemaDriftError: a table does not fit its declaration.
        LakeError: a table cannot be read.
        EngineError: there are files where a table would lie.
    """
    found = (await status(tables)).tables
    _refuse(found)
    steps = []
    for each in found:
        if each.state is State.ABSENT:
            steps.append(InitStep(table=each.table, done="created"))
            if not dry_run:
                await tables.create(each.table)
        elif each.missing_columns:
            steps.append(InitStep(table=each.table, done="columns added", columns=each.missing_columns))
            if not dry_run:
                await tables.add_columns(each.table)
        else:
            steps.append(InitStep(table=each.table, done="exists"))
    return InitReport(tables_url=tables.shown_url, dry_run=dry_run, tables=steps)


async def status(tables: Tables) -> StatusReport:
    """Look at every table; one that cannot be read does not hide the others."""
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_inspected(tables, name)) for name in tables.names]
    return StatusReport(tables_url=tables.shown_url, tables=[each.result() for each in asked])


def is_unreachable(report: StatusReport) -> bool:
    """Whether of some table nobody knows what it is."""
    return any(each.state is State.UNREADABLE for each in report.tables)


def is_ready(report: StatusReport) -> bool:
    """Whether ``claimx run`` could write every table."""
    return all(each.state is State.READY for each in report.tables)


def init_text(report: InitReport) -> str:
    """One line for each table."""
    would: dict[Done, str] = {"created": "to create", "exists": "exists", "columns added": "columns to add"}
    lines = []
    for step in report.tables:
        done = would[step.done] if report.dry_run else step.done
        columns = f": {', '.join(step.columns)}" if step.columns else ""
        lines.append(f"{done:<14} {step.table}{columns}")
    return "\n".join(lines)


def status_text(report: StatusReport) -> str:
    """A table, with a line for each thing that is worth one."""
    heads = ("table", "state", "version", "rows", "files", "MB", "last commit", "partitioned by")
    rows = [heads, *(_cells(each) for each in report.tables)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = [report.tables_url, _aligned(heads, widths)]
    for each, row in zip(report.tables, rows[1:], strict=True):
        lines.append(_aligned(row, widths))
        lines += [f"    {note}" for note in _notes(each)]
    return "\n".join(lines)


def as_json(report: InitReport | StatusReport) -> str:
    """One JSON object."""
    return msgspec.json.encode(report).decode()


def status_jsonl(report: StatusReport) -> str:
    """One JSON object for each table."""
    lines = (_StatusLine(**msgspec.structs.asdict(each)) for each in report.tables)
    return "\n".join(msgspec.json.encode(line).decode() for line in lines)


async def _inspected(tables: Tables, name: str) -> TableStatus:
    try:
        return await tables.inspect(name)
    except LakeError as error:
        return TableStatus(table=name, state=State.UNREADABLE, problem=str(error))


def _refuse(found: Iterable[TableStatus]) -> None:
    by_state: dict[State, list[TableStatus]] = {}
    for each in found:
        by_state.setdefault(each.state, []).append(each)
    if unreadable := by_state.get(State.UNREADABLE):
        raise LakeError("\n".join(each.problem or each.table for each in unreadable))
    if drifting := by_state.get(State.DRIFTS):
        raise SchemaDriftError.of({each.table: each.drift for each in drifting})
    if occupied := by_state.get(State.OCCUPIED):
        raise EngineError("\n".join(each.problem or each.table for each in occupied))


def _cells(each: TableStatus) -> Sequence[str]:
    megabytes = None if each.bytes is None else f"{each.bytes / 1e6:,.1f}"
    numbers = (
        f"{number:,}" if number is not None else "-" for number in (each.version, each.rows, each.files)
    )
    when = f"{each.committed_at[:19]}Z" if each.committed_at else "-"
    return (each.table, each.state, *numbers, megabytes or "-", when, ", ".join(each.partitioned_by) or "-")


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Texts to the left, the four numbers to the right."""
    numbers = range(2, 6)
    padded = (
        f"{cell:>{width}}" if column in numbers else f"{cell:<{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(padded).rstrip()


def _notes(each: TableStatus) -> Iterator[str]:
    if each.problem is not None:
        yield each.problem
    yield from each.drift
    if each.missing_columns:
        yield f"missing columns: {', '.join(each.missing_columns)} (claimx run and claimx tables init add them)"
    if each.unknown_columns:
        yield f"unknown columns: {', '.join(each.unknown_columns)} (kept)"
