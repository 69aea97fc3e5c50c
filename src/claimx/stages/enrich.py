"""From a task to entity rows and downloads, by a conversation with the API."""

import asyncio
from collections.abc import Sequence

from claimx.domain.answers import ApiAnswer, ApiRequest
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.handlers.registry import plan_for
from claimx.domain.outcomes import Outcome
from claimx.domain.rows import Row
from claimx.domain.shares import ANSWER_BYTES
from claimx.domain.tasks import EnrichmentTask
from claimx.domain.times import SECOND
from claimx.errors import ItemError
from claimx.ports.api import ClaimxApi
from claimx.stages.buffer import RowChunk
from claimx.stages.flow import Flow, Send
from claimx.stages.work import Work


class Enrich:
    """Runs the handler of an event, and hands its rows and downloads on.

    Args:
        send: hands work on to the download stage.
    """

    def __init__(self, flow: Flow, api: ClaimxApi, send: Send) -> None:
        self._flow = flow
        self._api = api
        self._send = send

    async def run(self, work: Work) -> None:
        """Do one pass over an enrichment task.

        Raises:
            ItemError: what the API or the handler made of it; nothing was handed on then.
        """
        task = work.task
        if not isinstance(task, EnrichmentTask):
            raise TypeError(type(task).__name__)
        await work.hold(self._flow.pools.api, ANSWER_BYTES)
        age_s = (self._flow.runtime.clock.now() - task.first_tried_at) / SECOND
        plan = plan_for(task, is_last_ask=age_s >= self._flow.policy.visibility_s)
        enrichment, size_bytes = await self._converse(work, plan)
        await self._hand_on(work, enrichment, size_bytes)

    async def _converse(self, work: Work, plan: Plan) -> tuple[Enrichment, int]:
        size_bytes = 0
        try:
            requests = next(plan)
            while True:
                answers = await self._ask(work, requests)
                size_bytes += sum(answer.size_bytes for answer in answers)
                requests = plan.send(answers)
        except StopIteration as end:
            enrichment: Enrichment = end.value
            return enrichment, size_bytes
        finally:
            plan.close()

    async def _ask(self, work: Work, requests: Sequence[ApiRequest]) -> Sequence[ApiAnswer]:
        work.receipt.api_calls += len(requests)
        self._flow.runtime.counters.api_calls += len(requests)
        if len(requests) == 1:
            return [await self._send_one(work, requests[0])]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._send_one(work, request)) for request in requests]
        except BaseExceptionGroup as errors:
            first = errors.subgroup(ItemError) or errors
            raise _leaf(first) from errors
        return [task.result() for task in tasks]

    async def _send_one(self, work: Work, request: ApiRequest) -> ApiAnswer:
        return await self._flow.guard.call(work, self._flow.circuits.api, lambda: self._api.send(request))

    async def _hand_on(self, work: Work, enrichment: Enrichment, size_bytes: int) -> None:
        receipt, by_table = work.receipt, _by_table(enrichment.rows)
        share = size_bytes // max(1, len(by_table))
        chunks = [
            RowChunk(receipt, table, rows, share, "enrich", work.task) for table, rows in by_table.items()
        ]
        works = [Work("download", download, receipt) for download in enrichment.downloads]
        receipt.open += len(chunks) + len(works)
        if chunks:
            await self._flow.buffer.add(chunks)
        work.release()
        if works:
            await self._send(works)
        self._flow.settlement.close(receipt, Outcome.COMMITTED)


def _by_table(rows: Sequence[Row]) -> dict[str, list[Row]]:
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(row.table, []).append(row)
    return tables


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
