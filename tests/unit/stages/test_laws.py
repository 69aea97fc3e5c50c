"""The laws of I1, looked at while the process works."""

from dataclasses import replace

from claimx.adapters.memory import MemoryDelayQueue
from claimx.domain.outcomes import Outcome
from claimx.stages.laws import Laws
from support.flows import pipeline_of


class Told:
    def __init__(self) -> None:
        self.lines: list[tuple[str, object]] = []

    def debug(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields.get("ledger")))

    info = warning = error = debug


def laws_of(pipeline, log: Told) -> Laws:
    flow = pipeline.flow
    return Laws(pipeline.partitions, flow.settlement, MemoryDelayQueue(), replace(flow.runtime, log=log))


async def test_a_process_that_keeps_the_laws_says_nothing() -> None:
    pipeline, log = pipeline_of(), Told()
    pipeline.partitions.assigned("t", 0, 0, "")
    for _ in range(3):
        await laws_of(pipeline, log).look()
    assert log.lines == []


async def test_a_record_that_settles_twice_is_told_once_and_counted_each_time() -> None:
    pipeline, log = pipeline_of(), Told()
    pipeline.partitions.assigned("t", 0, 0, "")
    pipeline.partitions.counts["t"].settled(Outcome.COMMITTED)
    laws = laws_of(pipeline, log)
    for _ in range(3):
        await laws.look()
    assert log.lines == [("ledger.violated", "records")]
    assert pipeline.flow.runtime.counters.ledger_violations == 3


async def test_a_row_of_the_delay_queue_that_nobody_put_there_is_told_when_it_stays() -> None:
    pipeline, log = pipeline_of(), Told()
    pipeline.delay_counts.parked += 1
    laws = laws_of(pipeline, log)
    await laws.look()
    assert log.lines == []
    await laws.look()
    assert log.lines == [("ledger.violated", "delay_queue")]
