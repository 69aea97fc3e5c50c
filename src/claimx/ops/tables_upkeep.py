"""``claimx tables optimize`` and ``vacuum``: table by table; one that fails does not keep the others from their turn."""

from collections.abc import Callable, Sequence

import msgspec

from claimx.errors import LakeError
from claimx.ports.tables import Tables

Told = Callable[[str], None]
"""Takes a line for a person who waits."""


class VacuumGoal(msgspec.Struct, frozen=True, kw_only=True):
    """How far a vacuum goes."""

    retain_hours: int
    full: bool


class OptimizeStep(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one table. With a dry run ``files_removed`` is what would be taken, and nothing was added."""

    table: str
    files_removed: int = 0
    files_added: int = 0
    problem: str | None = None


class VacuumStep(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one table."""

    table: str
    files: int = 0
    problem: str | None = None


class OptimizeReport(msgspec.Struct, kw_only=True):
    """What ``claimx tables optimize`` did."""

    schema: str = "claimx.tables.optimize/1"
    tables_url: str
    dry_run: bool
    tables: list[OptimizeStep]


class VacuumReport(msgspec.Struct, kw_only=True):
    """What ``claimx tables vacuum`` deleted, or with a dry run would delete."""

    schema: str = "claimx.tables.vacuum/1"
    tables_url: str
    dry_run: bool
    retain_hours: int
    cancelled: bool = False
    tables: list[VacuumStep]


Report = OptimizeReport | VacuumReport


async def optimize(tables: Tables, names: Sequence[str], tell: Told, *, dry_run: bool) -> OptimizeReport:
    """Make the small files of each table one."""
    report = OptimizeReport(tables_url=tables.shown_url, dry_run=dry_run, tables=[])
    for name in names:
        step = await _optimized(tables, name, dry_run=dry_run)
        report.tables.append(step)
        tell(_optimize_line(step, dry_run=dry_run))
    return report


async def vacuum(
    tables: Tables, names: Sequence[str], tell: Told, goal: VacuumGoal, *, dry_run: bool
) -> VacuumReport:
    """Delete what no version of the last hours needs, table by table."""
    report = VacuumReport(
        tables_url=tables.shown_url, dry_run=dry_run, retain_hours=goal.retain_hours, tables=[]
    )
    for name in names:
        step = await _vacuumed(tables, name, goal, dry_run=dry_run)
        report.tables.append(step)
        tell(_vacuum_line(step, dry_run=dry_run))
    return report


def failed(report: Report) -> int:
    """Tables that could not be done."""
    return sum(step.problem is not None for step in report.tables)


def as_text(report: Report) -> str:
    """One line for each table."""
    if isinstance(report, OptimizeReport):
        return "\n".join(_optimize_line(step, dry_run=report.dry_run) for step in report.tables)
    return "\n".join(_vacuum_line(step, dry_run=report.dry_run) for step in report.tables)


async def _optimized(tables: Tables, name: str, *, dry_run: bool) -> OptimizeStep:
    try:
        if dry_run:
            return OptimizeStep(table=name, files_removed=await tables.to_compact(name))
        done = await tables.compact(name)
    except LakeError as error:
        return OptimizeStep(table=name, problem=str(error))
    return OptimizeStep(table=name, files_removed=done.files_removed, files_added=done.files_added)


async def _vacuumed(tables: Tables, name: str, goal: VacuumGoal, *, dry_run: bool) -> VacuumStep:
    try:
        done = await tables.vacuum(name, goal.retain_hours, full=goal.full, dry_run=dry_run)
    except LakeError as error:
        return VacuumStep(table=name, problem=str(error))
    return VacuumStep(table=name, files=done.files)


def _optimize_line(step: OptimizeStep, *, dry_run: bool) -> str:
    if step.problem is not None:
        return f"{step.table}: FAILED: {step.problem}"
    if dry_run:
        return f"{step.table}: {step.files_removed:,} small files to make fewer"
    if not step.files_removed:
        return f"{step.table}: nothing to do"
    return f"{step.table}: {step.files_removed:,} files became {step.files_added:,}"


def _vacuum_line(step: VacuumStep, *, dry_run: bool) -> str:
    if step.problem is not None:
        return f"{step.table}: FAILED: {step.problem}"
    return f"{step.table}: {step.files:,} files {'to delete' if dry_run else 'deleted'}"
