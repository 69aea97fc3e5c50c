"""From tasks to entity rows and downloads, by conversations with the API."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from claimx.config.tree import Enrich as EnrichSettings
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.handlers.registry import needs_project, plan_for
from claimx.domain.outcomes import Outcome
from claimx.domain.rows import Row
from claimx.domain.shares import ANSWER_BYTES, SHARED_ANSWER_BYTES
from claimx.domain.tasks import EnrichmentTask, ProjectTask, Task, project_task
from claimx.domain.times import SECOND
from claimx.stages.buffer import PROJECTS, RowChunk
from claimx.stages.flow import Flow, Send
from claimx.stages.pool import Channel, Waiters
from claimx.stages.work import Work


class Enrich:
    """Takes tasks in batches, so that those of one project share their calls; each has a fate of its own.

    Args:
        channel: where the tasks come from.
        send: hands work on to the download stage.
    """

    def __init__(self, flow: Flow, settings: EnrichSettings, channel: Channel[Work], send: Send) -> None:
        self._flow = flow
        self._settings = settings
        self._channel = channel
        self._send = send
        self._busy = 0
        self._freed = Waiters()

    async def run(self) -> None:
        """Begin batch after batch, as long as there is room for a whole one; until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._begin(group)

    async def _begin(self, group: asyncio.TaskGroup) -> None:
        limit = min(self._settings.batch_items, self._settings.workers)
        while self._busy > self._settings.workers - limit:
            await self._freed.wait()
        works = await self._channel.take(limit, self._settings.batch_wait_ms / 1000)
        self._busy += len(works)
        async for batch in self._admitted(works):
            group.create_task(self._batch(batch))

    async def _admitted(self, works: Sequence[Work]) -> AsyncIterator[list[Work]]:
        """Hold the bytes of each answer; what is admitted begins before anything else is waited for."""
        admitted: list[Work] = []
        for work in works:
            size = _answer_bytes(work.task)
            if admitted and not self._flow.pools.api.has_room(size):
                yield admitted
                admitted = []
            with self._flow.runtime.board["enrich_admission"].work(work.task.event_id):
                await work.hold(self._flow.pools.api, size)
            admitted.append(work)
        yield admitted

    async def _batch(self, works: Sequence[Work]) -> None:
        tasks = [work.task for work in works]
        counters = self._flow.runtime.counters
        counters.batches += 1
        counters.batched_events += len(tasks)
        counters.batched_projects += len({task.project_id for task in tasks})
        preflights = await self._preflights(works)
        async with asyncio.TaskGroup() as group:
            for preflight in preflights:
                group.create_task(self._fetch_project(preflight))
            for work in works:
                group.create_task(self._one(work))

    async def _preflights(self, works: Sequence[Work]) -> list[Work]:
        """Make a child for each project that is not known: of the first event whose rows refer to it."""
        first: dict[str, tuple[Work, EnrichmentTask]] = {}
        for work in works:
            task = work.task
            if isinstance(task, EnrichmentTask) and work.is_wanted and needs_project(task):
                first.setdefault(task.project_id, (work, task))
        preflights: list[Work] = []
        for project_id in await self._flow.projects.unknown(first) if first else ():
            work, task = first[project_id]
            work.receipt.open += 1
            preflights.append(self._preflight(work, task))
        return preflights

    def _preflight(self, work: Work, task: EnrichmentTask) -> Work:
        self._flow.runtime.counters.preflights += 1
        return Work("enrich", project_task(task, self._flow.runtime.clock.now()), work.receipt)

    async def _fetch_project(self, work: Work) -> None:
        try:
            await self._flow.guard.run(work, self._converse)
        finally:
            self._flow.projects.ended(work.project_id, is_settled=work.is_wanted)

    async def _one(self, work: Work) -> None:
        try:
            await self._flow.guard.run(work, self._converse)
        finally:
            self._busy -= 1
            self._freed.wake()

    async def _converse(self, work: Work) -> None:
        """Do one pass over a task.

        Raises:
            ItemError: what the API or the handler made of it; nothing was handed on then.
        """
        now = self._flow.runtime.clock.now()
        work.begin(now)
        task = work.task
        if not isinstance(task, EnrichmentTask | ProjectTask):
            raise TypeError(type(task).__name__)
        age_s = (now - task.first_tried_at) / SECOND
        plan = plan_for(task, is_last_ask=age_s >= self._flow.policy.visibility_s)
        enrichment, size_bytes = await self._play(work, plan)
        if isinstance(task, EnrichmentTask):
            await self._after_project(work, task)
        if work.is_wanted:
            await self._hand_on(work, enrichment, size_bytes)
        else:
            await self._flow.fates.drop(work)

    async def _after_project(self, work: Work, task: EnrichmentTask) -> None:
        """Wait for the project's row; fetch it where the pre-flight that was to do so was dropped."""
        await self._flow.projects.settled(task.project_id)
        while work.is_wanted and needs_project(task) and self._flow.projects.claim(task.project_id):
            work.receipt.open += 1
            await self._fetch_project(self._preflight(work, task))

    async def _play(self, work: Work, plan: Plan) -> tuple[Enrichment, int]:
        size_bytes = 0
        try:
            requests = next(plan)
            while True:
                answers = await self._flow.api.ask(work, requests)
                size_bytes += sum(answer.size_bytes for answer in answers)
                requests = plan.send(answers)
        except StopIteration as end:
            enrichment: Enrichment = end.value
            return enrichment, size_bytes
        finally:
            plan.close()

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
        for row in by_table.get(PROJECTS, ()):
            self._learn(row)
        work.release()
        if works:
            await self._send(works)
        self._flow.settlement.close(receipt, Outcome.COMMITTED)

    def _learn(self, row: Row) -> None:
        """Only a row that an answer gave makes a project known; one that an event set a flag in does not."""
        project_id, fetched_at = row.values["project_id"], row.values.get("fetched_at")
        if isinstance(project_id, str) and isinstance(fetched_at, int):
            self._flow.projects.learn(project_id, fetched_at)


def _answer_bytes(task: Task) -> int:
    """What the answers of a conversation may take: an assignment is large, and asked for by one event alone."""
    is_alone = isinstance(task, EnrichmentTask) and task.task_assignment_id is not None
    return ANSWER_BYTES if is_alone else SHARED_ANSWER_BYTES


def _by_table(rows: Sequence[Row]) -> dict[str, list[Row]]:
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(row.table, []).append(row)
    return tables
