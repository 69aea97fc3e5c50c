"""Kafka that is gone, refuses us, or has lost a topic: said at once, borne for a while, then the end."""

import asyncio
from collections.abc import Awaitable, Callable

from claimx.errors import ClaimxError, KafkaGoneError, KafkaRefusedError, TopicsAbsentError
from claimx.telemetry.log import Log

Check = Callable[[], Awaitable[None]]

_EVERY_S = 15.0
_AGAIN_S = 1.0
_REFUSALS_AT_START = 2
_ABSENCES = 3
"""A topic that is being looked for while a controller moves may be missing for a moment."""


class Outage:
    """Looks at Kafka from time to time.

    Args:
        check: one look; returns when all is well.
        outage_s: how long an outage or a refusal is borne; 0: for ever.
    """

    def __init__(self, check: Check, outage_s: float, log: Log) -> None:
        self.reason: str | None = None
        """What is wrong now."""
        self._check = check
        self._outage_s = outage_s
        self._log = log
        self._since = 0.0
        self._told: type[ClaimxError] | None = None
        self._absences = 0

    async def until_there(self) -> None:
        """Wait for brokers that do not answer yet. A refusal that is repeated ends the wait, and so does a missing topic.

        Raises:
            KafkaGoneError: for longer than ``outage_s``.
            KafkaRefusedError: the login, the certificate, or a right.
            TopicsAbsentError: topics are missing.
        """
        refusals = 0
        while (problem := await self._look()) is not None:
            refusals += isinstance(problem, KafkaRefusedError)
            if (
                self._is_over()
                or refusals >= _REFUSALS_AT_START
                or not isinstance(problem, KafkaGoneError | KafkaRefusedError)
            ):
                raise problem
            await asyncio.sleep(_AGAIN_S)

    async def watch(self) -> None:
        """Look until cancelled.

        Raises:
            KafkaGoneError: for longer than ``outage_s``.
            KafkaRefusedError: for longer than ``outage_s``.
            TopicsAbsentError: topics have been deleted.
        """
        while True:
            problem = await self._look()
            is_absent = isinstance(problem, TopicsAbsentError)
            self._absences = self._absences + 1 if is_absent else 0
            if problem is not None and (self._absences >= _ABSENCES or (self._is_over() and not is_absent)):
                raise problem
            await asyncio.sleep(_EVERY_S if problem is None else _AGAIN_S)

    async def _look(self) -> ClaimxError | None:
        try:
            await self._check()
        except (KafkaGoneError, KafkaRefusedError, TopicsAbsentError) as error:
            if self.reason is None:
                self._since = asyncio.get_running_loop().time()
            if self._told is not type(error):
                ends_after_s = None if isinstance(error, TopicsAbsentError) else self._outage_s or None
                self._log.error("kafka.missed", reason=str(error), ends_after_s=ends_after_s)
            self._told, self.reason = type(error), str(error)
            return error
        if self.reason is not None:
            self._log.info("kafka.returned", gone_s=round(self._gone_s(), 1))
        self._told = self.reason = None
        return None

    def _gone_s(self) -> float:
        return asyncio.get_running_loop().time() - self._since

    def _is_over(self) -> bool:
        return 0 < self._outage_s <= self._gone_s()
