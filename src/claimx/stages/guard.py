"""The item boundary: the only place that catches everything, and the call of a dependency through its circuit."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Hashable
from typing import Protocol, TypeVar

from claimx.domain.backoff import QUICK_MAX_S, quick_delay
from claimx.errors import (
    AuthError,
    DependencyDownError,
    ItemError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from claimx.stages.circuit import Circuit
from claimx.stages.fates import Fates
from claimx.stages.progress import outside
from claimx.stages.runtime import Runtime
from claimx.stages.work import Work

T = TypeVar("T")

_QUICK_TRIES = 2


class Caller(Protocol):
    """On whose behalf a dependency is called: one item, or several that share the call."""

    @property
    def subject(self) -> Hashable:
        """What the circuit counts when the call fails."""
        ...

    @property
    def project_id(self) -> str:
        """Whose data is asked for."""
        ...

    @property
    def is_wanted(self) -> bool:
        """Whether somebody who may still settle waits for it."""
        ...

    def waited(self, seconds: float) -> None:
        """Let no item age for the time that the circuit made it wait."""
        ...


class Guard:
    """One bad item never harms its neighbours (I5)."""

    def __init__(self, fates: Fates, runtime: Runtime) -> None:
        self._fates = fates
        self._runtime = runtime

    async def run(self, work: Work, body: Callable[[Work], Awaitable[None]]) -> None:
        """Run one pass of a stage over one item; whatever it raises becomes the item's fate."""
        with self._runtime.board[work.stage].work(work.task.event_id):
            await self._run(work, body)

    async def _run(self, work: Work, body: Callable[[Work], Awaitable[None]]) -> None:
        if not work.receipt.is_wanted:
            await self._fates.drop(work)
            return
        try:
            await body(work)
        except ItemError as error:
            await self._fates.fail(work, error)
        except Exception as bug:  # noqa: BLE001  # the boundary: a bug on one item is that item's dead letter
            await self._fates.fail(work, PermanentError(f"bug.{type(bug).__name__}", _place(bug)))

    async def call(self, caller: Caller, circuit: Circuit, request: Callable[[], Awaitable[T]]) -> T:
        """Call a dependency: two quick tries, and none of them counts while its circuit is open.

        Raises:
            DependencyDownError: this call was the probe and failed.
            ItemError: what the last try raised.
        """
        failures, patience_s = 0, 0.0
        while True:
            is_probe = await self._enter(caller, circuit)
            try:
                return await _once(caller, circuit, request, is_probe=is_probe)
            except (TransientError, AuthError) as error:
                if is_probe:
                    raise DependencyDownError(
                        error.code, error.detail, retry_after_s=circuit.reset_s
                    ) from error
                failures += not circuit.is_open
                patience_s = error.retry_after_s if isinstance(error, ThrottledError) else 0.0
                if not caller.is_wanted or (not circuit.is_open and _is_enough(error, failures)):
                    raise
            if not circuit.is_open:
                with outside("back-off"):
                    await asyncio.sleep(max(patience_s, quick_delay(self._runtime.luck.random())))

    @staticmethod
    async def _enter(caller: Caller, circuit: Circuit) -> bool:
        loop = asyncio.get_running_loop()
        began = loop.time()
        is_probe = await circuit.enter()
        if loop.time() > began:
            caller.waited(loop.time() - began)
        return is_probe


async def captured(body: Awaitable[T]) -> T | Exception:
    """Await something that several items wait for, and return what it raises: each of them raises it as its own."""
    try:
        return await body
    except Exception as error:  # noqa: BLE001  # handed to every item that waits, where it meets the boundary
        return error


def _is_enough(error: TransientError | AuthError, failures: int) -> bool:
    """Whether another quick try is no use: they are used up, or the dependency asked for more patience than they have."""
    if isinstance(error, ThrottledError) and error.retry_after_s > QUICK_MAX_S:
        return True
    return isinstance(error, AuthError) or failures > _QUICK_TRIES


async def _once(
    caller: Caller, circuit: Circuit, request: Callable[[], Awaitable[T]], *, is_probe: bool
) -> T:
    """Make one call and tell the circuit how it went; a probe's place is freed whatever happens."""
    try:
        result = await request()
    except TransientError as error:
        patience_s = error.retry_after_s if isinstance(error, ThrottledError) else 0.0
        circuit.failed(caller.subject, is_probe=is_probe, patience_s=patience_s)
        raise
    except AuthError:
        circuit.refused(caller.project_id, is_probe=is_probe)
        raise
    except ItemError:
        circuit.answered()
        raise
    except BaseException:
        if is_probe:
            circuit.failed(caller.subject, is_probe=True)
        raise
    circuit.answered()
    return result


def _place(bug: BaseException) -> str:
    """Where a bug is, without its message: that may hold anything."""
    frames = traceback.extract_tb(bug.__traceback__)
    return f"{frames[-1].name} line {frames[-1].lineno}" if frames else ""
