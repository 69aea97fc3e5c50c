"""An idempotent write is done again until it is done."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from claimx.domain.backoff import redo_delay
from claimx.errors import LakeError, TransientError
from claimx.ports.clock import Luck
from claimx.stages.progress import outside
from claimx.telemetry.events import Event
from claimx.telemetry.log import Log

T = TypeVar("T")

_CAP_S = 5.0


class Redo:
    """Does a durable write again after every failure or unknown result, with jittered, capped waits."""

    def __init__(self, luck: Luck, log: Log) -> None:
        self._luck = luck
        self._log = log
        self._failing: Counter[str] = Counter()

    @property
    def failing(self) -> list[str]:
        """What has failed and is not done yet; for any thread."""
        return sorted(what for what, count in dict(self._failing).items() if count)

    async def until_done(self, what: Event, write: Callable[[], Awaitable[T]], **fields: object) -> T:
        """Call ``write`` until it returns. The caller waits: that is the backpressure of a sink that is down."""
        tries = 0
        try:
            while True:
                try:
                    return await write()
                except (LakeError, TransientError) as error:
                    self._log.warning(what, error=str(error), tries=tries + 1, **fields)
                self._failing[what] += not tries
                with outside(what):
                    await asyncio.sleep(redo_delay(tries, _CAP_S, self._luck.random()))
                tries += 1
        finally:
            self._failing[what] -= bool(tries)
