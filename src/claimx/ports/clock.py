"""Time and luck, so that a test can hold both."""

from typing import Protocol

from claimx.domain.times import Micros


class Clock(Protocol):
    """Wall time. Durations and timers are the event loop's own."""

    def now(self) -> Micros:
        """Microseconds since 1970 UTC."""
        ...


class Luck(Protocol):
    """Random draws; ``random.Random`` is one."""

    def random(self) -> float:
        """A draw in [0, 1)."""
        ...
