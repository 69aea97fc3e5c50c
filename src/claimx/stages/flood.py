"""A flood of dead letters pauses intake; it never drops (I5). What waits here is not settled, so no offset passes it."""

import asyncio
from collections import deque
from collections.abc import Callable

from claimx.config.tree import Flood as FloodSettings
from claimx.domain.outcomes import Outcome
from claimx.stages.pool import Waiters
from claimx.stages.progress import outside
from claimx.telemetry.log import Log

_MINUTE_S = 60.0
_WINDOW = 1000
_FEWEST = 100
"""Settled records before a ratio says anything."""


class FloodGate:
    """Lets dead letters pass as long as there are not too many: in a row, in a minute, of all that settles."""

    def __init__(self, settings: FloodSettings, log: Log) -> None:
        self._changed = Waiters()
        self._settings = settings
        self._log = log
        self._in_a_row = 0
        self._minute: deque[float] = deque()
        self._window: deque[bool] = deque(maxlen=_WINDOW)
        self._told: str | None = None

    @property
    def reason(self) -> str | None:
        """Which limit is reached: ``consecutive``, ``per_minute`` or ``ratio``; None when there is no flood."""
        settings, now = self._settings, asyncio.get_running_loop().time()
        while self._minute and self._minute[0] + _MINUTE_S <= now:
            self._minute.popleft()
        if self._in_a_row >= settings.max_consecutive:
            return "consecutive"
        if len(self._minute) >= settings.max_per_minute:
            return "per_minute"
        if len(self._window) >= _FEWEST and sum(self._window) > settings.max_ratio * len(self._window):
            return "ratio"
        return None

    @property
    def told(self) -> str | None:
        """Which limit was reached when somebody last wanted to pass; for any thread."""
        return self._told

    async def admit(self) -> None:
        """Wait until one more dead letter may be produced, and count it."""
        await self.passed()
        self._in_a_row += 1
        self._minute.append(asyncio.get_running_loop().time())

    async def passed(
        self, is_off: Callable[[], bool] = lambda: False, changed: Waiters | None = None
    ) -> None:
        """Wait for the end of a flood, or until ``is_off``.

        Args:
            changed: woken when ``is_off`` or a settlement may have changed something; our own when None.
        """
        changed = changed or self._changed
        while not is_off() and (reason := self.reason) is not None:
            self._tell(reason)
            timer = None
            if reason == "per_minute":
                timer = asyncio.get_running_loop().call_at(self._minute[0] + _MINUTE_S, changed.wake)
            try:
                with outside("flood"):
                    await changed.wait()
            finally:
                if timer is not None:
                    timer.cancel()
        if self.reason is None:
            self._tell(None)

    def settled(self, outcome: Outcome, count: int) -> None:
        """Count settled records; what waits in the delay queue tells nothing yet."""
        if outcome is Outcome.PARKED:
            return
        is_buried = outcome is Outcome.DEAD_LETTERED
        self._window.extend([is_buried] * min(count, _WINDOW))
        if not is_buried:
            self._in_a_row = 0
            if self._told is not None:
                self._changed.wake()

    def _tell(self, reason: str | None) -> None:
        if reason == self._told:
            return
        self._told = reason
        if reason is None:
            self._log.info("flood.ended")
        else:
            self._log.error(
                "flood.began", reason=reason, in_a_row=self._in_a_row, in_a_minute=len(self._minute)
            )
