"""From records to rows of claimx_events, and to enrichment."""

from collections.abc import Sequence

from claimx.domain.events import Event, Malformed
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import Receipt
from claimx.domain.tasks import enrichment_task
from claimx.domain.times import Micros
from claimx.ports.source import RecordBatch
from claimx.stages.buffer import EventChunk
from claimx.stages.flow import Flow, Send
from claimx.stages.work import Work


class Ingest:
    """Begins a receipt for each record; records whose row is all their work share one, run by run.

    Args:
        send: hands work on to the enrich stage.
        replay_topic: its events are worked on again, whatever this process remembers of them.
    """

    def __init__(self, flow: Flow, send: Send, replay_topic: str) -> None:
        self._flow = flow
        self._replay_topic = replay_topic
        self._settlement = flow.settlement
        self._buffer = flow.buffer
        self._runtime = flow.runtime
        self._send = send

    async def take(self, batch: RecordBatch) -> None:
        """Take one batch in: its bytes are held, its position is noted."""
        intake = _Sorted(batch, self._runtime.clock.now())
        for item in batch.items:
            if isinstance(item, Event) and not item.is_enriched:
                intake.run.append(item)
                continue
            self._end_run(intake)
            receipt = intake.receipt(item.offset, item.size_bytes)
            self._settlement.begin(receipt)
            if isinstance(item, Event):
                self._begin_event(intake, item, receipt)
            elif isinstance(item, Malformed):
                self._flow.poison.bury("ingest", item, receipt)
            else:
                self._skip(receipt, "tombstone")
        self._end_run(intake)
        if intake.chunks:
            await self._buffer.add_events(intake.chunks)
        if intake.works:
            await self._send(intake.works)

    def _end_run(self, intake: "_Sorted") -> None:
        """Give the events of a run one receipt: they share one fate, and a copy only writes the same row again."""
        if not intake.run:
            return
        run, intake.run = intake.run, []
        receipt = intake.receipt(run[0].offset, sum(event.size_bytes for event in run), run)
        self._settlement.begin(receipt)
        intake.chunks.append(EventChunk(receipt, run, receipt.size_bytes))

    def _begin_event(self, intake: "_Sorted", event: Event, receipt: Receipt) -> None:
        receipt.event_id, receipt.event_type = event.event_id, event.event_type
        receipt.project_id = event.project_id
        key = ("ingest", event.event_id, "")
        if receipt.origin.topic != self._replay_topic and self._settlement.in_flight.was_committed(key):
            self._runtime.counters.duplicates["skipped"] += 1
            self._skip(receipt, "committed")
            return
        if not self._settlement.in_flight.enlist(receipt, key):
            self._runtime.counters.duplicates["joined"] += 1
            self._runtime.log.debug("record.joined", event_id=event.event_id, **receipt.origin._asdict())
            return
        receipt.open = 2  # the row, and the enrichment
        intake.chunks.append(EventChunk(receipt, [event], event.size_bytes))
        task = enrichment_task(event, receipt.origin, receipt.began_at)
        intake.works.append(Work("enrich", task, receipt))

    def _skip(self, receipt: Receipt, reason: str) -> None:
        self._runtime.log.debug("record.skipped", reason=reason, **receipt.origin._asdict())
        self._settlement.close(receipt, Outcome.SKIPPED)


class _Sorted:
    """One batch, sorted by what becomes of its records."""

    def __init__(self, batch: RecordBatch, now: Micros) -> None:
        self.run: list[Event] = []
        self.chunks: list[EventChunk] = []
        self.works: list[Work] = []
        self._partition = batch.partition
        self._now = now
        self._recorded_at = now if batch.times is None else batch.times[0]

    def receipt(self, offset: int, size_bytes: int, run: Sequence[Event] = ()) -> Receipt:
        receipt = Receipt.of(self._partition, offset, size_bytes, self._now, run=run)
        receipt.recorded_at = self._recorded_at
        return receipt
