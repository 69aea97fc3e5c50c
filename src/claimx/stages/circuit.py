"""The breaker of one dependency: an outage is not a failure of the items (I6)."""

import asyncio
from collections.abc import Hashable
from enum import Enum

from claimx.config.tree import Circuit as CircuitSettings
from claimx.stages.pool import Waiters
from claimx.telemetry.log import Log


class State(Enum):
    """Closed lets all through; open none until the reset time; half-open one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Circuit:
    """Opens after failures of distinct items without a success between; a success or any answer closes it.

    Args:
        name: the dependency.
    """

    def __init__(self, name: str, settings: CircuitSettings, log: Log) -> None:
        self.name = name
        self.state = State.CLOSED
        self._settings = settings
        self._log = log
        self._until = 0.0
        self._sick: set[Hashable] = set()
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
        loop = asyncio.get_running_loop()
        while self.state is not State.CLOSED:
            if self.state is State.HALF_OPEN:
                await self._changed.wait()
            elif loop.time() >= self._until:
                self.state = State.HALF_OPEN
                return True
            else:
                await asyncio.sleep(self._until - loop.time())
        return False

    def answered(self) -> None:
        """The dependency answered, whatever it said."""
        self._sick.clear()
        if self.state is not State.CLOSED:
            self.state = State.CLOSED
            self._log.info("circuit.closed", dependency=self.name)
            self._changed.wake()

    def failed(self, item: Hashable, *, is_probe: bool) -> None:
        """Count a failure without an answer."""
        self._sick.add(item)
        if is_probe or (self.state is State.CLOSED and len(self._sick) >= self._settings.failures):
            if self.state is State.CLOSED:
                self._log.warning("circuit.opened", dependency=self.name, items=len(self._sick))
            self.state = State.OPEN
            self._until = asyncio.get_running_loop().time() + self._settings.reset_s
            self._changed.wake()
