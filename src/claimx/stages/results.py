"""The results stage: what download and upload of other processes report of each file."""

from claimx.domain.events import Malformed
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import Receipt
from claimx.domain.results import ResultRecord
from claimx.ports.source import RecordBatch
from claimx.stages.flow import Flow
from claimx.stages.tally import Tally


class Results:
    """Takes reports. Each is a notification: its record settles at once, without a line in the event log."""

    def __init__(self, flow: Flow, tally: Tally) -> None:
        self._flow = flow
        self._tally = tally

    async def take(self, batch: RecordBatch) -> None:
        """Count the reports of other processes."""
        now = self._flow.runtime.clock.now()
        counted: list[Receipt] = []
        for item in batch.items:
            receipt = Receipt.of(batch.partition, item.offset, item.size_bytes, now)
            receipt.stage = "results"
            self._flow.settlement.begin(receipt)
            if isinstance(item, Malformed):
                self._flow.poison.bury("results", item, receipt)
                continue
            if isinstance(item, ResultRecord):
                receipt.outcome = Outcome.COMMITTED
                await self._tally.report(item.result)
            counted.append(receipt)
        await self._flow.settlement.settle(counted)
