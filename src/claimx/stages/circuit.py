"""The breaker of one dependency: an outage is not a failure of the items (I6)."""

import asyncio
from collections.abc import Hashable
from enum import Enum

from claimx.config.tree import Circuit as CircuitSettings
from claimx.stages.pool import Waiters
from claimx.stages.progress import outside
from claimx.telemetry.counters import Counters
from claimx.telemetry.log import Log

_REFUSED_PROJECTS = 2
"""A credential that is refused for so many projects, with no success between, is refused for all."""


class State(Enum):
    """Closed lets all through; open none until the reset time; half-open one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Circuit:
    """Opens after failures of distinct items without a success between; a success or any answer closes it.

    It opens, too, when the dependency refuses our credential for two projects: a bad token must not drain the queue
    into the dead letters.

    Args:
        name: the dependency.
    """

    def __init__(self, name: str, settings: CircuitSettings, log: Log, counters: Counters) -> None:
        self.name = name
        self.state = State.CLOSED
        self._settings = settings
        self._log = log
        self._counters = counters
        self._until = 0.0
        self._sick: set[Hashable] = set()
        self._refused: set[str] = set()
        self._changed = Waiters()

    @property
    def reset_s(self) -> float:
        """Seconds between two probes."""
        return self._settings.reset_s

    @property
    def is_open(self) -> bool:
        """Whether a call would have to wait."""
        return self.state is not State.CLOSED

    async def enter(self) -> bool:
        """Wait until the dependency may be called; True: this call is the probe."""
        if self.state is State.CLOSED:
            return False
        with outside(f"circuit {self.name}"):
            return await self._probe_or_wait()

    async def _probe_or_wait(self) -> bool:
        loop = asyncio.get_running_loop()
        while self.state is not State.CLOSED:
            if self.state is State.HALF_OPEN:
                await self._changed.wait()
            elif loop.time() >= self._until:
                self._become(State.HALF_OPEN)
                return True
            else:
                timer = loop.call_at(self._until, self._changed.wake)
                try:
                    await self._changed.wait()
                finally:
                    timer.cancel()
        return False

    def answered(self) -> None:
        """The dependency answered, whatever it said."""
        self._sick.clear()
        self._refused.clear()
        if self.state is not State.CLOSED:
            self._become(State.CLOSED)
            self._log.info("circuit.closed", dependency=self.name)
            self._changed.wake()

    def failed(self, item: Hashable, *, is_probe: bool, patience_s: float = 0.0) -> None:
        """Count a failure without an answer.

        Args:
            patience_s: how long the dependency itself asked to be left alone.
        """
        self._sick.add(item)
        if is_probe or (self.state is State.CLOSED and len(self._sick) >= self._settings.failures):
            self._open("failures", len(self._sick), max(patience_s, self.reset_s))

    def refused(self, project_id: str, *, is_probe: bool) -> None:
        """Count a refusal of our credential."""
        self._refused.add(project_id)
        if is_probe or (self.state is State.CLOSED and len(self._refused) >= _REFUSED_PROJECTS):
            self._open("credential", len(self._refused), self.reset_s)

    def _open(self, reason: str, items: int, seconds: float) -> None:
        if self.state is State.CLOSED:
            self._log.warning("circuit.opened", dependency=self.name, reason=reason, items=items)
        self._become(State.OPEN)
        self._until = asyncio.get_running_loop().time() + seconds
        self._changed.wake()

    def _become(self, state: State) -> None:
        self.state = state
        self._counters.circuit_transitions[self.name, state.value] += 1
