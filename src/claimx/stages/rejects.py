"""Rows that the lake can never take: each is buried alone, its neighbours are committed (I5)."""

from claimx.domain.dead_letter import DeadLetter, Failure, of_event, of_task
from claimx.domain.events import Event
from claimx.domain.outcomes import Outcome
from claimx.domain.rows import Row, key_of
from claimx.domain.tables import TABLES
from claimx.domain.tasks import Origin
from claimx.stages.buffer import EVENTS, PROJECTS, Cycle, EventChunk, RowChunk
from claimx.stages.flow import Flow
from claimx.stages.work import Work
from claimx.telemetry.context import About, Named, Subject

_CODE = "lake.bad_row"


class Rejects:
    """The rejected rows of one cycle, and the end of its children."""

    def __init__(self, flow: Flow, cycle: Cycle) -> None:
        self._flow = flow
        self._cycle = cycle
        self._events: dict[str, str] = {}
        self._rows: dict[tuple[str, str], str] = {}

    def add_event(self, event: Event, why: str) -> None:
        """Note an event whose row was rejected by itself."""
        self._events[event.event_id] = why

    def add_row(self, row: Row, why: str) -> None:
        """Note a row that was rejected by itself."""
        self._rows[row.table, _key(row)] = why
        if row.table == PROJECTS:
            self._flow.projects.forget(_key(row))

    async def bury(self) -> None:
        """Produce a dead letter for each rejected row and each receipt that it belongs to."""
        for chunk in self._cycle.events if self._events else ():
            await self._bury_events(chunk)
        for chunks in self._cycle.chunks.values() if self._rows else ():
            for row_chunk in chunks:
                await self._bury_rows(row_chunk)

    def close_children(self) -> None:
        """Close the child of each chunk: dead-lettered if a row of it was, else committed."""
        for chunk in self._cycle.events:
            self._flow.settlement.close(chunk.receipt, self._outcome_of_events(chunk))
        for chunks in self._cycle.chunks.values():
            for row_chunk in chunks:
                self._flow.settlement.close(row_chunk.receipt, self._outcome_of_rows(row_chunk))

    def _outcome_of_events(self, chunk: EventChunk) -> Outcome:
        receipt = chunk.receipt
        bad = (
            [event.event_id for event in chunk.events if event.event_id in self._events]
            if self._events
            else []
        )
        if receipt.run:
            receipt.buried = dict.fromkeys(bad, _CODE)
            return Outcome.COMMITTED
        if bad:
            receipt.error_code = _CODE
        return Outcome.DEAD_LETTERED if bad else Outcome.COMMITTED

    def _outcome_of_rows(self, chunk: RowChunk) -> Outcome:
        if self._rows and any((row.table, _key(row)) in self._rows for row in chunk.rows):
            chunk.receipt.error_code = _CODE
            return Outcome.DEAD_LETTERED
        return Outcome.COMMITTED

    async def _bury_events(self, chunk: EventChunk) -> None:
        topic, partition, _ = chunk.receipt.origin
        for event in chunk.events:
            if event.event_id in self._events:
                origin = Origin(topic, partition, event.offset)
                failure = Failure("RowsRejectedError", _CODE, self._events[event.event_id])
                letter = of_event(event, origin, failure, self._flow.runtime.clock.now())
                self._flow.settlement.in_flight.seal(chunk.receipt)
                about = Named(
                    stage="ingest",
                    event_id=event.event_id,
                    project_id=event.project_id,
                    **origin._asdict(),
                )
                await self._bury(letter, failure, about, (EVENTS, event.event_id))

    async def _bury_rows(self, chunk: RowChunk) -> None:
        for row in chunk.rows:
            why = self._rows.get((row.table, _key(row)))
            if why is not None:
                failure, child = Failure("RowsRejectedError", _CODE, why), f"row:{row.table}:{_key(row)}"
                letter = of_task(chunk.stage, chunk.task, child, failure, self._flow.runtime.clock.now())
                self._flow.settlement.in_flight.seal(chunk.receipt)
                about = Work(chunk.stage, chunk.task, chunk.receipt)
                await self._bury(letter, failure, about, (row.table, _key(row)))

    async def _bury(
        self, letter: DeadLetter, failure: Failure, about: Subject, place: tuple[str, str]
    ) -> None:
        with About(about):
            await self._flow.fates.produce(letter)
            self._flow.runtime.log.error(
                "row.rejected", code=failure.code, table=place[0], key=place[1], detail=failure.detail
            )


def _key(row: Row) -> str:
    return "/".join(str(part) for part in key_of(TABLES[row.table], row))
