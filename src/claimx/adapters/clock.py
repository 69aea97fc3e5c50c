"""The one place that reads the wall clock."""

import time

from claimx.domain.times import Micros


class WallClock:
    """The time of this machine."""

    def now(self) -> Micros:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1000
