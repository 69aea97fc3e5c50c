"""A failing item through its whole life, and what the delay queue's worker does and leaves, under a virtual clock."""

import asyncio
import dataclasses
import itertools
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

import pytest

from claimx.adapters.memory import DelayState, MemoryDeadLetters, MemoryDelayQueue
from claimx.config import tree
from claimx.domain.answers import ApiAnswer, ApiRequest
from claimx.domain.backoff import RetryPolicy
from claimx.domain.outcomes import Outcome, RetryLater, Tries, judge
from claimx.domain.receipts import Receipt
from claimx.domain.tasks import Origin
from claimx.domain.times import SECOND, Micros
from claimx.errors import AuthError, ItemError, NotFoundError, PermanentError, ThrottledError, TransientError
from claimx.ports.delay import DelayRow, Leased, RowKey
from claimx.stages.pipeline import Pipeline
from claimx.stages.retry import Retry
from claimx.stages.work import Work
from simulation.simloop import SimLoop
from support import payloads
from support.flows import pipeline_of, settings_of

START: Micros = payloads.INGESTED_AT
QUICK_S = (0.2, 2.0)


class LoopClock:
    """The time of the loop."""

    def now(self) -> Micros:
        return START + int(asyncio.get_running_loop().time() * SECOND)


class Api:
    """Raises what it is told, and notes when it was asked."""

    def __init__(self, error: Callable[[], ItemError | None]) -> None:
        self.asked_at: list[float] = []
        self._error = error

    async def send(self, request: ApiRequest) -> ApiAnswer:
        del request
        self.asked_at.append(asyncio.get_running_loop().time())
        error = self._error()
        if error is not None:
            raise error
        return ApiAnswer({"data": {"project": {"projectId": int(payloads.PROJECT_ID)}}}, START, 300)


class Queue(MemoryDelayQueue):
    """Notes what is parked, and how often anybody looked."""

    def __init__(self, state: DelayState | None = None) -> None:
        super().__init__(state)
        self.parked: list[DelayRow] = []
        self.looks = 0

    async def park(self, rows: Sequence[DelayRow]) -> int:
        self.parked += rows
        return await super().park(rows)

    async def lease(
        self, now: Micros, limit: int, stages: Collection[str]
    ) -> tuple[Sequence[Leased], Micros | None]:
        self.looks += 1
        return await super().lease(now, limit, stages)


class Told:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    debug = warning = error = info


def virtually(body: Callable[[], Awaitable[None]]) -> None:
    """Run under a virtual clock, in which hours cost nothing."""
    loop = SimLoop(random.Random(1).random)
    try:
        loop.run_until_complete(body())  # type: ignore[arg-type]
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left) if left else asyncio.sleep(0))
        loop.close()
    assert loop.problems == []


def parked(number: int = 1, due_s: float = 0.0, stage: str = "enrich") -> DelayRow:
    """A row of an event whose project is asked for once a try."""
    origin = Origin("claimx.events.raw", 0, number)
    task = payloads.task("PROJECT_CREATED", event_id=f"e{number}", origin=origin, first_tried_at=START)
    due_at = START + int(due_s * SECOND)
    return DelayRow(stage, task, "api.5xx", due_at, START)


def key(number: int) -> RowKey:
    return parked(number).key


def passes(times: Sequence[float]) -> list[list[float]]:
    """Tries by pass: what is further apart than quick tries is another pass."""
    found: list[list[float]] = []
    for at in times:
        if found and at - found[-1][-1] < QUICK_S[1] + 1:
            found[-1].append(at)
        else:
            found.append([at])
    return found


async def until_over(pipeline: Pipeline, queue: Queue) -> None:
    """Let the pipeline work until nothing waits any more."""
    run = asyncio.create_task(pipeline.run())
    while queue.state.rows or pipeline.live:
        await asyncio.sleep(1)
        assert asyncio.get_running_loop().time() < 10 * 86_400
    pipeline.drain()
    assert await run
    assert pipeline.delay_counts.violation(0) is None


@pytest.mark.parametrize(
    ("error", "tries", "delays_s", "end"),
    [
        (TransientError("api.5xx"), 3, [300, 600, 1200, 2400], "api.5xx.exhausted"),
        (ThrottledError("api.429", retry_after_s=1), 3, [300, 600, 1200, 2400], "api.429.exhausted"),
        (ThrottledError("api.429", retry_after_s=900), 1, [900, 900, 1200, 2400], "api.429.exhausted"),
        (AuthError("api.401"), 1, [300, 600, 1200, 2400], "api.401.exhausted"),
        (NotFoundError("project.not_found"), 1, [5, 15, 45, 120, 120], "project.not_found"),
        (PermanentError("api.403"), 1, [], "api.403"),
        (RuntimeError("a bug"), 1, [], "bug.RuntimeError"),
    ],
    ids=["transient", "throttled", "patience", "auth", "not visible", "permanent", "bug"],
)
def test_a_failing_item_is_tried_so_often_after_so_long_and_then_given_up(
    error: Any, tries: int, delays_s: list[float], end: str
) -> None:
    async def life() -> None:
        api, queue, letters = Api(lambda: error), Queue(), MemoryDeadLetters()
        queue.state.park([parked()])
        await until_over(pipeline_of(api=api, delay=queue, dead_letters=letters, clock=LoopClock()), queue)
        lived = passes(api.asked_at)
        assert [len(each) for each in lived] == [tries] * (len(delays_s) + 1)
        for each in lived:
            assert all(QUICK_S[0] <= b - a <= QUICK_S[1] + 0.1 for a, b in itertools.pairwise(each))
        for delay_s, row, begun in zip(delays_s, queue.parked, lived[1:], strict=True):
            waited_s = (row.due_at - row.parked_at) / SECOND
            exact = isinstance(error, NotFoundError) or getattr(error, "retry_after_s", 0) == delay_s
            assert waited_s == delay_s if exact else 0.8 * delay_s <= waited_s <= 1.2 * delay_s
            assert 0 <= START + begun[0] * SECOND - row.due_at < SECOND, (
                "not before it is due, and not much later"
            )
        (letter,) = letters.letters
        headers = dict(letter.headers)
        assert headers["claimx-error-code"].decode() == end
        counted = 0 if isinstance(error, NotFoundError) else len(delays_s)
        assert headers["claimx-attempts"].decode() == str(1 + counted)

    virtually(life)


def test_an_item_that_is_older_than_its_age_limit_is_given_up_before_its_tries_are() -> None:
    async def life() -> None:
        api, queue, letters = Api(lambda: TransientError("api.5xx")), Queue(), MemoryDeadLetters()
        queue.state.park([parked()])
        settings = settings_of(retry=tree.Retry(max_age_s=1200.0))
        await until_over(
            pipeline_of(settings, api=api, delay=queue, dead_letters=letters, clock=LoopClock()), queue
        )
        assert len(passes(api.asked_at)) == 4, "tried at 0, 5, 15 and 35 minutes"
        assert dict(letters.letters[0].headers)["claimx-error-code"] == b"api.5xx.exhausted"

    virtually(life)


@pytest.mark.parametrize("patience_s", [0.000_000_1, 2.3, 900.0, 4000.000_000_5, 86_400.1])
def test_nothing_is_due_before_the_patience_that_was_asked_for_is_over(patience_s: float) -> None:
    policy = RetryPolicy((300.0,), 604_800.0, 300.0)

    async def fail() -> None:
        queue = Queue()
        pipeline = pipeline_of(delay=queue, clock=LoopClock())
        error = ThrottledError("api.429", retry_after_s=patience_s)
        verdict = judge(error, Tries(1, 0, 0), policy, 0.0)
        assert isinstance(verdict, RetryLater)
        assert verdict.delay_s >= patience_s
        receipt = Receipt(Origin("claimx.events.raw", 0, 1), 0, START)
        receipt.open = 2
        pipeline.flow.settlement.begin(receipt)
        await pipeline.flow.fates.park(Work("enrich", parked().task, receipt), verdict)
        (row,) = queue.parked
        assert row.due_at - row.parked_at >= patience_s * SECOND

    virtually(fail)


# ---- the worker ----


def retry_of(pipeline: Pipeline, queue: Queue, told: Told) -> Retry:
    """The worker alone, on the parts of a pipeline."""
    flow = pipeline.flow
    runtime = dataclasses.replace(flow.runtime, log=told)
    return Retry(queue, flow.settlement, flow.fates, flow.pools.intake, runtime)


def test_while_nothing_is_due_nobody_looks() -> None:
    async def wait() -> None:
        queue, taken = Queue(), []
        queue.state.park([parked(1, due_s=30 * 86_400)])
        retry = retry_of(pipeline_of(delay=queue, clock=LoopClock()), queue, Told())

        async def send(works: Sequence[Work]) -> None:
            taken.extend(works)

        task = asyncio.create_task(retry.run({"enrich": send}))
        await asyncio.sleep(29 * 86_400)
        assert queue.looks == 1
        await asyncio.sleep(2 * 86_400)
        assert (queue.looks, len(taken)) == (3, 1)
        retry.drain()
        await task

    virtually(wait)


def test_rows_of_a_stage_that_nobody_knows_stay_and_are_told_of_once() -> None:
    async def wait() -> None:
        queue, told, taken = Queue(), Told(), []
        queue.state.park([parked(1, stage="painting"), parked(2, stage="painting"), parked(3)])
        retry = retry_of(pipeline_of(delay=queue, clock=LoopClock()), queue, told)

        async def send(works: Sequence[Work]) -> None:
            taken.extend(works)

        task = asyncio.create_task(retry.run({"enrich": send}))
        await asyncio.sleep(86_400)
        assert [work.task.origin.offset for work in taken] == [3]
        foreign = [fields for event, fields in told.lines if event == "delay_queue.foreign_stage"]
        assert foreign == [{"stage": "painting", "rows": 2}]
        assert len(queue.state.rows) == 3
        assert queue.looks == 2
        retry.drain()
        await task

    virtually(wait)


def test_a_row_whose_work_goes_to_a_topic_is_resolved() -> None:
    async def hand_over() -> None:
        queue = Queue()
        queue.state.park([parked(1)])
        pipeline = pipeline_of(delay=queue, clock=LoopClock())
        settlement = pipeline.flow.settlement
        retry = retry_of(pipeline, queue, Told())
        await retry.recover()

        async def send(works: Sequence[Work]) -> None:
            for work in works:
                settlement.in_flight.seal(work.receipt)
                work.receipt.outcome = Outcome.FORWARDED
                await settlement.settle([work.receipt])

        task = asyncio.create_task(retry.run({"enrich": send}))
        await asyncio.sleep(1)
        assert settlement.delay_counts.resolved == 1
        assert settlement.delay_counts.violation(0) is None
        retry.drain()
        await task

    virtually(hand_over)


def test_a_row_that_killed_the_process_three_times_is_given_up_and_its_neighbours_are_not() -> None:
    async def life() -> None:
        api, queue, letters = Api(lambda: None), Queue(), MemoryDeadLetters()
        queue.state.park([parked(1), parked(2)])
        for _ in range(3):
            queue.state.recover()
            queue.state.rows[key(1)] = (queue.state.rows[key(1)][0], 1)  # held, when the process died
        pipeline = pipeline_of(api=api, delay=queue, dead_letters=letters, clock=LoopClock())
        await until_over(pipeline, queue)
        assert len(api.asked_at) == 1, "only the neighbour was worked on"
        (letter,) = letters.letters
        headers = dict(letter.headers)
        assert (headers["claimx-event-id"], headers["claimx-error-code"]) == (b"e1", b"retry.crashed")
        assert b"3 times in a row" in headers["claimx-detail"]
        counts = pipeline.delay_counts
        assert (counts.carried_over, counts.dead_lettered, counts.resolved) == (2, 1, 1)

    virtually(life)


def test_rows_that_crashed_twice_are_worked_on_one_after_the_other() -> None:
    async def life() -> None:
        api, queue = Api(lambda: None), Queue()
        queue.state.park([parked(1), parked(2), parked(3)])
        for _ in range(2):
            queue.state.recover()
            queue.state.rows = {key: (row, 1) for key, (row, _) in queue.state.rows.items()}
        await until_over(pipeline_of(api=api, delay=queue, clock=LoopClock()), queue)
        assert len(api.asked_at) == 3
        gaps = [b - a for a, b in itertools.pairwise(api.asked_at)]
        assert min(gaps) >= 0.9, (
            "the next one waits until the one before is deleted, and somebody looks again"
        )

    virtually(life)


def test_what_an_operator_drops_and_hurries_is_in_the_ledger_and_wakes_the_worker() -> None:
    async def life() -> None:
        api, queue = Api(lambda: None), Queue()
        queue.state.park([parked(n, due_s=9_000.0) for n in (1, 2, 3)])
        pipeline = pipeline_of(api=api, delay=queue, clock=LoopClock())
        retry: Retry = pipeline._retry
        run = asyncio.create_task(pipeline.run())
        await asyncio.sleep(10)
        assert list(await retry.drop([key(1), key(9)])) == [key(1)]
        assert list(await retry.make_due([key(2)])) == [key(2)]
        await asyncio.sleep(10)
        assert len(api.asked_at) == 1
        counts = pipeline.delay_counts
        assert (counts.carried_over, counts.dropped, counts.resolved) == (3, 1, 1)
        assert counts.violation(await queue.count()) is None
        pipeline.drain()
        assert await run

    virtually(life)
