"""What the workers of each stage do: whether they move, and where their time goes. Written on the loop, read anywhere."""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar, Token
from enum import Enum
from typing import NamedTuple


class Doing(Enum):
    """What a worker does with an item. Only one that works must move by itself.

    ``ASKING``: another part of ours does its job. ``BLOCKED``: another part of ours has no room. ``IN_LINE``: for a
    place in its own stage. ``OUTSIDE``: something that is not ours has to change, or time to pass: no stall.
    """

    WORKING = "working"
    ASKING = "asking"
    BLOCKED = "blocked"
    IN_LINE = "in_line"
    OUTSIDE = "outside"


_WORKING = {Doing.WORKING: 1, Doing.ASKING: 1, Doing.BLOCKED: 0, Doing.IN_LINE: 0, Doing.OUTSIDE: 0}
_BLOCKED = {Doing.WORKING: 0, Doing.ASKING: 0, Doing.BLOCKED: 1, Doing.IN_LINE: 0, Doing.OUTSIDE: 1}


class Held(NamedTuple):
    """An item in a worker's hands.

    Args:
        name: the event's id, or what it is.
        on: what it waits for; empty while it works.
        ticked_at: when it last moved, by the loop's clock.
        extra_s: how much longer than others it may give no sign of life.
    """

    name: str
    doing: Doing
    on: str
    ticked_at: float
    extra_s: float = 0.0


class Seen(NamedTuple):
    """A stage at one moment. Seconds are worker-seconds since ``start``.

    Args:
        waiting_s: for work.
        blocked_s: on another stage's full queue, on a budget, or on what is outside.
        done: items that are out of its hands.
        ticked_at: when anything last moved, by the loop's clock; None: nothing yet.
    """

    waiting_s: float
    working_s: float
    blocked_s: float
    in_flight: int
    done: int
    ticked_at: float | None
    held: tuple[Held, ...]


class _Times(NamedTuple):
    """The sums up to ``at``, and how many workers have been at it since; replaced as a whole."""

    at: float
    waiting_s: float = 0.0
    working_s: float = 0.0
    blocked_s: float = 0.0
    working: int = 0
    blocked: int = 0

    def then(self, now: float, workers: int, working: int, blocked: int) -> "_Times":
        since = now - self.at
        waiting = max(0, workers - self.working - self.blocked)
        return _Times(
            now,
            self.waiting_s + waiting * since,
            self.working_s + self.working * since,
            self.blocked_s + self.blocked * since,
            self.working + working,
            self.blocked + blocked,
        )


class Progress:
    """One stage's workers.

    Args:
        workers: items that it works on at once.
    """

    def __init__(self, stage: str, workers: int = 1) -> None:
        self.stage = stage
        self.workers = workers
        self.ticked_at: float | None = None
        self.done = 0
        self._items: dict[int, Item] = {}
        self._times: _Times | None = None

    def start(self) -> None:
        """Let the workers wait for work from now on."""
        self._turn(0, 0)

    def work(self, name: str) -> "Item":
        """Have an item in hand: a context manager. What waits meanwhile says so by the functions below."""
        return Item(self, name)

    def seen(self, now: float) -> Seen:
        """Tell what there is to tell.

        Args:
            now: by the loop's clock.
        """
        times = (self._times or _Times(now)).then(now, self.workers, 0, 0)
        held = tuple(item.seen() for item in dict(self._items).values())
        return Seen(
            times.waiting_s, times.working_s, times.blocked_s, len(held), self.done, self.ticked_at, held
        )

    def _turn(self, working: int, blocked: int) -> float:
        now = asyncio.get_running_loop().time()
        self._times = (self._times or _Times(now)).then(now, self.workers, working, blocked)
        return now


class Item:
    """An item in a worker's hands, from ``with`` to its end."""

    __slots__ = ("_doing", "_name", "_outer", "_progress", "_ticked_at", "_token", "_waits", "extra_s")

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name
        self._doing = Doing.WORKING
        self._ticked_at = 0.0
        self.extra_s = 0.0
        self._waits: list[Wait] = []
        self._outer: Wait | None = None
        self._token: Token[Item | None] | None = None

    def __enter__(self) -> None:
        if _IN_HAND.get() is not None:  # one item's work may need another's first
            self._outer = in_line(self._progress.stage)
            self._outer.__enter__()
        self._token = _IN_HAND.set(self)
        self._progress._items[id(self)] = self  # noqa: SLF001
        self._moved(1, 0)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _IN_HAND.reset(self._token)
        self._moved(-_WORKING[self._doing], -_BLOCKED[self._doing])
        self._token = None
        del self._progress._items[id(self)]  # noqa: SLF001
        self._progress.done += 1
        if self._outer is not None:
            self._outer.__exit__()

    def tick(self) -> None:
        """Say that it moves."""
        self._ticked_at = self._progress.ticked_at = asyncio.get_running_loop().time()

    def seen(self) -> Held:
        """Tell what is done with it; from any thread."""
        waits = self._waits[-1:]
        return Held(self._name, self._doing, waits[0].on if waits else "", self._ticked_at, self.extra_s)

    def wait(self, wait: "Wait") -> None:
        """Begin a wait. Several parts of the work may wait at once: the one that began last is told."""
        self._waits.append(wait)
        self._become()

    def resume(self, wait: "Wait") -> None:
        """End one."""
        self._waits.remove(wait)
        self._become()

    def _become(self) -> None:
        if self._token is None:
            return  # out of hand
        before, self._doing = self._doing, self._waits[-1].doing if self._waits else Doing.WORKING
        after = self._doing
        self._moved(_WORKING[after] - _WORKING[before], _BLOCKED[after] - _BLOCKED[before])

    def _moved(self, working: int, blocked: int) -> None:
        now = self._progress._turn(working, blocked)  # noqa: SLF001
        self._ticked_at = self._progress.ticked_at = now


class Wait:
    """A wait of the item in hand, as a context manager; where there is none, it is nobody's."""

    __slots__ = ("_item", "doing", "on")

    def __init__(self, doing: Doing, on: str) -> None:
        self.doing = doing
        self.on = on
        self._item: Item | None = None

    def __enter__(self) -> None:
        self._item = _IN_HAND.get()
        if self._item is not None:
            self._item.wait(self)

    def __exit__(self, *_: object) -> None:
        if self._item is not None:
            self._item.resume(self)


_IN_HAND: ContextVar[Item | None] = ContextVar("in_hand", default=None)
"""The item that the running task works on; tasks that it begins inherit it."""


def tick() -> None:
    """Say that the item in hand moves."""
    item = _IN_HAND.get()
    if item is not None:
        item.tick()


def allow(seconds: float) -> None:
    """Let the item in hand give no sign of life for so much longer than others."""
    item = _IN_HAND.get()
    if item is not None:
        item.extra_s = seconds


def asking(on: str) -> Wait:
    """Wait for a part of ours that does the item's job."""
    return Wait(Doing.ASKING, on)


def blocked(on: str) -> Wait:
    """Wait for room in a part of ours."""
    return Wait(Doing.BLOCKED, on)


def in_line(on: str) -> Wait:
    """Wait for a place in the item's own stage."""
    return Wait(Doing.IN_LINE, on)


def outside(on: str) -> Wait:
    """Wait for what is not ours, or for a time."""
    return Wait(Doing.OUTSIDE, on)


class Board:
    """The progress of each stage that runs here, and of what others wait for.

    Stages by their names; ``<stage>_intake`` takes a stage's own topic in, ``enrich_admission`` waits for the bytes of
    answers; ``api``, ``flush``, ``commit``, ``retry``, ``poison`` are the rest of the engine.
    """

    def __init__(self) -> None:
        self._stages: dict[str, Progress] = {}

    def __getitem__(self, stage: str) -> Progress:
        if stage not in self._stages:
            self._stages[stage] = Progress(stage)
        return self._stages[stage]

    def open(self, workers: Mapping[str, int]) -> None:
        """Set out the stages, with the number of their workers."""
        for stage, count in workers.items():
            self[stage].workers = count

    def start(self) -> None:
        """Let all workers wait for work from now on."""
        for progress in self._stages.values():
            progress.start()

    def seen(self, now: float) -> dict[str, Seen]:
        """Tell of every stage; from any thread."""
        return {stage: progress.seen(now) for stage, progress in dict(self._stages).items()}
