"""Faults seeded from outside: a mutated collaborator of one incarnation. The product has no hooks for them."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import InFlight, Key, Partition, Receipt
from claimx.ports.delay import DelayRow
from claimx.stages.buffer import EventChunk, RowChunk
from claimx.stages.pipeline import Pipeline
from simulation.world import World

Ports = dict[str, Any]
Bug = Callable[[World, str, Pipeline, Ports], None]


def commit_past_the_frontier(_: World, __: str, pipeline: Pipeline, ___: Ports) -> None:
    """The source commits one more than it is told while something is in flight."""
    for source in pipeline.sources:
        _commit_past(source)


def _commit_past(source: Any) -> None:
    commit = source.commit

    async def past(offsets: Sequence[tuple[Partition, int]], note: str) -> None:
        await commit([(p, offset + 1 if p.unsettled else offset) for p, offset in offsets], note)

    source.commit = past


def settle_before_the_flush(_: World, __: str, pipeline: Pipeline, ___: Ports) -> None:
    """Rows count as durable when they enter the buffer, and a receipt settles when it concludes."""
    buffer: Any = pipeline.flow.buffer
    settlement: Any = pipeline.flow.settlement
    add_events, add = buffer.add_events, buffer.add

    async def early(chunks: Iterable[EventChunk | RowChunk], put: Any) -> None:
        chunks = list(chunks)
        await put([dataclasses.replace(chunk, receipt=_ghost(chunk.receipt)) for chunk in chunks])
        for chunk in chunks:
            settlement.close(chunk.receipt, Outcome.COMMITTED)

    def settle(receipt: Receipt, first: Receipt) -> None:
        del first
        if receipt.partition is not None and not receipt.is_fenced:
            pipeline.partitions.settle(receipt)
            settlement._finish(receipt)

    buffer.add_events = lambda chunks: early(chunks, add_events)
    buffer.add = lambda chunks: early(chunks, add)
    buffer.log = settle


def _ghost(receipt: Receipt) -> Receipt:
    """Stand in for a receipt whose child is closed already; it never concludes."""
    ghost = Receipt(receipt.origin, 0, 0)
    ghost.open = 1 << 30
    return ghost


class _Forgetful(InFlight):
    """Concludes a receipt that has one child left, now and then; what closes later is not counted."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._concluded: set[int] = set()

    def close(self, receipt: Receipt, outcome: Outcome) -> Iterable[Receipt]:
        if id(receipt) in self._concluded:
            return ()
        if receipt.open == 2 and self._world.rng.random() < 0.5:
            receipt.open = 1
        if receipt.open == 1:
            self._concluded.add(id(receipt))
            self._world.keep.append(receipt)
        return super().close(receipt, outcome)


def forget_a_child(world: World, _: str, pipeline: Pipeline, __: Ports) -> None:
    """A receipt concludes one child too early."""
    pipeline.flow.settlement.in_flight = _Forgetful(world)


def drop_a_row_on_a_lost_race(_: World, __: str, ___: Pipeline, ports: Ports) -> None:
    """The lake takes a lost race for a success."""
    ports["lake"].lost_race = lambda table: None


def park_without_the_fsync(world: World, name: str, pipeline: Pipeline, ports: Ports) -> None:
    """The delay queue answers before the row is on the disk."""
    delay = ports["delay"]

    async def park(rows: Sequence[DelayRow]) -> int:
        there = delay.state.rows
        inserted = sum((row.task.origin, row.task.child) not in there for row in rows)

        async def later() -> None:
            await asyncio.sleep(1.0)
            delay.state.park(rows)
            pipeline.flow.fates.parks += 1
            pipeline.flow.fates.parked.wake()

        world.keep.append(asyncio.get_running_loop().create_task(later(), name=f"fsync-{name}"))
        return inserted

    delay.park = park


def settle_after_a_revoke(_: World, __: str, pipeline: Pipeline, ___: Ports) -> None:
    """A revoke is told, but not obeyed: the handle goes on to settle and to be committed."""
    partitions: Any = pipeline.partitions
    partitions.revoked = lambda partition: partition.frontier()


class _Skipping(InFlight):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def was_committed(self, key: Key) -> bool:
        return key[1] in self._world.lake.events or super().was_committed(key)


def skip_because_the_row_is_there(world: World, _: str, pipeline: Pipeline, __: Ports) -> None:
    """A duplicate is skipped because its row is in the table, whatever became of its work."""
    pipeline.flow.settlement.in_flight = _Skipping(world)


def a_lease_never_comes_back(world: World, name: str, _: Pipeline, ports: Ports) -> None:
    """At start the tokens of the process before are left as they are."""

    async def recover() -> int:
        return len(world.delay[name].rows)

    ports["delay"].recover = recover


def a_crash_is_not_counted(world: World, name: str, _: Pipeline, ports: Ports) -> None:
    """At start the tokens of the process before are void, but what it died of is forgotten."""

    async def recover() -> int:
        world.delay[name].release()
        return len(world.delay[name].rows)

    ports["delay"].recover = recover


BUGS: dict[str, Bug] = {
    bug.__name__: bug
    for bug in (
        commit_past_the_frontier,
        settle_before_the_flush,
        forget_a_child,
        drop_a_row_on_a_lost_race,
        park_without_the_fsync,
        settle_after_a_revoke,
        skip_because_the_row_is_there,
        a_lease_never_comes_back,
        a_crash_is_not_counted,
    )
}
