"""The ports of one incarnation: the shipped memory states, reached through latency, faults and death."""

from collections import Counter
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from claimx.adapters.memory import MemoryFile, MemorySpool, check_text
from claimx.domain.answers import ApiAnswer, ApiRequest
from claimx.domain.dead_letter import DeadLetter
from claimx.domain.event_log import LogLine
from claimx.domain.events import Event
from claimx.domain.queue_mark import QueueMark
from claimx.domain.receipts import Lease, Partition
from claimx.domain.results import UploadResult
from claimx.domain.rows import Row, key_of
from claimx.domain.tables import TABLES
from claimx.domain.tasks import ProjectTask, Task
from claimx.domain.times import Micros
from claimx.errors import LakeError, RowsRejectedError, TransientError
from claimx.ports.delay import DelayRow, Leased, RowKey
from claimx.ports.source import Assignments, KafkaVitals, RecordBatch
from claimx.stages.pool import Waiters
from simulation.world import STAGE_OF, Place, World


class SimClock:
    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> Micros:
        return self._world.now


class SimSource:
    """One member of one stage's consumer group. What is assigned to it is decided by the world."""

    def __init__(self, world: World, process: str, stage: str, assignments: Assignments) -> None:
        self.process = process
        self.stage = stage
        self.topics = [topic for topic, name in STAGE_OF.items() if name == stage]
        self.assignments = assignments
        self.mine: list[Partition] = []
        self._world = world
        self._next: dict[Place, int] = {}
        self._paused: set[Place] = set()
        self._stopped = False
        self._note = ""
        self._more = Waiters()
        self.vitals = KafkaVitals()

    def assign(self, place: Place) -> None:
        start = self._world.committed[place]
        partition = self.assignments.assigned(*place, start, self._world.notes.get(place, ""))
        self.mine = [p for p in self.mine if _place(p) != place] + [partition]
        self._next[place] = start
        self._paused.discard(place)
        self._world.owners[place] = self
        self.kick()

    def handle(self, place: Place) -> Partition | None:
        return next((p for p in self.mine if _place(p) == place), None)

    def revoke(self, partition: Partition) -> None:
        """Fence, then one last commit while the broker still waits for us."""
        if partition not in self.mine:
            return
        self.mine.remove(partition)
        frontier, place = self.assignments.revoked(partition), _place(partition)
        is_ours = self._world.owners[place] is self
        if is_ours and frontier > self._world.committed[place] and not self._world.fails("commit"):
            self._world.commit(place, frontier)
            self._world.notes[place] = self._note or partition.note

    def kick(self) -> None:
        self._more.wake()

    async def get(self) -> RecordBatch | None:
        while not self._stopped:
            for partition in self.mine:
                if not partition.revoked and _place(partition) not in self._paused:
                    batch = self._take(partition)
                    if batch is not None:
                        await self._world.point()
                        return batch
            await self._more.wait()
        return None

    def _take(self, partition: Partition) -> RecordBatch | None:
        place, world = _place(partition), self._world
        log, start = world.log[place], self._next[place]
        items = [item for item in log if item.offset >= start][: world.rng.randint(1, 3)]
        position = items[-1].offset + 1 if items else world.ends[place]
        if items and items[-1] is log[-1] and world.rng.random() < 0.5:
            position = world.ends[place]  # the end-of-partition mark came with them
        if position <= start:
            return None
        self._next[place] = position
        return RecordBatch(partition, items, position, sum(item.size_bytes for item in items))

    async def commit(self, offsets: Sequence[tuple[Partition, int]], note: str) -> None:
        self._note = note
        await self._world.effect("commit", lambda: [self._execute(p, offset, note) for p, offset in offsets])

    def _execute(self, partition: Partition, offset: int, note: str) -> None:
        if partition.revoked:
            return
        if self._world.owners[_place(partition)] is not self:
            raise TransientError(
                "kafka.fenced"
            )  # the broker checks the member, not which assignment it means
        self._world.commit(_place(partition), offset)
        self._world.notes[_place(partition)] = note

    def pause(self, partition: Partition) -> None:
        self._paused.add(_place(partition))

    def resume(self, partition: Partition) -> None:
        self._paused.discard(_place(partition))
        self.kick()

    async def lag(self) -> int:
        return sum(self._world.ends[_place(p)] - self._world.committed[_place(p)] for p in self.mine)

    def stop(self) -> None:
        self._stopped = True
        self.kick()

    async def close(self) -> None:
        pass


def _place(partition: Partition) -> Place:
    return partition.topic, partition.number


class SimHandover:
    def __init__(self, world: World) -> None:
        self._world = world

    async def put(self, stage: str, task: Task | UploadResult) -> bool:
        await self._world.effect("handover", lambda: self._world.hand_over(stage, task))
        return True


class SimApi:
    def __init__(self, world: World) -> None:
        self._world = world

    async def send(self, request: ApiRequest) -> ApiAnswer:
        fetched_at = self._world.now
        await self._world.point(0.2)
        await self._world.survive(self._world.stories.deadly_in(request))
        if self._world.fails("api"):
            raise TransientError("api.failed")
        body = self._world.stories.answer(request, self._world.loop.clock)
        return ApiAnswer(body, fetched_at, 300)


class SimFileHost:
    def __init__(self, world: World) -> None:
        self._world = world

    @asynccontextmanager
    async def open(self, url: str) -> AsyncGenerator[MemoryFile, None]:
        await self._world.point(0.3)
        if self._world.fails("host"):
            raise TransientError("file.failed")
        if "?" not in url:
            raise TransientError("file.unsigned")
        yield SimFile(self._world, self._world.stories.file(url))


class SimFile(MemoryFile):
    def __init__(self, world: World, content: bytes) -> None:
        super().__init__(content, "image/jpeg", chunk=7)
        self._world = world

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        async for chunk in super().chunks():
            await self._world.point()
            if self._world.fails("host"):
                raise TransientError("file.cut")
            yield chunk


class SimStore:
    def __init__(self, world: World, spool: MemorySpool) -> None:
        self._world = world
        self._spool = spool

    async def put(self, key: str, content: bytes | Path, _sha256: str) -> None:
        data = content if isinstance(content, bytes) else self._spool.files.get(content)
        if data is None:
            raise TransientError("store.no_file")  # another process has stored and removed it
        await self._world.effect("store", lambda: self._world.files.update({key: data}))


class SimLake:
    """Commits are compared with the version that they were made on: a lost race is real."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def merge_events(self, events: Sequence[Event], written_at: Micros) -> None:
        del written_at
        self._refuse([f"claimx_events/{event.event_id}" for event in events])
        await self._commit("claimx_events", lambda: self._world.lake.insert_events(events))

    async def merge(self, table: str, rows: Sequence[Row]) -> None:
        for row in rows:
            for value in row.values.values():
                check_text(value)
        self._refuse([f"{table}/{key_of(TABLES[table], row)[0]}" for row in rows])
        for row in rows:
            self._world.follows_its_project(table, row.values)
        await self._commit(table, lambda: self._world.lake.upsert(table, rows))

    async def append_log(self, lines: Sequence[LogLine]) -> None:
        def act() -> None:
            self._world.lake.append(lines)
            for line in lines:
                if line.child is None:
                    self._world.logged[line.topic, line.partition, line.offset] = line.outcome

        await self._world.effect("lake", act, LakeError)

    async def projects_fetched_at(self, project_ids: Sequence[str]) -> Mapping[str, Micros]:
        await self._world.point()
        if self._world.fails("lake"):
            raise LakeError("lake.failed")
        return self._world.lake.fetched_at(project_ids)

    def _refuse(self, keys: Sequence[str]) -> None:
        if not self._world.stories.bad_rows.isdisjoint(keys):
            raise RowsRejectedError("a bad row")

    async def _commit(self, table: str, write: Any) -> None:
        snapshot = self._world.lake.versions.get(table, 0)

        def act() -> None:
            if self._world.lake.versions.get(table, 0) != snapshot:
                self.lost_race(table)
            else:
                write()

        await self._world.effect("lake", act, LakeError, 0.05)

    def lost_race(self, table: str) -> None:
        raise LakeError(f"{table}: a concurrent transaction came first")


class SimDelay:
    def __init__(self, world: World, process: str) -> None:
        self.state = world.delay[process]
        self._deaths = world.deaths[process]
        self._world = world

    async def recover(self) -> int:
        return await self._world.effect("delay", self.state.recover)

    async def park(self, rows: Sequence[DelayRow]) -> int:
        self._world.excused.update(row.task.project_id for row in rows if isinstance(row.task, ProjectTask))

        def act() -> int:
            for row in rows:
                self._deaths.pop(row.key, None)
            return self.state.park(rows)

        return await self._certain(act)

    async def lease(
        self, now: Micros, limit: int, stages: Collection[str]
    ) -> tuple[Sequence[Leased], Micros | None]:
        return await self._certain(lambda: self.state.lease(now, limit, stages))

    async def delete(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        def act() -> Sequence[Lease]:
            rows = {lease: self.state.rows.get((lease.origin, lease.child)) for lease in leases}
            gone = self.state.delete(leases)
            for lease in gone:
                self._deaths.pop(RowKey(lease.origin, lease.child), None)
                row = rows[lease]
                if row is not None:
                    self._world.deleted(row[0])
            return gone

        return await self._certain(act)

    async def _certain(self, act: Any) -> Any:
        """One local file: a failure means that nothing was done; a death leaves it done or not."""
        await self._world.point()
        if self._world.fails("delay"):
            raise TransientError("delay.disk")
        result = act()
        await self._world.point()
        return result

    async def count(self) -> int:
        return len(self.state.rows)

    async def stages(self) -> Mapping[str, int]:
        return await self._certain(lambda: Counter(row.stage for row, _ in self.state.rows.values()))

    async def mark(self) -> QueueMark:
        return self.state.mark

    async def due_before(self, when: Micros) -> int:
        return sum(row.due_at < when for row, _ in self.state.rows.values())


class SimDeadLetters:
    def __init__(self, world: World) -> None:
        self._world = world

    async def put(self, letter: DeadLetter) -> None:
        await self._world.effect("dead", lambda: self._world.bury(letter))
