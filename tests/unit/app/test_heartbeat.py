"""The line that tells what was done and how things stand."""

import asyncio
from typing import Any

import pytest

from claimx.adapters.memory import MemoryDelayQueue
from claimx.app.heartbeat import Heartbeat
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import Partition, Receipt
from claimx.domain.times import SECOND, Micros
from claimx.errors import TransientError
from claimx.stages.pipeline import Pipeline
from support.delayed import row
from support.flows import NoSource, pipeline_of

NOW = 1_700_000_000 * SECOND


class Told:
    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def info(self, event: str, **fields: Any) -> None:
        assert event == "process.progressed"
        self.lines.append(fields)

    debug = warning = error = info


class Stopped:
    def now(self) -> Micros:
        return NOW


class Silent(NoSource):
    """A broker that does not say how much there is."""

    async def lag(self) -> int:
        raise TransientError("kafka.lag", "the broker does not answer")


def heart_of(pipeline: Pipeline, queue: MemoryDelayQueue) -> tuple[Heartbeat, Told]:
    told = Told()
    return Heartbeat(pipeline, queue, Stopped(), told), told


def received(pipeline: Pipeline, partition: Partition, offset: int, ago_s: int) -> Receipt:
    at = NOW - ago_s * SECOND
    partition.ages.note(offset, offset + 1, at, partition.committed)
    partition.position = offset + 1
    receipt = Receipt.of(partition, offset, 0, at)
    pipeline.flow.settlement.begin(receipt)
    return receipt


async def settled(pipeline: Pipeline, receipt: Receipt, outcome: Outcome) -> None:
    receipt.outcome = outcome
    await pipeline.flow.settlement.settle([receipt])
    receipt.partition.committed = receipt.partition.frontier()


async def test_it_tells_what_was_done_since_the_last_line_and_how_old_the_data_is() -> None:
    queue = MemoryDelayQueue()
    pipeline = pipeline_of(delay=queue)
    heart, told = heart_of(pipeline, queue)
    partition = pipeline.partitions.assigned("claimx.events.raw", 0, 5, "")
    receipts = [received(pipeline, partition, 5 + n, ago_s=100 - 10 * n) for n in range(4)]
    await settled(pipeline, receipts[0], Outcome.COMMITTED)
    await settled(pipeline, receipts[1], Outcome.DEAD_LETTERED)
    await settled(pipeline, receipts[3], Outcome.COMMITTED)
    queue.state.park([row(1, due_at=NOW - 1), row(2, due_at=NOW + SECOND)])
    counters = pipeline.flow.runtime.counters
    counters.files, counters.file_bytes = 3, 6000
    enrich = pipeline.flow.runtime.board["enrich"]
    for _ in range(6):
        with enrich.work("done"):
            pass
    await asyncio.sleep(0.01)
    with enrich.work("in hand"):
        await heart.look()
    (line,) = told.lines
    assert line["records_per_s"] > line["settled_per_s"] > 0
    assert line["bytes_per_s"] > 0
    expected = {
        "files": 3,
        "stages": {
            "intake": {"in": 4, "out": 3},
            "enrich": {"in": 7, "out": 6, "queued": 0},
            "download": {"in": 0, "out": 0, "queued": 0},
            "upload": {"in": 0, "out": 0, "queued": 0},
        },
        "in_flight": 1,
        "parked": 2,
        "parked_due": 1,
        "dead_letters": 1,
        "lag": 0,
        "oldest_uncommitted_s": 80.0,
        "newest_committed_s": 90.0,
        "circuits": [],
        "flood": None,
    }
    assert {name: line[name] for name in expected} == expected
    await settled(pipeline, receipts[2], Outcome.COMMITTED)
    await heart.look()
    assert told.lines[1]["files"] == 0
    assert told.lines[1]["stages"]["intake"] == {"in": 0, "out": 1}
    assert (told.lines[1]["oldest_uncommitted_s"], told.lines[1]["newest_committed_s"]) == (None, 70.0)


async def test_while_nothing_changes_it_tells_every_tenth_time() -> None:
    queue = MemoryDelayQueue()
    heart, told = heart_of(pipeline_of(delay=queue), queue)
    for _ in range(31):
        await heart.look()
    assert len(told.lines) == 4


async def test_a_broker_that_does_not_answer_leaves_the_lag_unknown() -> None:
    queue = MemoryDelayQueue()
    heart, told = heart_of(pipeline_of(delay=queue, make_source=lambda _, __: Silent()), queue)
    await heart.look()
    assert told.lines[0]["lag"] is None
    assert told.lines[0]["parked"] == 0


async def test_an_open_circuit_is_named() -> None:
    queue = MemoryDelayQueue()
    pipeline = pipeline_of(delay=queue)
    heart, told = heart_of(pipeline, queue)
    for item in range(100):
        pipeline.flow.circuits.api.failed(item, is_probe=False)
    await heart.look()
    assert told.lines[0]["circuits"] == ["api open"]


@pytest.mark.parametrize("number", [3, 2000])
async def test_times_of_batches_are_kept_no_longer_than_they_are_open(number: int) -> None:
    pipeline = pipeline_of()
    partition = pipeline.partitions.assigned("claimx.events.raw", 0, 0, "")
    for n in range(number):
        await settled(pipeline, received(pipeline, partition, n, ago_s=number - n), Outcome.COMMITTED)
    assert len(partition.ages._marks) <= 2
    assert pipeline.partitions.times() == (None, NOW - SECOND)
