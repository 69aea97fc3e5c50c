"""``claimx retries``: all steps through a delay queue, and what is told of them."""

import heapq
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import count

import msgspec

from claimx.config.options import RetryFilter
from claimx.domain.times import Micros
from claimx.errors import OperationError, TransientError
from claimx.ops.dlq import Watch
from claimx.ops.dlq_view import shown
from claimx.ports.control import DropRetries, ListRetries, Page, Retries, RetryRow, RunRetries, Wanted
from claimx.ports.delay import RowKey

SAMPLE = 5
_EVENT_SHOWN = 20
_COLUMNS = ("due", "stage", "code", "attempt", "event", "project", "child", "origin", "parked")


class ListReport(msgspec.Struct, kw_only=True):
    """What ``claimx retries list`` found; the rows that are due first, at most as many as asked for.

    Args:
        through: ``process``, the running one; ``file``, none runs.
        leased: of the total, rows that are being worked on.
    """

    schema: str = "claimx.retries.list/1"
    through: str
    total: int = 0
    leased: int = 0
    by_code: dict[str, int] = {}
    rows: list[RetryRow] = []


class ChangeReport(msgspec.Struct, kw_only=True):
    """What ``claimx retries run`` or ``drop`` did.

    Args:
        selected: rows that were to be changed.
        done: rows that were made due, or dropped.
        leased: rows that are being worked on: they are left alone.
        unchanged: rows that were due already, or gone meanwhile.
        failed: rows whose dead letter was not acknowledged: they stay.
        sample: some of those selected.
        stopped_by: what ended it before its end.
    """

    schema: str
    through: str
    dry_run: bool = False
    selected: int = 0
    done: int = 0
    leased: int = 0
    unchanged: int = 0
    failed: int = 0
    reason: str | None = None
    cancelled: bool = False
    interrupted: bool = False
    stopped_by: str | None = None
    sample: list[RetryRow] = []


def wanted_of(asked: RetryFilter, now: Micros) -> Wanted:
    """Pin a filter to a moment: what is parked later is for the next command."""
    return Wanted(
        stage=asked.stage,
        code=asked.code,
        project=asked.project,
        event=asked.event,
        due_by=asked.due and asked.due.at(now),
        parked_by=now,
    )


async def sweep(
    queue: Retries, kind: type[ListRetries | RunRetries | DropRetries], wanted: Wanted, watch: Watch
) -> AsyncIterator[Page]:
    """Take every step, or those until a person has asked for the end."""
    after: RowKey | None = None
    while not watch.is_stopping:
        page = await queue.step(kind(wanted=wanted, after=after))
        yield page
        after = page.after
        if after is None:
            return


async def rows_of(queue: Retries, wanted: Wanted, limit: int | None, watch: Watch) -> AsyncIterator[RetryRow]:
    """Every row as it comes, in the order of origins; at most ``limit``."""
    number = 0
    async for page in sweep(queue, ListRetries, wanted, watch):
        for row in page.rows:
            if number == limit:
                return
            number += 1
            yield row


async def survey(queue: Retries, wanted: Wanted, report: ListReport, limit: int, watch: Watch) -> None:
    """Count all rows, keep those that are due first."""
    soonest: list[tuple[str, int, RetryRow]] = []
    codes: Counter[str] = Counter()
    number = count()
    async for page in sweep(queue, ListRetries, wanted, watch):
        report.total += len(page.rows)
        report.leased += sum(row.is_leased for row in page.rows)
        codes.update(row.code for row in page.rows)
        following = [(row.due_at, next(number), row) for row in page.rows]
        soonest = heapq.nsmallest(limit, [*soonest, *following])
    report.by_code = dict(codes.most_common())
    report.rows = [row for _, _, row in soonest]


async def carry_out(
    queue: Retries, kind: type[RunRetries | DropRetries], wanted: Wanted, report: ChangeReport, watch: Watch
) -> None:
    """Change all rows that fit.

    Raises:
        OperationError, TransientError: as ``Retries.step``, before anything was changed.
    """
    try:
        async for page in sweep(queue, kind, wanted, watch):
            report.done += len(page.rows)
            report.leased += page.leased
            report.unchanged += page.unchanged
            report.failed += page.failed
            report.reason = report.reason or page.reason
            watch.advance(len(page.rows))
    except (OperationError, TransientError) as error:
        if not report.done:
            raise
        report.stopped_by = str(error)
    report.interrupted = watch.is_stopping


def list_text(rows: Sequence[RetryRow]) -> Iterator[str]:
    """Lines of a table; none without a row."""
    cells = [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *cells, strict=True)]
    for line in (_COLUMNS, *cells) if cells else ():
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()


def totals_text(report: ListReport) -> str:
    """How many rows there are, and why they wait, in one line."""
    line = f"{report.total:,} parked" + (f", {report.leased:,} being worked on" if report.leased else "")
    return line + "".join(f"; {shown(code)} {rows:,}" for code, rows in list(report.by_code.items())[:SAMPLE])


def rows_text(number: int) -> str:
    """Say how many rows."""
    return f"{number:,} row" + ("" if number == 1 else "s")


def change_text(report: ChangeReport, verb: str) -> Iterator[str]:
    """What was done, for people.

    Args:
        verb: as in ``rows dropped``.
    """
    if report.dry_run:
        yield f"{rows_text(report.selected)} would be {verb}"
        return
    yield f"{rows_text(report.done)} {verb}"
    for number, what in (
        (report.leased, "left alone, being worked on"),
        (report.unchanged, "due already, or gone meanwhile"),
        (report.failed, f"not {verb}: {shown(report.reason or '')}"),
    ):
        if number:
            yield f"{rows_text(number)} {what}"
    if report.stopped_by:
        yield f"stopped by: {shown(report.stopped_by)}; run it again, it goes on where it ended"


def _cells(row: RetryRow) -> tuple[str, ...]:
    cells = (
        "being worked on" if row.is_leased else f"{row.due_at[:19]}Z",
        row.stage,
        row.code,
        str(row.attempt),
        row.event_id[:_EVENT_SHOWN],
        row.project_id,
        row.child,
        "/".join(map(str, row.origin)),
        f"{row.parked_at[:19]}Z",
    )
    return tuple(shown(cell or "-") for cell in cells)
