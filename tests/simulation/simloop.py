"""An event loop with a virtual clock and a seeded scheduler; a process is a context that can be killed or frozen.

It runs one handle at a time, drawn by luck from those that are ready; time jumps when nothing is ready. Nothing ready
and no timer is a deadlock, found for free.
"""

import asyncio
import contextvars
import heapq
from collections.abc import Callable
from typing import Any

MAX_STEPS = 2_000_000


class Incarnation:
    """One run of a process, from start to death. Its handles carry it in their context."""

    def __init__(self, process: str) -> None:
        self.process = process
        self.is_dead = False
        self.is_frozen = False
        self.stash: list[asyncio.Handle] = []


INCARNATION: contextvars.ContextVar[Incarnation | None] = contextvars.ContextVar("incarnation", default=None)


class StuckError(Exception):
    """Nothing is ready and no timer is set, or it never ends."""


class SimLoop(asyncio.BaseEventLoop):
    """The loop of one history."""

    def __init__(self, luck: Callable[[], float]) -> None:
        super().__init__()
        self.clock = 0.0
        self.steps = 0
        self.problems: list[dict[str, Any]] = []
        self._luck = luck
        self.set_exception_handler(lambda _, context: self.problems.append(context))

    def time(self) -> float:
        return self.clock

    def _process_events(self, event_list: Any) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        self._move_timers(ready)
        if not ready:
            raise StuckError(f"nothing to do at {self.clock:.1f} s")
        if len(ready) > 1:
            ready.rotate(-int(self._luck() * len(ready)))
        handle = ready.popleft()
        if handle._cancelled:
            return
        incarnation = handle._context.get(INCARNATION)
        if incarnation is not None:
            if incarnation.is_dead:
                return
            if incarnation.is_frozen:
                incarnation.stash.append(handle)
                return
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise StuckError(f"livelock at {self.clock:.1f} s")
        handle._run()

    def _move_timers(self, ready: Any) -> None:
        timers: Any = self._scheduled  # type: ignore[attr-defined]
        while timers and (timers[0]._cancelled or timers[0]._when <= self.clock or not ready):
            timer = heapq.heappop(timers)
            timer._scheduled = False
            incarnation = timer._context.get(INCARNATION)
            if timer._cancelled or (incarnation is not None and incarnation.is_dead):
                continue
            self.clock = max(self.clock, timer._when)
            ready.append(timer)
