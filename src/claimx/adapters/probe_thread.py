"""Blocking work that nobody has to wait for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from claimx.errors import ClaimxError, EngineError

T = TypeVar("T")


async def apart(work: Callable[[], T]) -> T:
    """Run blocking work in a thread of its own: if it never returns, not even the end of the process waits for it.

    Raises:
        ClaimxError: what the work raised; an EngineError if it was no error of ours.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def set_if_awaited(set_: Callable[[Any], None], outcome: object) -> None:
        if not future.done():
            set_(outcome)

    def tell(set_: Callable[[Any], None], outcome: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(set_if_awaited, set_, outcome)

    def run() -> None:
        try:
            result = work()
        except ClaimxError as error:
            tell(future.set_exception, error)
        except BaseException as bug:
            tell(future.set_exception, EngineError(f"a bug in claimx: {type(bug).__name__}"))
            raise
        else:
            tell(future.set_result, result)

    threading.Thread(target=run, name="probe", daemon=True).start()
    return await future
