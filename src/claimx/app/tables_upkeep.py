"""``claimx tables optimize`` and ``claimx tables vacuum``."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import msgspec

from claimx.adapters.delta import DeltaLake
from claimx.adapters.state_dir import upkeep_lock
from claimx.app.console import answer_to, print_lines
from claimx.app.tables import opened
from claimx.config.load import Loaded
from claimx.config.options import Question, UpkeepOptions
from claimx.config.tree import Settings
from claimx.ops import tables_upkeep as upkeep
from claimx.ops.tables_upkeep import OptimizeReport, Report, VacuumReport

UNREACHABLE = 5
PARTIAL = 6
CANCELLED = 7
T = TypeVar("T")

Load = Callable[[], Loaded]
Confirm = Callable[[Question], bool]


def optimize(load: Load, options: UpkeepOptions) -> int:
    """Make small files one, print what was done; 5: no table could be done, 6: not every one.

    Raises:
        OperationError: another one is at work.
    """
    settings = load().settings
    with upkeep_lock(settings.process.state_dir):
        report = _run(settings, lambda lake: _optimized(lake, options))
    return _told(report, options)


def vacuum(load: Load, options: UpkeepOptions, confirm: Confirm) -> int:
    """Delete what no version needs, print what was done; 5: no table could be done, 6: not every one, 7: not confirmed.

    Raises:
        OperationError: another one is at work.
    """
    settings = load().settings
    with upkeep_lock(settings.process.state_dir):
        report = _run(settings, lambda lake: _vacuumed(lake, options, dry_run=True))
        if not options.dry_run and any(step.files for step in report.tables):
            report.cancelled = not answer_to(confirm, _question(report))
            if not report.cancelled:
                report = _run(settings, lambda lake: _vacuumed(lake, options, dry_run=False))
    return CANCELLED if report.cancelled else _told(report, options)


def _question(report: VacuumReport) -> Question:
    files = sum(step.files for step in report.tables)
    return Question(
        f"delete {files:,} files below {report.tables_url}; no version of the last {report.retain_hours} hours needs them"
    )


async def _optimized(lake: DeltaLake, options: UpkeepOptions) -> OptimizeReport:
    return await upkeep.optimize(lake, _names(lake, options), _tell, dry_run=options.dry_run)


async def _vacuumed(lake: DeltaLake, options: UpkeepOptions, *, dry_run: bool) -> VacuumReport:
    goal = upkeep.VacuumGoal(retain_hours=options.retain_hours, full=options.full)
    return await upkeep.vacuum(lake, _names(lake, options), _tell, goal, dry_run=dry_run)


def _names(lake: DeltaLake, options: UpkeepOptions) -> Sequence[str]:
    return [name for name in lake.names if not options.tables or name in options.tables]


def _run(settings: Settings, work: Callable[[DeltaLake], Coroutine[Any, Any, T]]) -> T:
    async def main() -> T:
        async with opened(settings.lake) as lake:
            return await work(lake)

    return asyncio.run(main())


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


def _told(report: Report, options: UpkeepOptions) -> int:
    match options.output:
        case "text":
            print_lines([upkeep.as_text(report)])
        case "json":
            print_lines([msgspec.json.encode(report).decode()])
        case "jsonl":
            print_lines(
                msgspec.json.encode({"schema": report.schema, **msgspec.structs.asdict(step)}).decode()
                for step in report.tables
            )
    failed = upkeep.failed(report)
    if not failed:
        return 0
    return UNREACHABLE if failed == len(report.tables) else PARTIAL
