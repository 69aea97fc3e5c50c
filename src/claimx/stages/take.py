"""From the records of a pending topic to work: what other processes and replays hand to a stage that runs here."""

from claimx.domain.events import Malformed
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import Receipt
from claimx.domain.tasks import TaskRecord
from claimx.ports.source import RecordBatch
from claimx.stages.flow import Flow, Send
from claimx.stages.work import Work


class Take:
    """Begins a receipt for each task; a copy in flight joins the first one's.

    Args:
        send: hands work into the stage.
    """

    def __init__(self, stage: str, flow: Flow, send: Send) -> None:
        self._stage = stage
        self._flow = flow
        self._send = send

    async def take(self, batch: RecordBatch) -> None:
        """Take one batch in: its bytes are held, its position is noted."""
        now, log = self._flow.runtime.clock.now(), self._flow.runtime.log
        works: list[Work] = []
        for item in batch.items:
            receipt = Receipt.of(batch.partition, item.offset, item.size_bytes, now)
            receipt.stage = self._stage
            receipt.recorded_at = now if batch.times is None else batch.times[0]
            self._flow.settlement.begin(receipt)
            if isinstance(item, TaskRecord):
                works += self._begun(item, receipt)
            elif isinstance(item, Malformed):
                self._flow.poison.bury(self._stage, item, receipt)
            else:
                log.debug("record.skipped", reason="tombstone", **receipt.origin._asdict())
                self._flow.settlement.close(receipt, Outcome.SKIPPED)
        if works:
            await self._send(works)

    def _begun(self, item: TaskRecord, receipt: Receipt) -> list[Work]:
        task = item.task
        receipt.event_id, receipt.event_type = task.event_id, task.event_type
        receipt.project_id, receipt.attempts = task.project_id, task.attempt
        key = (self._stage, task.event_id, task.child)
        if not self._flow.settlement.in_flight.enlist(receipt, key):
            self._flow.runtime.counters.duplicates["joined"] += 1
            self._flow.runtime.log.debug(
                "record.joined", stage=self._stage, event_id=task.event_id, **receipt.origin._asdict()
            )
            return []
        return [Work(self._stage, task, receipt)]
