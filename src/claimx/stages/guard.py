"""The item boundary: the only place that catches everything, and the call of a dependency through its circuit."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import TypeVar

from claimx.domain.backoff import quick_delay
from claimx.domain.tasks import aged_less
from claimx.domain.times import SECOND
from claimx.errors import DependencyDownError, ItemError, PermanentError, TransientError
from claimx.stages.circuit import Circuit
from claimx.stages.fates import Fates
from claimx.stages.runtime import Runtime
from claimx.stages.work import Work

T = TypeVar("T")

_QUICK_TRIES = 2


class Guard:
    """One bad item never harms its neighbours (I5)."""

    def __init__(self, fates: Fates, runtime: Runtime) -> None:
        self._fates = fates
        self._runtime = runtime

    async def run(self, work: Work, body: Callable[[Work], Awaitable[None]]) -> None:
        """Run one pass of a stage over one item; whatever it raises becomes the item's fate."""
        if not work.receipt.is_wanted:
            await self._fates.drop(work)
            return
        try:
            await body(work)
        except ItemError as error:
            await self._fates.fail(work, error)
        except Exception as bug:  # noqa: BLE001  # the boundary: a bug on one item is that item's dead letter
            await self._fates.fail(work, PermanentError(f"bug.{type(bug).__name__}", _place(bug)))

    async def call(self, work: Work, circuit: Circuit, request: Callable[[], Awaitable[T]]) -> T:
        """Call a dependency: two quick tries, and none of them counts while its circuit is open.

        Raises:
            DependencyDownError: this call was the probe and failed.
            ItemError: what the last try raised.
        """
        failures = 0
        while True:
            is_probe = await self._enter(work, circuit)
            try:
                return await _once(work, circuit, request, is_probe=is_probe)
            except TransientError as error:
                if is_probe:
                    raise DependencyDownError(
                        error.code, error.detail, retry_after_s=circuit.reset_s
                    ) from error
                failures += not circuit.is_open
                if failures > _QUICK_TRIES or not work.receipt.is_wanted:
                    raise
            if not circuit.is_open:
                await asyncio.sleep(quick_delay(self._runtime.luck.random()))

    @staticmethod
    async def _enter(work: Work, circuit: Circuit) -> bool:
        loop = asyncio.get_running_loop()
        began = loop.time()
        is_probe = await circuit.enter()
        waited = loop.time() - began
        if waited:
            work.task = aged_less(work.task, int(waited * SECOND))
        return is_probe


async def _once(work: Work, circuit: Circuit, request: Callable[[], Awaitable[T]], *, is_probe: bool) -> T:
    """Make one call and tell the circuit how it went; a probe's place is freed whatever happens."""
    item = (work.task.origin, work.task.child)
    try:
        result = await request()
    except TransientError:
        circuit.failed(item, is_probe=is_probe)
        raise
    except ItemError:
        circuit.answered()
        raise
    except BaseException:
        if is_probe:
            circuit.failed(item, is_probe=True)
        raise
    circuit.answered()
    return result


def _place(bug: BaseException) -> str:
    """Where a bug is, without its message: that may hold anything."""
    frames = traceback.extract_tb(bug.__traceback__)
    return f"{frames[-1].name} line {frames[-1].lineno}" if frames else ""
