"""What stages count for the metrics."""

import asyncio
from collections.abc import Sequence

import pytest

from claimx.adapters.clock import WallClock
from claimx.adapters.memory import MemoryLake
from claimx.domain.answers import ApiAnswer, ApiRequest, GetMedia, GetProject
from claimx.domain.events import Event
from claimx.domain.receipts import Receipt
from claimx.domain.tasks import Origin
from claimx.domain.times import SECOND
from claimx.errors import LakeConflictError, LakeError, PermanentError, TransientError
from claimx.ports.source import RecordBatch
from claimx.stages.flush import Flush
from claimx.stages.ingest import Ingest
from claimx.stages.pipeline import Pipeline
from claimx.stages.work import Work
from support import payloads
from support.flows import NoSource, flow_of, pipeline_of
from support.lakes import NOW, event


class Api:
    """Answers each request with the next of its replies."""

    def __init__(self, *replies: object) -> None:
        self._replies = list(replies)

    async def send(self, request: ApiRequest) -> ApiAnswer:
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return ApiAnswer(reply, 1, 10)


class Contested(MemoryLake):
    """Another writer comes first once, then the store fails once."""

    def __init__(self) -> None:
        super().__init__()
        self._errors: list[Exception] = [LakeConflictError("lost"), LakeError("down")]

    async def merge_events(self, events: Sequence[Event], written_at: int) -> None:
        if self._errors:
            raise self._errors.pop(0)
        await super().merge_events(events, written_at)


def work_of(stage: str = "enrich") -> Work:
    task = payloads.task("PROJECT_FILE_ADDED", media_id="1")
    return Work(stage, task, Receipt(Origin("t", 0, 1), 0, 0))


async def test_requests_are_counted_by_what_is_asked_and_how_the_api_answers() -> None:
    api = Api([1], None, PermanentError("api.403"), PermanentError("api.409"))
    flow = flow_of(api=api)
    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        owner = group.create_task(flow.api.run())
        for request in (GetProject("1"), GetMedia("1", ("1",)), GetMedia("2", ("2",)), GetMedia("3", ("3",))):
            try:
                await flow.api.ask(work_of(), [request])
            except PermanentError:
                continue
        owner.cancel()
    counters = flow.runtime.counters
    assert counters.api_requests == {
        ("project", "2xx"): 1,
        ("media", "404"): 1,
        ("media", "4xx"): 2,
    }
    assert sum(counters.measures.api_s["media"].shape().counts) == 3
    assert counters.api_calls == sum(counters.api_requests.values())


@pytest.mark.parametrize(
    ("error", "parked", "buried"),
    [
        (TransientError("api.5xx"), {("enrich", "api"): 1}, {}),
        (PermanentError("url.refused"), {}, {("enrich", "url"): 1}),
        (ZeroDivisionError(), {}, {("enrich", "bug"): 1}),
    ],
)
async def test_what_fails_is_counted_by_stage_and_class_of_code(
    error: Exception, parked: dict[object, int], buried: dict[object, int]
) -> None:
    async def body(work: Work) -> None:
        work.begin(WallClock().now())
        raise error

    flow = flow_of()
    work = work_of()
    flow.settlement.begin(work.receipt)
    await flow.guard.run(work, body)
    counters = flow.runtime.counters
    assert counters.passes == {("enrich", "failed"): 1}
    assert counters.parked == parked
    assert counters.dead_letters == buried
    assert counters.urls_refused == ("url" in str(error))
    assert sum(counters.measures.pass_s["enrich"].shape().counts) == 1


async def flushed(pipeline: Pipeline, lake: MemoryLake, batch: RecordBatch) -> None:
    flow = pipeline.flow

    async def nowhere(works: Sequence[Work]) -> None:
        raise AssertionError(works)

    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        owner = group.create_task(Flush(flow, lake).run())
        await Ingest(flow, nowhere, "replay").take(batch)
        while not flow.runtime.counters.flushes:
            await asyncio.sleep(0.01)
        owner.cancel()


async def test_writes_are_counted_by_how_they_end_and_events_by_how_long_they_took() -> None:
    lake = Contested()
    pipeline = pipeline_of(lake=lake)
    partition = pipeline.partitions.assigned("t", 0, 0, "")
    rows = [event(f"e{n}") for n in range(3)]
    for offset, row in enumerate(rows):
        row.event_type, row.offset = "PROJECT_CONVERSATION_UPDATED", offset
    ago = WallClock().now() - 400 * SECOND
    await flushed(pipeline, lake, RecordBatch(partition, rows, 3, 0, (ago, ago)))
    counters = pipeline.flow.runtime.counters
    assert {
        each: counters.lake_writes["claimx_events", each] for each in ("conflict", "failed", "committed")
    } == {
        "conflict": 1,
        "failed": 1,
        "committed": 1,
    }
    assert counters.lake_rows == {"claimx_events": 3, "claimx_event_log": 3}
    latency = counters.measures.event_latency_s["other"].shape()
    assert sum(latency.counts) == 3
    assert 1200 <= latency.total < 1800
    assert counters.flushed_at > ago


async def test_copies_are_counted_by_what_becomes_of_them() -> None:
    pipeline = pipeline_of()
    partition = pipeline.partitions.assigned("t", 0, 0, "")

    async def send(works: Sequence[Work]) -> None:
        pass

    ingest = Ingest(pipeline.flow, send, "replay")
    for offset in range(3):
        copy = event("same", is_id_given=True)
        copy.event_type, copy.offset = "PROJECT_CREATED", offset
        await ingest.take(RecordBatch(partition, [copy], offset + 1, 0))
    assert pipeline.flow.runtime.counters.duplicates == {"joined": 2}


class OneBatch(NoSource):
    """A consumer that is handed one batch."""

    def __init__(self) -> None:
        self.batches: list[RecordBatch] = []

    async def get(self) -> RecordBatch | None:
        return self.batches.pop() if self.batches else None


async def test_a_batch_that_waits_for_room_gets_older_too() -> None:
    source = OneBatch()
    pipeline = pipeline_of(make_source=lambda _, __: source)
    partition = pipeline.partitions.assigned("t", 0, 5, "")
    source.batches = [RecordBatch(partition, [event("e", NOW)], 8, 100, (NOW - SECOND, NOW))]
    source.batches[0].items[0].offset = 7
    budget = pipeline.flow.pools.intake
    await budget.acquire(budget.limit)
    intake = asyncio.ensure_future(pipeline._intakes[0].run())
    while partition.ages.oldest(5) is None:
        await asyncio.sleep(0)
    assert partition.position == 5, "it was admitted"
    assert partition.ages.oldest(5) == NOW - SECOND
    assert partition.ages.oldest(8) is None
    intake.cancel()
