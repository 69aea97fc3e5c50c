"""The outside world of one history: what is durable, luck, faults, and the broker."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from claimx.adapters.memory import DelayState, LakeState
from claimx.domain.dead_letter import DeadLetter
from claimx.domain.events import Item
from claimx.domain.times import SECOND, Micros, parse_time
from claimx.errors import TransientError
from simulation.simloop import INCARNATION, Incarnation, SimLoop
from simulation.stories import Stories

T = TypeVar("T")

TOPIC = "claimx.events.raw"
EPOCH: Micros = parse_time("2026-01-11T15:00:00Z") or 0
DEPENDENCIES = ("api", "host", "store", "lake", "dead", "delay", "commit")


class ViolationError(Exception):
    """An invariant does not hold."""


class World:
    """What is there whoever dies: topic, offsets, tables, files, delay rows, dead letters."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.loop = SimLoop(rng.random)
        self.parts = rng.randint(1, 3)
        self.until = rng.choice((60.0, 120.0))
        self.stories = Stories(rng, self.until)
        self.log: list[list[Item]] = [[] for _ in range(self.parts)]
        self.ends = [0] * self.parts
        self.committed = [0] * self.parts
        self.owners: list[Any] = [None] * self.parts
        self.lake = LakeState()
        self.files: dict[str, bytes] = {}
        self.delay = {"A": DelayState(), "B": DelayState()}
        self.letters: dict[str, DeadLetter] = {}
        self.letter_of: dict[tuple[str, str], str] = {}
        self.logged: dict[tuple[int, int], str] = {}
        self.p_fail = rng.choice((0.0, 0.05, 0.2))
        self.p_kill = rng.choice((0.0, 0.003, 0.02))
        self.kills = rng.randint(0, 4)
        self.outages = {name: self._window() for name in DEPENDENCIES if rng.random() < 0.3}
        self.stats = dict.fromkeys(("kills", "freezes", "rebalances", "drains", "records"), 0)
        self.kill: Callable[[Incarnation], None] = lambda _: None
        self.kick: Callable[[int], None] = lambda _: None
        self.checked: Callable[[int, int, int], None] = lambda *_: None
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
        """Check that a row is not written before the row of its project, unless that could not be fetched; contacts go first."""
        project_id = values.get("project_id")
        if table in {"claimx_projects", "claimx_contacts"} or project_id in self.excused:
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

    def append(self, number: int, make: Callable[[int], Item]) -> None:
        """Append a record, behind a gap now and then (compaction, transaction markers)."""
        offset = self.ends[number] + self.rng.choice((1, 1, 1, 2, 5)) - 1
        self.log[number].append(make(offset))
        self.ends[number] = offset + 1
        self.stats["records"] += 1
        self.kick(number)

    def mark(self, number: int) -> None:
        """Append a transaction marker: an offset that no consumer is handed."""
        self.ends[number] += 1
        self.kick(number)

    def commit(self, number: int, offset: int) -> None:
        """Execute a commit, checked against what is durable at this moment."""
        old = self.committed[number]
        self.need(offset <= self.ends[number], f"I2: {number} committed {offset} past the end")
        self.checked(number, old, offset)
        self.committed[number] = max(old, offset)

    def bury(self, letter: DeadLetter) -> None:
        """Take a dead letter; a repeat folds by its id."""
        headers = {name: content.decode() for name, content in letter.headers}
        self.letters[letter.id] = letter
        if "claimx-event-id" in headers:
            self.letter_of[headers["claimx-event-id"], headers.get("claimx-child", "row")] = headers[
                "claimx-error-code"
            ]
