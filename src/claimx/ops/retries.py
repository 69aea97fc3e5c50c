"""The delay queue in an operator's hands: one bounded step at a time, so that a running process goes on meanwhile."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from claimx.domain.dead_letter import Failure, of_task
from claimx.domain.tasks import CachedFile, DownloadTask, EnrichmentTask, stage_of
from claimx.domain.times import format_time
from claimx.errors import TransientError
from claimx.ports.clock import Clock
from claimx.ports.control import DropRetries, ListRetries, Page, RetryRow, RunRetries, Step
from claimx.ports.dead_letters import DeadLetters
from claimx.ports.delay import DelayQueue, DelayRow, Listed, RowKey
from claimx.telemetry.log import Log

ROWS = 500
"""Rows that one step looks at. The filter is ours and not the file's: there one query might read a million rows."""
CODE = "retry.dropped"


class Owner(Protocol):
    """Whoever leases the rows: the retry stage of a running process, or nobody."""

    @property
    def quiet(self) -> asyncio.Lock:
        """While it is held, no row is leased."""
        ...

    async def drop(self, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        """Delete rows, leased ones excepted; returns the keys of rows really deleted."""
        ...

    async def make_due(self, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        """Let rows be due now that are due later, leased ones excepted; returns the keys of rows changed."""
        ...


class Nobody:
    """The owner of a queue whose process does not run: its lock is ours, and so are the rows."""

    def __init__(self, delay: DelayQueue, clock: Clock) -> None:
        self.quiet = asyncio.Lock()
        self._delay = delay
        self._clock = clock

    async def drop(self, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        """Delete rows."""
        return await self._delay.drop(keys)

    async def make_due(self, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        """Let rows be due at the next start."""
        return await self._delay.make_due(keys, self._clock.now())


class RetryDesk:
    """Implements ports.control.Retries where the queue is open.

    A dropped row is a dead letter first, acknowledged, and deleted then. A crash between the two leaves both: the letter
    of the next try has the same id.
    """

    def __init__(
        self, delay: DelayQueue, owner: Owner, dead_letters: DeadLetters, clock: Clock, log: Log
    ) -> None:
        self._delay = delay
        self._owner = owner
        self._dead_letters = dead_letters
        self._clock = clock
        self._log = log

    async def step(self, command: Step) -> Page:
        """Take one step."""
        if isinstance(command, DropRetries):
            async with self._owner.quiet:
                return await self._step(command)
        return await self._step(command)

    async def _step(self, command: Step) -> Page:
        found = await self._delay.list_rows(ROWS, command.after)
        fitting = [each for each in found if command.wanted.takes(each.row)]
        page = Page(after=found[-1].row.key if len(found) == ROWS else None)
        match command:
            case ListRetries():
                page.rows = [view(each) for each in fitting]
            case RunRetries():
                free = _free(fitting, page)
                changed = set(await self._owner.make_due([each.row.key for each in free])) if free else set()
                page.rows = [view(each) for each in free if each.row.key in changed]
                page.unchanged = len(free) - len(page.rows)
                if page.rows:
                    self._log.info("delay_queue.hurried", rows=len(page.rows))
            case DropRetries():
                await self._drop(_free(fitting, page), page)
        return page

    async def _drop(self, rows: Sequence[Listed], page: Page) -> None:
        async with asyncio.TaskGroup() as group:
            buried = [(each, group.create_task(self._bury(each.row))) for each in rows]
        reasons = [reason for _, task in buried if (reason := task.result()) is not None]
        page.failed, page.reason = len(reasons), min(reasons, default=None)
        acked = [each for each, task in buried if task.result() is None]
        if not acked:
            return
        dropped = set(await self._owner.drop([each.row.key for each in acked]))
        page.rows = [view(each) for each in acked if each.row.key in dropped]
        page.unchanged = len(acked) - len(page.rows)
        for row in (each.row for each in acked if each.row.key in dropped):
            self._log.warning("item.dead_lettered", **_naming(row), code=CODE, detail=_detail(row))

    async def _bury(self, row: DelayRow) -> str | None:
        """Produce the dead letter of a row; why it was not acknowledged, or None. No flood holds an operator back."""
        failure = Failure("PermanentError", CODE, _detail(row))
        letter = of_task(stage_of(row.task), row.task, row.task.child, failure, self._clock.now())
        try:
            await self._dead_letters.put(letter)
        except TransientError as error:
            return str(error)
        return None


def view(listed: Listed) -> RetryRow:
    """A row for programs; no URL."""
    row, task = listed.row, listed.row.task
    download = task.download if isinstance(task, CachedFile) else task
    return RetryRow(
        stage=row.stage,
        code=row.code,
        due_at=format_time(row.due_at),
        parked_at=format_time(row.parked_at),
        first_tried_at=format_time(task.first_tried_at),
        is_leased=listed.is_leased,
        attempt=task.attempt,
        asked=task.asked,
        crashes=listed.crashes,
        event_id=task.event_id,
        event_type=task.event_type,
        project_id=task.project_id,
        media_id=download.media_id if isinstance(download, DownloadTask | EnrichmentTask) else None,
        child=task.child,
        origin=task.origin,
    )


def _free(fitting: Sequence[Listed], page: Page) -> list[Listed]:
    free = [each for each in fitting if not each.is_leased]
    page.leased = len(fitting) - len(free)
    return free


def _detail(row: DelayRow) -> str:
    return f"an operator dropped it while it waited because of {row.code}"


def _naming(row: DelayRow) -> dict[str, object]:
    task = row.task
    return {
        "stage": row.stage,
        "event_id": task.event_id,
        "project_id": task.project_id,
        "child": task.child,
        "attempt": task.attempt,
        **task.origin._asdict(),
    }
