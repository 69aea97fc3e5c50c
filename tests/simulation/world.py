"""The outside world of one history: what is durable, luck, faults, and the broker."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from claimx.adapters.memory import DelayState, LakeState, MemorySpool
from claimx.domain.crashes import SUSPECT
from claimx.domain.dead_letter import DeadLetter
from claimx.domain.results import UploadResult, encode_result, read_result
from claimx.domain.tasks import Task, TaskRecord, encode_task, read_task
from claimx.domain.times import SECOND, Micros, parse_time
from claimx.errors import TransientError
from claimx.ports.delay import RowKey
from claimx.ports.source import Item
from simulation.simloop import INCARNATION, Incarnation, SimLoop
from simulation.stories import Stories

T = TypeVar("T")

TOPIC = "claimx.events.raw"
PENDING = {stage: f"pending.{stage}" for stage in ("enrich", "download", "upload", "results")}
STAGE_OF = {TOPIC: "ingest", **{topic: stage for stage, topic in PENDING.items()}}
Place = tuple[str, int]
EPOCH: Micros = parse_time("2026-01-11T15:00:00Z") or 0
DEPENDENCIES = ("api", "host", "store", "lake", "dead", "delay", "commit", "handover")


class ViolationError(Exception):
    """An invariant does not hold."""


class World:
    """What is there whoever dies: topic, offsets, tables, files, delay rows, dead letters."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.loop = SimLoop(rng.random)
        self.parts = {topic: rng.randint(1, 3 if topic == TOPIC else 2) for topic in STAGE_OF}
        places = [(topic, number) for topic, parts in self.parts.items() for number in range(parts)]
        self.until = rng.choice((60.0, 120.0))
        self.stories = Stories(rng, self.until)
        self.log: dict[Place, list[Item]] = {place: [] for place in places}
        self.ends = dict.fromkeys(places, 0)
        self.committed = dict.fromkeys(places, 0)
        self.owners: dict[Place, Any] = dict.fromkeys(places)
        self.notes: dict[Place, str] = {}
        self.lake = LakeState()
        self.files: dict[str, bytes] = {}
        self.spool = MemorySpool()
        """The directory that download and upload share where they are apart."""
        self.delay = {"A": DelayState(), "B": DelayState()}
        self.deaths: dict[str, Counter[RowKey]] = {"A": Counter(), "B": Counter()}
        """Deaths in a row of a process while it held a row, by process."""
        self.suspects: set[tuple[str, str]] = set()
        """What may be buried for it: event id and child of rows that were held at three deaths."""
        self.letters: dict[str, DeadLetter] = {}
        self.letter_of: dict[tuple[str, str], str] = {}
        self.logged: dict[tuple[str, int, int], str] = {}
        self.roles = rng.choice(("all", "mixed", "halves"))
        self.p_topic = rng.choice((0.0, 0.0, 0.3, 1.0))
        self.p_fail = rng.choice((0.0, 0.05, 0.2))
        self.p_kill = rng.choice((0.0, 0.003, 0.02))
        self.kills = rng.randint(0, 4)
        self.outages = {name: self._window() for name in DEPENDENCIES if rng.random() < 0.3}
        self.stats = dict.fromkeys(("kills", "freezes", "rebalances", "drains", "records"), 0)
        self.kill: Callable[[Incarnation], None] = lambda _: None
        self.kick: Callable[[Place], None] = lambda _: None
        self.checked: Callable[[Place, int, int], None] = lambda *_: None
        self.keep: list[object] = []
        self.excused: set[str] = set()
        """Projects whose pre-flight failed or was dropped."""

    @property
    def now(self) -> Micros:
        return EPOCH + int(self.loop.clock * SECOND)

    @property
    def is_calm(self) -> bool:
        return self.loop.clock >= self.until

    def _window(self) -> tuple[float, float]:
        start = self.rng.uniform(0, self.until)
        return start, min(self.until, start + self.rng.choice((5, 30, 60)))

    def need(self, ok: object, text: str) -> None:
        if not ok:
            raise ViolationError(f"{text} (at {self.loop.clock:.1f} s)")

    def follows_its_project(self, table: str, values: Mapping[str, object]) -> None:
        """Check that a row is not written before the row of its project, unless that could not be fetched.

        Contacts go first; a file that was parked may be stored before the event that named it comes again.
        """
        project_id = values.get("project_id")
        if (
            table in {"claimx_projects", "claimx_contacts", "claimx_attachments"}
            or project_id in self.excused
        ):
            return
        self.need((project_id,) in self.lake.rows["claimx_projects"], f"{table}: no project {project_id} yet")

    # ---- luck ----

    async def point(self, mean: float = 0.02) -> None:
        """A moment that takes time, in which the process may die: what follows is then never run."""
        rng = self.rng
        await asyncio.sleep(rng.expovariate(1 / mean) if rng.random() < 0.9 else rng.uniform(0, 3))
        incarnation = INCARNATION.get()
        if incarnation is not None and self.kills and not self.is_calm and rng.random() < self.p_kill:
            self.kills -= 1
            self.kill(incarnation)
            await self.loop.create_future()

    async def survive(self, event_ids: Collection[str]) -> None:
        """Die if the process holds a delay row of one of these events: it is what kills, and not only in bad times."""
        incarnation = INCARNATION.get()
        held = self.delay[incarnation.process].rows.values() if incarnation is not None else ()
        if incarnation is not None and any(
            token is not None and row.task.child == "enrich" and row.task.event_id in event_ids
            for row, token in held
        ):
            self.kill(incarnation)
            await self.loop.create_future()

    def died(self, process: str) -> None:
        """Note which rows a process held when it died."""
        for key, (row, token) in self.delay[process].rows.items():
            if token is not None:
                self.deaths[process][key] += 1
                if self.deaths[process][key] >= SUSPECT:
                    self.suspects.add((row.task.event_id, row.task.child))

    def fails(self, dependency: str) -> bool:
        if self.is_calm:
            return False
        window = self.outages.get(dependency)
        if window is not None and window[0] <= self.loop.clock < window[1]:
            return True
        return self.rng.random() < self.p_fail

    async def effect(
        self,
        dependency: str,
        act: Callable[[], T],
        error: type[Exception] = TransientError,
        mean: float = 0.02,
    ) -> T:
        """An outside effect: it fails before or after it landed, or it lands; death is possible on both sides."""
        await self.point(mean)
        if self.fails(dependency):
            if self.rng.random() < 0.4:
                act()
                await self.point(mean)
            raise error(f"{dependency}.failed")
        result = act()
        await self.point(mean)
        return result

    # ---- the broker ----

    def append(self, place: Place, make: Callable[[int], Item]) -> None:
        """Append a record, behind a gap now and then (compaction, transaction markers)."""
        offset = self.ends[place] + self.rng.choice((1, 1, 1, 2, 5)) - 1
        self.log[place].append(make(offset))
        self.ends[place] = offset + 1
        self.stats["records"] += 1
        self.kick(place)

    def mark(self, place: Place) -> None:
        """Append a transaction marker: an offset that no consumer is handed."""
        self.ends[place] += 1
        self.kick(place)

    def hand_over(self, stage: str, task: Task | UploadResult) -> None:
        """Take what one process hands to another: as JSON, as it would stand on the topic."""
        topic = PENDING[stage]

        def record(offset: int) -> Item:
            if isinstance(task, UploadResult):
                return read_result(encode_result(task), offset)
            return read_task((type(task),), encode_task(task), offset)

        self.append((topic, self.rng.randrange(self.parts[topic])), record)

    def waits(self, event_id: str, child: str) -> bool:
        """Whether work stands on a topic whose consumers have not committed past it."""
        return any(
            isinstance(item, TaskRecord) and (item.task.event_id, item.task.child) == (event_id, child)
            for place, items in self.log.items()
            if place[0] != TOPIC
            for item in items
            if item.offset >= self.committed[place]
        )

    def commit(self, place: Place, offset: int) -> None:
        """Execute a commit, checked against what is durable at this moment."""
        old = self.committed[place]
        self.need(offset <= self.ends[place], f"I2: {place} committed {offset} past the end")
        self.committed[place] = max(old, offset)
        self.checked(place, old, offset)

    def bury(self, letter: DeadLetter) -> None:
        """Take a dead letter; a repeat folds by its id."""
        headers = {name: content.decode() for name, content in letter.headers}
        self.letters[letter.id] = letter
        if "claimx-event-id" in headers:
            self.letter_of[headers["claimx-event-id"], headers.get("claimx-child", "row")] = headers[
                "claimx-error-code"
            ]
