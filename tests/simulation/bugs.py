"""Faults seeded from outside: a mutated collaborator of one incarnation. The product has no hooks for them."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from claimx.domain.answers import GetMedia
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import InFlight, Key, Lease, Partition, Receipt
from claimx.errors import RowsRejectedError
from claimx.ports.delay import DelayRow, RowKey
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


def a_topic_forgets(world: World, _: str, __: Pipeline, ports: Ports) -> None:
    """Work counts as forwarded although the broker has not kept it, now and then."""
    put = ports["handover"].put

    async def forgetful(stage: str, task: Any) -> bool:
        return True if world.rng.random() < 0.3 else await put(stage, task)

    ports["handover"].put = forgetful


def projects_go_before_their_contacts(_: World, __: str, ___: Pipeline, ports: Ports) -> None:
    """A flush commits the project first, whose row says that all of its answer is there."""
    lake = ports["lake"]
    merge = lake.merge
    held: list[Sequence[Any]] = []

    async def swapped(table: str, rows: Sequence[Any]) -> None:
        if table == "claimx_contacts":
            held.append(rows)
            return
        await merge(table, rows)
        if table == "claimx_projects":
            await contacts()

    async def contacts() -> None:
        while held:
            await merge("claimx_contacts", held[0])
            held.pop(0)

    async def append_log(lines: Sequence[Any]) -> None:
        await contacts()
        await append(lines)

    append = lake.append_log
    lake.merge, lake.append_log = swapped, append_log


def rows_do_not_wait_for_their_project(_: World, __: str, pipeline: Pipeline, ___: Ports) -> None:
    """Rows of an event go on while the project that they refer to is still being fetched."""
    projects: Any = pipeline.flow.projects

    async def settled(project_id: str) -> None:
        del project_id

    projects.settled = settled


def a_flood_drops(_: World, __: str, pipeline: Pipeline, ___: Ports) -> None:
    """In a flood a dead letter is dropped where it should wait."""
    fates: Any = pipeline.flow.fates
    produce = fates.produce

    async def dropping(letter: Any) -> None:
        if pipeline.flow.flood.reason is None:
            await produce(letter)

    fates.produce = dropping


def a_stale_token_deletes(world: World, name: str, _: Pipeline, ports: Ports) -> None:
    """A lease of an earlier try deletes the row that was parked again meanwhile."""
    state, delay = world.delay[name], ports["delay"]
    original = delay.delete

    async def delete(leases: Sequence[Lease]) -> Sequence[Lease]:
        for lease in leases:
            key = RowKey(lease.origin, lease.child)
            if key in state.rows:
                state.rows[key] = (state.rows[key][0], lease.token)
        return await original(leases)

    delay.delete = delete


def half_of_a_rejected_batch_is_dropped(_: World, __: str, ___: Pipeline, ports: Ports) -> None:
    """Of a batch with a bad row only the row that was found bad is written off, and its neighbours with it."""
    lake = ports["lake"]
    merge = lake.merge

    async def dropping(table: str, rows: Sequence[Any]) -> None:
        try:
            await merge(table, rows)
        except RowsRejectedError:
            if len(rows) == 1:
                raise

    lake.merge = dropping


class _Lonely(InFlight):
    def close(self, receipt: Receipt, outcome: Outcome) -> Iterable[Receipt]:
        return list(super().close(receipt, outcome))[:1]


def joined_receipts_are_forgotten(_: World, __: str, pipeline: Pipeline, ___: Ports) -> None:
    """A duplicate that joined the first copy is never settled."""
    pipeline.flow.settlement.in_flight = _Lonely()


def the_log_comes_before_the_rows(_: World, __: str, ___: Pipeline, ports: Ports) -> None:
    """Lines are appended, and offsets settled, before the rows of the same flush."""
    lake = ports["lake"]
    merge = lake.merge
    late: list[Any] = []

    async def later(table: str, rows: Sequence[Any]) -> None:
        late.append((table, rows))

    async def append_log(lines: Sequence[Any]) -> None:
        await append(lines)
        written, late[:] = late[:], []
        for table, rows in written:
            await merge(table, rows)

    append = lake.append_log
    lake.merge, lake.append_log = later, append_log


def the_first_link_is_taken(_: World, __: str, pipeline: Pipeline, ports: Ports) -> None:
    """A fresh link is taken from the first file of the answer, whichever that is."""
    ask: Any = pipeline.flow.api
    original = ask.ask

    async def first(work: Any, requests: Sequence[Any]) -> Any:
        answers = await original(work, requests)
        if work.stage != "download":
            return answers
        wanted = [GetMedia(request.project_id) for request in requests]
        every = [await ports["api"].send(request) for request in wanted]
        return [
            answer._replace(body=_renamed(whole.body, request.media_ids[0]))
            for answer, whole, request in zip(answers, every, requests, strict=True)
        ]

    ask.ask = first


def _renamed(body: Any, media_id: str) -> Any:
    """The first item of a list, under the id that was asked for."""
    items = body["data"]
    return {"data": [{**items[0], "mediaID": int(media_id)}]} if items else body


class _Remembering(InFlight):
    """Takes a copy for done although the first one waits for its next try."""

    def close(self, receipt: Receipt, outcome: Outcome) -> Iterable[Receipt]:
        key = receipt.key
        ended = super().close(receipt, outcome)
        if ended and key is not None:
            self._remember(key)
        return ended


def everything_is_remembered_as_done(_: World, __: str, pipeline: Pipeline, ___: Ports) -> None:
    """A copy of work that was parked or given up is skipped as if it were committed."""
    pipeline.flow.settlement.in_flight = _Remembering()


def a_row_has_seen_too_much(_: World, __: str, pipeline: Pipeline, ___: Ports) -> None:
    """A later look for files says in its row what it saw, before that is durable."""
    ask: Any = pipeline.flow.api
    fates: Any = pipeline.flow.fates
    original, ask_again = ask.ask, fates.ask_again
    shown: dict[str, tuple[str, ...]] = {}

    async def noting(work: Any, requests: Sequence[Any]) -> Any:
        answers = await original(work, requests)
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(request, GetMedia):
                shown[work.task.event_id] = tuple(str(item["mediaID"]) for item in answer.body["data"])
        return answers

    async def telling(work: Any, code: str) -> None:
        work.task = msgspec.structs.replace(work.task, seen=shown[work.task.event_id])
        await ask_again(work, code)

    ask.ask, fates.ask_again = noting, telling


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
        a_topic_forgets,
        projects_go_before_their_contacts,
        rows_do_not_wait_for_their_project,
        a_flood_drops,
        a_stale_token_deletes,
        half_of_a_rejected_batch_is_dropped,
        joined_receipts_are_forgotten,
        the_log_comes_before_the_rows,
        the_first_link_is_taken,
        everything_is_remembered_as_done,
        a_crash_is_not_counted,
        a_row_has_seen_too_much,
    )
}
