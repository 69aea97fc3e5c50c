"""Each line that is logged while an item is worked on has its ids, whoever logs it."""

import asyncio
from typing import Any

import pytest

from claimx.adapters.clock import WallClock
from claimx.adapters.memory import MemoryDelayQueue, MemoryFileHost, MemoryLake
from claimx.config import tree
from claimx.domain.answers import ApiAnswer, ApiRequest
from claimx.domain.receipts import Receipt
from claimx.domain.tasks import DownloadTask, Origin
from claimx.errors import PermanentError, RowsRejectedError, TransientError
from claimx.ports.delay import DelayRow
from claimx.stages.pipeline import Pipeline
from claimx.stages.work import Work
from claimx.telemetry.log import configure
from support import payloads
from support.flows import pipeline_of, settings_of
from support.told import lines_of

ORIGIN = Origin("claimx.events.raw", 3, 1207)
OF_AN_ITEM = {"stage", "event_id", "project_id", "child", "attempt", "topic", "partition", "offset"}
OF_THE_PROCESS = {"process.draining", "delay_queue.recovered", "flush.committed", "results.counted"}


class Talking:
    """An API that logs on the loop and in a thread, and answers, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.log = configure("debug", "json")
        self.error = error
        self.sent: list[ApiRequest] = []

    async def send(self, request: ApiRequest) -> ApiAnswer:
        self.sent.append(request)
        self.log.warning("kafka.failed", code="on the loop")
        await asyncio.to_thread(self.log.warning, "kafka.failed", code="in a thread")
        if self.error is not None:
            raise self.error
        return payloads.answer(payloads.project(request.project_id))  # type: ignore[union-attr]


def enrichment(number: int = 1, project_id: str = payloads.PROJECT_ID) -> DelayRow:
    task = payloads.task(
        "PROJECT_CREATED",
        event_id=f"e{number}",
        project_id=project_id,
        origin=ORIGIN._replace(offset=number),
        first_tried_at=WallClock().now(),
    )
    return DelayRow("enrich", task, "api.5xx", 0, 0)


def download() -> DelayRow:
    task = DownloadTask("e1", "PROJECT_FILE_ADDED", "5", "81", "https://files.example/a.jpg", ORIGIN, 1)
    return DelayRow("download", task, "file.5xx", 0, 0)


async def told(
    capsys: pytest.CaptureFixture[str], *rows: DelayRow, settings: tree.Settings | None = None, **ports: Any
) -> list[dict[str, Any]]:
    """Work the rows off, and read what was logged."""
    queue = MemoryDelayQueue()
    queue.state.park(list(rows))
    pipeline = pipeline_of(settings, delay=queue, **ports)
    configure("debug", "json")
    await worked_off(pipeline, queue)
    return lines_of(capsys)


async def worked_off(pipeline: Pipeline, queue: MemoryDelayQueue) -> None:
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        run = group.create_task(pipeline.run())
        while not pipeline.retry.is_recovered or pipeline.live or await queue.due_before(1):
            await asyncio.sleep(0.01)
        pipeline.drain()
        await run


def of(lines: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == event]


def assert_named(lines: list[dict[str, Any]], event_id: str) -> None:
    for line in lines:
        if line["event"] not in OF_THE_PROCESS:
            assert line.keys() >= OF_AN_ITEM, line
            assert line["event_id"] == event_id, line


async def test_an_item_that_is_given_up_is_named_in_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = await told(capsys, enrichment(), api=Talking(PermanentError("api.403", "no")))
    assert_named(lines, "e1")
    assert [line["code"] for line in of(lines, "kafka.failed")] == ["on the loop", "in a thread"]
    (dead,) = of(lines, "item.dead_lettered")
    assert (dead["code"], dead["detail"], dead["offset"]) == ("api.403", "no", 1)
    assert len(of(lines, "item.retried")) == 1


async def test_an_item_that_is_parked_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    lines = await told(capsys, enrichment(), api=Talking(TransientError("api.5xx", "status 503")))
    assert_named(lines, "e1")
    (parked,) = of(lines, "item.parked")
    assert (parked["code"], parked["detail"]) == ("api.5xx", "status 503")
    assert [line["code"] for line in of(lines, "call.failed")] == ["api.5xx"] * 3


async def test_a_bug_on_an_item_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    lines = await told(capsys, enrichment(), api=Talking(KeyError("https://h/?sig=Canary")))
    assert_named(lines, "e1")
    (dead,) = of(lines, "item.dead_lettered")
    assert dead["code"] == "bug.KeyError"


async def test_a_file_has_its_media_id_in_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = await told(capsys, download(), host=MemoryFileHost({}))
    assert_named(lines, "e1")
    failed = of(lines, "file.failed") + of(lines, "item.parked") + of(lines, "item.dead_lettered")
    assert failed
    assert {line["media_id"] for line in failed} == {"81"}


async def test_a_call_that_is_shared_names_what_its_items_have_in_common(
    capsys: pytest.CaptureFixture[str],
) -> None:
    api = Talking(TransientError("api.5xx"))
    settings = settings_of(enrich=tree.Enrich(batch_wait_ms=200))
    lines = await told(capsys, enrichment(1), enrichment(2), api=api, settings=settings)
    assert len(api.sent) == 3, "one call and its quick tries"
    for line in of(lines, "kafka.failed"):
        assert (line["stage"], line["project_id"], line["items"]) == ("enrich", payloads.PROJECT_ID, 2)
        assert line["event_ids"] == ["e1", "e2"]
        assert "event_id" not in line
    assert {line["event_id"] for line in of(lines, "item.parked")} == {"e1", "e2"}


class Refusing(MemoryLake):
    """A lake that takes no project."""

    async def merge(self, table: str, rows: Any) -> None:
        if table == "claimx_projects":
            raise RowsRejectedError("project_name: not a text")
        await super().merge(table, rows)


async def test_a_row_that_is_rejected_names_its_event(capsys: pytest.CaptureFixture[str]) -> None:
    lines = await told(capsys, enrichment(), api=Talking(), lake=Refusing())
    (line,) = of(lines, "row.rejected")
    assert line.keys() >= OF_AN_ITEM
    assert (line["table"], line["key"], line["detail"]) == (
        "claimx_projects",
        payloads.PROJECT_ID,
        "project_name: not a text",
    )


@pytest.mark.parametrize("number", [1, 2])
async def test_nothing_is_left_bound_when_a_pass_has_ended(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = pipeline_of().flow
    log = configure("debug", "json")
    receipt = Receipt(ORIGIN, 0, 0)
    receipt.open = 2

    async def body(_: Work) -> None:
        log.info("item.parked")
        if number == 2:
            raise PermanentError("x")

    flow.settlement.begin(receipt)
    await flow.guard.run(Work("enrich", enrichment().task, receipt), body)
    log.info("item.parked")
    first, *_, last = lines_of(capsys)
    assert first["event_id"] == "e1"
    assert "event_id" not in last
