"""What bounds everything: waiters, bounded channels, byte budgets."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

from claimx.stages.progress import blocked

T = TypeVar("T")


class Waiters:
    """Tasks that wait for a change; each looks again at its own condition when woken."""

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Wait until somebody wakes us."""
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        try:
            await future
        except asyncio.CancelledError:
            # A wake that went to a cancelled task must reach another one.
            if future.done() and not future.cancelled():
                self.wake(1)
            raise

    def wake(self, count: int | None = None) -> None:
        """Wake ``count`` waiting tasks, or all."""
        left = len(self._futures) if count is None else count
        while self._futures and left > 0:
            future = self._futures.popleft()
            if not future.done():
                future.set_result(None)
                left -= 1


class Channel(Generic[T]):
    """A queue of at most ``capacity`` items; waiting in ``put`` is the backpressure.

    Args:
        stage: whose queue it is.
    """

    __slots__ = ("_getters", "_items", "_putters", "capacity", "stage")

    def __init__(self, capacity: int, stage: str = "") -> None:
        self.capacity = capacity
        self.stage = stage
        self._items: deque[T] = deque()
        self._getters = Waiters()
        self._putters = Waiters()

    def __len__(self) -> int:
        return len(self._items)

    async def put(self, items: Sequence[T]) -> None:
        """Append all items, waiting for room before each."""
        for item in items:
            while len(self._items) >= self.capacity:
                with blocked(f"{self.stage} queue"):
                    await self._putters.wait()
            self._items.append(item)
            self._getters.wake(1)

    async def get(self) -> T:
        """Take the oldest item."""
        while not self._items:
            await self._getters.wait()
        return self._pop()

    async def take(self, limit: int, wait_s: float) -> list[T]:
        """Take the oldest item, and what else is there or comes within ``wait_s``, up to ``limit``; for one taker."""
        items = [await self.get()]
        loop = asyncio.get_running_loop()
        timer = loop.call_later(wait_s, self._getters.wake)
        try:
            while len(items) < limit:
                if self._items:
                    items.append(self._pop())
                elif loop.time() < timer.when():
                    await self._getters.wait()
                else:
                    break
        finally:
            timer.cancel()
        return items

    def _pop(self) -> T:
        item = self._items.popleft()
        self._putters.wake(1)
        return item


class Budget:
    """Bytes that may be held at once; first come, first served; an item above the limit is admitted alone.

    Args:
        name: of what pool.
    """

    __slots__ = ("_line", "limit", "name", "peak", "used")

    def __init__(self, limit: int, name: str = "") -> None:
        self.limit = limit
        self.name = name
        self.used = 0
        self.peak = 0
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    def _fits(self, size: int) -> bool:
        return self.used == 0 or self.used + size <= self.limit

    def _take(self, size: int) -> None:
        self.used += size
        self.peak = max(self.peak, self.used)

    def has_room(self, size: int) -> bool:
        """Whether ``acquire`` would not wait."""
        return not self._line and self._fits(size)

    async def acquire(self, size: int) -> None:
        """Wait until ``size`` bytes fit, and hold them."""
        if self.has_room(size):
            self._take(size)
            return
        future = asyncio.get_running_loop().create_future()
        self._line.append((size, future))
        try:
            with blocked(f"{self.name} bytes"):
                await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.release(size)
            else:
                self._admit()
            raise

    def release(self, size: int) -> None:
        """Give ``size`` bytes back."""
        self.used -= size
        self._admit()

    def _admit(self) -> None:
        while self._line:
            size, future = self._line[0]
            if future.done():
                self._line.popleft()
            elif self._fits(size):
                self._line.popleft()
                self._take(size)
                future.set_result(None)
            else:
                return
