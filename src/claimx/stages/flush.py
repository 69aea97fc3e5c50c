"""The flush cycle, the only writer of tables: rows phase by phase, then the event log, then settlement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from claimx.domain.event_log import lines
from claimx.domain.events import Event
from claimx.domain.rows import Row, collapse
from claimx.domain.tables import TABLES
from claimx.errors import RowsRejectedError
from claimx.ports.lake import Lake
from claimx.stages.buffer import CONTACTS, EVENTS, PROJECTS, Cycle
from claimx.stages.flow import Flow
from claimx.stages.rejects import Rejects

R = TypeVar("R", Event, Row)


class Flush:
    """Commits one cycle after the other while the next one fills.

    A project goes before all that refers to it, and after its contacts: its row says that its answer is in the lake.

    A row that the lake can never take is bisected out and buried alone; whatever else fails is done again.
    """

    def __init__(self, flow: Flow, lake: Lake) -> None:
        self._flow = flow
        self._lake = lake

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._commit(
                await self._flow.buffer.next_cycle()
            )  # no name: nothing keeps a cycle that is over

    async def _commit(self, cycle: Cycle) -> None:
        with self._flow.runtime.board["flush"].work("cycle"):
            await self._write_all(cycle)

    async def _write_all(self, cycle: Cycle) -> None:
        rejects = Rejects(self._flow, cycle)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._merge_events(cycle, rejects))
            group.create_task(self._merge(CONTACTS, cycle, rejects))
        await self._merge(PROJECTS, cycle, rejects)
        async with asyncio.TaskGroup() as group:
            for table in cycle.chunks:
                if table not in {CONTACTS, PROJECTS}:
                    group.create_task(self._merge(table, cycle, rejects))
        await rejects.bury()
        self._flow.buffer.rows_durable(
            cycle
        )  # receipts that conclude now write their line in this very cycle
        rejects.close_children()
        self._flow.buffer.rows_durable(None)
        await self._append(cycle)
        await self._flow.settlement.settle([receipt for receipt, _ in cycle.concluded])
        counters = self._flow.runtime.counters
        counters.flushes += 1
        counters.flushed_rows += cycle.rows

    async def _merge_events(self, cycle: Cycle, rejects: Rejects) -> None:
        unique: dict[str, Event] = {}
        for chunk in cycle.events:
            for event in chunk.events:
                unique.setdefault(event.event_id, event)
        now = self._flow.runtime.clock.now()
        await self._write(
            EVENTS,
            list(unique.values()),
            lambda events: self._lake.merge_events(events, now),
            rejects.add_event,
        )

    async def _merge(self, table: str, cycle: Cycle, rejects: Rejects) -> None:
        rows = [row for chunk in cycle.chunks.get(table, ()) for row in chunk.rows]
        await self._write(
            table, collapse(TABLES[table], rows), lambda rows: self._lake.merge(table, rows), rejects.add_row
        )

    async def _write(
        self,
        table: str,
        rows: Sequence[R],
        write: Callable[[Sequence[R]], Awaitable[None]],
        reject: Callable[[R, str], None],
    ) -> None:
        if not rows:
            return
        try:
            await self._flow.runtime.redo.until_done(
                "flush.failed", lambda: write(rows), table=table, rows=len(rows)
            )
        except RowsRejectedError as error:
            if len(rows) == 1:
                reject(rows[0], str(error))
                return
            half = len(rows) // 2
            await self._write(table, rows[:half], write, reject)
            await self._write(table, rows[half:], write, reject)

    async def _append(self, cycle: Cycle) -> None:
        if not cycle.concluded:
            return
        runtime = self._flow.runtime
        now = runtime.clock.now()
        told = [line for receipt, first in cycle.concluded for line in lines(receipt, first, now)]
        await runtime.redo.until_done(
            "flush.failed", lambda: self._lake.append_log(told), table="claimx_event_log", rows=len(told)
        )
