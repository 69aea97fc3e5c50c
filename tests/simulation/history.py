"""One seed is one history: arrivals, faults, deaths, freezes, rebalances, drains; and the checks."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from claimx.adapters.memory import MemorySpool
from claimx.config import tree
from claimx.domain.stage_names import STAGES, Roles, roles_of
from claimx.stages.pipeline import Pipeline, Ports
from simulation.checker import Checker
from simulation.simloop import INCARNATION, Incarnation, StuckError
from simulation.simports import (
    SimApi,
    SimClock,
    SimDeadLetters,
    SimDelay,
    SimFileHost,
    SimHandover,
    SimLake,
    SimSource,
    SimStore,
)
from simulation.world import TOPIC, Place, ViolationError, World

MIB = 2**20
SPLITS = (
    STAGES,
    ("ingest",),
    ("ingest", "enrich"),
    ("enrich",),
    ("download",),
    ("upload", "results"),
    ("download", "upload"),
    ("ingest", "enrich", "download", "upload"),
)
HALVES = {"A": ("ingest", "enrich"), "B": ("download", "upload", "results")}
_CALM_S = 12_000.0
"""Virtual seconds in which all must come to rest after the faults have ended: five tries, or ``max_age_s``."""

Bug = Callable[[World, str, Pipeline, dict[str, Any]], None]


class Quiet:
    """A log that only notes what the checker must know: a pre-flight that was dropped."""

    def __init__(self, world: World) -> None:
        self._world = world

    def debug(self, event: str, **fields: object) -> None:
        if event == "item.dropped" and str(fields["child"]).startswith("project:"):
            self._world.excused.add(str(fields["project_id"]))

    info = warning = error = debug


class Process:
    """One process of the history, through all its incarnations."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_leaving = False
        self.incarnation: Incarnation | None = None
        self.pipeline: Pipeline | None = None
        self.sources: list[SimSource] = []
        self.context: contextvars.Context | None = None
        self.task: asyncio.Task[bool] | None = None

    @property
    def is_dead(self) -> bool:
        return self.incarnation is None or self.incarnation.is_dead

    @property
    def is_member(self) -> bool:
        return (
            not self.is_dead and not self.is_leaving and not (self.incarnation and self.incarnation.is_frozen)
        )


class History:
    """Runs the pipeline in its world."""

    def __init__(self, seed: int, bug: Bug | None = None) -> None:
        self.world = World(seed)
        self.checker = Checker(self.world)
        self.processes = [Process("A"), Process("B")]
        self._bug = bug
        self._settings = {process.name: _settings(self.world, process.name) for process in self.processes}
        self._lock = asyncio.Lock()
        self.world.kill = self._kill
        self.world.kick = self._kick

    # ---- processes ----

    def _spawn(self, body: Coroutine[Any, Any, Any]) -> None:
        """Run something of the world's own: its failures are the seed's."""
        task = self.world.loop.create_task(body, context=contextvars.Context())
        task.add_done_callback(self._report, context=contextvars.Context())
        self.world.keep.append(task)

    def _report(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self.world.loop.problems.append({"exception": task.exception()})

    async def _start(self, process: Process) -> None:
        world = self.world
        process.is_leaving = False
        process.incarnation = Incarnation(process.name)
        context = contextvars.Context()
        context.run(INCARNATION.set, process.incarnation)
        roles = self._roles(process)
        spool = world.spool if roles.shares_spool else MemorySpool()
        ports: dict[str, Any] = {
            "make_source": lambda stage, assignments: SimSource(world, process.name, stage, assignments),
            "handover": SimHandover(world),
            "api": SimApi(world),
            "host": SimFileHost(world),
            "spool": spool,
            "store": SimStore(world, spool),
            "lake": SimLake(world),
            "delay": SimDelay(world, process.name),
            "dead_letters": SimDeadLetters(world),
            "clock": SimClock(world),
            "luck": world.rng,
        }
        drain_s = world.rng.choice((0.5, 5.0, 30.0))
        settings = self._settings[process.name]
        limits = msgspec.structs.replace(settings.limits, drain_s=drain_s)
        settings = msgspec.structs.replace(settings, limits=limits)
        pipeline = Pipeline(settings, roles, Ports(**ports), Quiet(world))  # type: ignore[arg-type]
        sources: Any = pipeline.sources
        process.pipeline, process.sources, process.context = pipeline, list(sources), context
        for source in process.sources:
            source.context = context  # type: ignore[attr-defined]
        if self._bug is not None:
            self._bug(world, process.name, pipeline, ports)
        process.task = world.loop.create_task(pipeline.run(), context=context)
        process.task.add_done_callback(self._report, context=contextvars.Context())
        await self._rebalance()

    def _roles(self, process: Process) -> Roles:
        """All in both; or halves; or B runs everything, and A has other roles after every start."""
        rng, mode = self.world.rng, self.world.roles
        stages = STAGES
        if mode == "halves":
            stages = HALVES[process.name]
        elif mode == "mixed" and process.name == "A":
            stages = rng.choice(SPLITS)
        forced = [name for name in ("enrich", "download", "upload") if rng.random() < self.world.p_topic]
        return roles_of(stages, dict.fromkeys(forced, "topic"))

    def _kill(self, incarnation: Incarnation) -> None:
        if incarnation.is_dead:
            return
        self.world.stats["kills"] += 1
        self.world.died(incarnation.process)
        incarnation.is_dead = True
        process = next(p for p in self.processes if p.incarnation is incarnation)
        # No finally may run after a death: everything stays referenced until the history ends.
        self.world.keep.append((process.pipeline, process.task, list(asyncio.all_tasks(self.world.loop))))
        self._spawn(self._after_death(process))

    async def _after_death(self, process: Process) -> None:
        await asyncio.sleep(self.world.rng.uniform(0.1, 20))
        if self.world.rng.random() < 0.5:
            await self._rebalance()
        await self._start(process)

    async def _freeze(self, process: Process, seconds: float) -> None:
        incarnation = process.incarnation
        if incarnation is None or incarnation.is_dead or incarnation.is_frozen or process.is_leaving:
            return
        self.world.stats["freezes"] += 1
        incarnation.is_frozen = True
        await asyncio.sleep(seconds / 2)
        await self._rebalance()
        await asyncio.sleep(seconds / 2)
        incarnation.is_frozen = False
        self.world.loop._ready.extend(incarnation.stash)  # type: ignore[attr-defined]
        incarnation.stash = []
        await self._rebalance()

    async def _drain(self, process: Process) -> None:
        if not process.is_member or process.pipeline is None or process.task is None:
            return
        self.world.stats["drains"] += 1
        process.is_leaving = True
        incarnation, pipeline, task = process.incarnation, process.pipeline, process.task
        self.world.loop.call_soon(pipeline.drain, context=process.context)
        self.world.keep.append(pipeline)
        began, freezes = self.world.loop.clock, self.world.stats["freezes"]
        await asyncio.wait([task])
        if incarnation is None or incarnation.is_dead:
            return
        took, limit = self.world.loop.clock - began, pipeline._settings.limits.drain_s
        if freezes == self.world.stats["freezes"]:
            self.world.need(took <= limit + 4, f"drain: took {took:.1f} s of {limit} s")
            self.world.need(
                not task.result() or pipeline.live == 0, "drain: clean, but something is in flight"
            )
        for place, owner in self.world.owners.items():
            if owner in process.sources:
                self.world.owners[place] = None
        self.world.delay[process.name].release()  # the adapters are closed
        incarnation.is_dead = True
        self.world.keep.append(list(asyncio.all_tasks(self.world.loop)))
        await asyncio.sleep(self.world.rng.uniform(0.1, 5))
        await self._start(process)

    # ---- the group ----

    def _kick(self, place: Place) -> None:
        owner = self.world.owners[place]
        if owner is not None:
            owner.kick()

    async def _rebalance(self) -> None:
        async with self._lock:
            self.world.stats["rebalances"] += 1
            for place, owner in self.world.owners.items():
                members = [
                    (p, source)
                    for p in self.processes
                    if p.is_member
                    for source in p.sources
                    if place[0] in source.topics
                ]
                process, new = self.world.rng.choice(members) if members else (None, None)
                if owner is not None and owner is new and self.world.rng.random() < 0.7:
                    continue
                if owner is not None:
                    await self._take_away(place, owner)
                if new is not None and process is not None and process.is_member and new in process.sources:
                    process.context.run(new.assign, place)  # type: ignore[union-attr]

    async def _take_away(self, place: Place, owner: SimSource) -> None:
        done = self.world.loop.create_future()
        handle = owner.handle(place)

        def revoke() -> None:
            if handle is not None:
                owner.revoke(handle)
            if not done.done():
                done.set_result(None)

        self.world.loop.call_soon(revoke, context=owner.context)  # type: ignore[attr-defined]
        await asyncio.wait([done], timeout=5.0)  # else it is lost: the zombie hears of it when it wakes
        self.world.owners[place] = None

    # ---- the story ----

    async def _feed(self) -> None:
        world = self.world
        for when, make in world.stories.arrivals:
            if when > world.loop.clock:
                await asyncio.sleep(when - world.loop.clock)
            world.append((TOPIC, world.rng.randrange(world.parts[TOPIC])), make)
            if world.rng.random() < 0.1:
                world.mark(world.rng.choice(list(world.ends)))

    async def _trouble(self) -> None:
        rng, world = self.world.rng, self.world
        for when in sorted(rng.uniform(0, world.until) for _ in range(rng.choice((0, 1, 3, 6)))):
            await asyncio.sleep(max(0.0, when - world.loop.clock))
            process, draw = rng.choice(self.processes), rng.random()
            if draw < 0.25 and world.kills and process.incarnation is not None:
                world.kills -= 1
                self._kill(process.incarnation)
            elif draw < 0.5:
                self._spawn(self._freeze(process, rng.choice((1, 10, 25))))
            elif draw < 0.7:
                self._spawn(self._drain(process))
            else:
                await self._rebalance()

    def _is_quiet(self) -> bool:
        world = self.world
        return (
            world.committed == world.ends
            and not any(state.rows for state in world.delay.values())
            and all(p.is_member and p.pipeline is not None and p.pipeline.live == 0 for p in self.processes)
        )

    def _look(self) -> None:
        problems = self.world.loop.problems
        if problems:
            error = problems[0].get("exception")
            raise error if error is not None else ViolationError(str(problems[0]))
        for process in self.processes:
            if not process.is_dead and process.pipeline is not None:
                self.checker.laws(process.name, process.pipeline)

    async def tell(self) -> None:
        """Live through the history, then check the end."""
        world = self.world
        for process in self.processes:
            await self._start(process)
        self._spawn(self._feed())
        self._spawn(self._trouble())
        while world.loop.clock < world.until + _CALM_S:
            await asyncio.sleep(3.0)
            self._look()
            if world.loop.clock > world.until + 30 and self._is_quiet():
                self.checker.end()
                for process in self.processes:
                    if process.pipeline is not None:
                        self.checker.settled(process.name, process.pipeline)
                return
        raise ViolationError(f"liveness: not at rest: {self._why()}")

    def _why(self) -> str:
        world = self.world
        lag = {place: end - world.committed[place] for place, end in world.ends.items()}
        live = [(p.name, p.is_dead, p.pipeline and p.pipeline.live) for p in self.processes]
        return f"lag={lag} delayed={[len(s.rows) for s in world.delay.values()]} live={live}"


def _settings(world: World, name: str) -> tree.Settings:
    rng = world.rng
    return tree.Settings(
        process=tree.Process(instance=name),
        kafka=tree.Kafka(
            max_partition_ahead=rng.choice((8, 30, 20_000)), commit_interval_s=rng.choice((0.05, 1.0))
        ),
        api=tree.Api(token=tree.Secret("fake"), circuit=tree.Circuit(failures=5, reset_s=10.0)),
        enrich=tree.Enrich(
            workers=rng.choice((1, 2, 4, 64)),
            queue_items=rng.choice((1, 2, 8, 64)),
            batch_items=rng.choice((1, 2, 64)),
            batch_wait_ms=rng.choice((0, 50, 2000)),
            project_ttl_s=rng.choice((1.0, 3600.0)),
            visibility_s=300.0,
        ),
        download=tree.Download(
            workers=rng.choice((1, 2, 4)),
            queue_items=rng.choice((1, 2, 8)),
            memory_file_bytes=rng.choice((16, MIB, 9 * MIB)),
            max_bytes=1000,
            spool_bytes=rng.choice((50, 10**9)),
        ),
        upload=tree.Upload(workers=rng.choice((1, 2, 4)), queue_items=rng.choice((1, 2, 8))),
        lake=tree.Lake(
            tables_url="memory",
            files_url="memory",
            flush_rows=rng.choice((3, 10, 100)),
            flush_bytes=rng.choice((MIB, 64 * MIB)),
            flush_interval_s=rng.choice((0.5, 5.0)),
        ),
        retry=tree.Retry(delays_s=(30.0, 60.0, 120.0, 240.0), max_age_s=1200.0),
        flood=tree.Flood(max_per_minute=rng.choice((2, 5000))),
        limits=tree.Limits(memory_bytes=64 * MIB),
    )


def run(seed: int, bug: Bug | None = None) -> tuple[str | None, History]:
    """Run one seed. Returns what was wrong, or None, and the history."""
    history = History(seed, bug)
    loop = history.world.loop
    asyncio.set_event_loop(None)
    try:
        loop.run_until_complete(history.tell())
    except (Exception, BaseExceptionGroup) as error:
        return _told(error), history
    else:
        return None, history
    finally:
        loop.set_exception_handler(lambda *_: None)
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ViolationError | StuckError):
        return f"{type(error).__name__}: {error}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" in {trace.tb_frame.f_code.co_qualname} line {trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}: {error}{where}"
