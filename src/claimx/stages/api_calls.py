"""Asks the ClaimX API: questions about the same thing that meet before one is sent become one call."""

import asyncio
from collections import deque
from collections.abc import Hashable, Sequence

from claimx.domain.answers import ApiAnswer, ApiRequest
from claimx.domain.asking import merged, subject_of
from claimx.errors import PermanentError
from claimx.ports.api import ClaimxApi
from claimx.stages.circuit import Circuit
from claimx.stages.guard import Guard, captured
from claimx.stages.pool import Waiters
from claimx.stages.progress import asking
from claimx.stages.runtime import Runtime
from claimx.stages.work import Work


class ApiCalls:
    """Shares calls between items. Nobody joins a call that was sent: its answer may be older than what joins.

    Args:
        circuit: the API's.
        max_concurrent: calls under way at once. The others wait here, before the circuit: none passes it in advance.
    """

    def __init__(
        self, api: ClaimxApi, guard: Guard, circuit: Circuit, runtime: Runtime, max_concurrent: int
    ) -> None:
        self._api = api
        self._guard = guard
        self._circuit = circuit
        self._counters = runtime.counters
        self._progress = runtime.board["api"]
        self._free = max_concurrent
        self._open: dict[Hashable, _Call] = {}
        self._waiting: deque[_Call] = deque()
        self._changed = Waiters()

    async def run(self) -> None:
        """Own the calls, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                while self._waiting and self._free:
                    self._free -= 1
                    group.create_task(self._make(self._waiting.popleft()))
                await self._changed.wait()

    async def ask(self, work: Work, requests: Sequence[ApiRequest]) -> list[ApiAnswer]:
        """Ask several things at once; answers come in the order of the requests.

        A request that failed before is not asked together with others any more, nor is one whose widened form was
        refused: a bad neighbour costs an item one try at most.

        Raises:
            ItemError: what the call came to.
        """
        calls = [self._join(work, request, is_alone=work.task.attempt > 1) for request in requests]
        return [await self._answer(work, *asked) for asked in zip(requests, calls, strict=True)]

    def _join(self, work: Work, request: ApiRequest, *, is_alone: bool) -> "_Call":
        subject = subject_of(request, is_alone=is_alone)
        call = self._open.get(subject)
        if call is None:
            call = self._open[subject] = _Call(request, subject)
            work.receipt.api_calls += 1
            self._waiting.append(call)
            self._changed.wake()
        else:
            call.request = merged(call.request, request)
            self._counters.api_calls_saved += 1
        call.callers[work] = asyncio.get_running_loop().time()
        return call

    async def _answer(self, work: Work, request: ApiRequest, call: "_Call") -> ApiAnswer:
        with asking("api"):
            while call.result is None:
                await call.ended.wait()
        if isinstance(call.result, PermanentError) and call.request != request:
            return await self._answer(work, request, self._join(work, request, is_alone=True))
        if isinstance(call.result, Exception):
            raise call.result.with_traceback(None)
        return call.result._replace(size_bytes=call.result.size_bytes // len(call.callers))

    async def _make(self, call: "_Call") -> None:
        call.begin()
        with self._progress.work(type(call.request).__name__):
            call.result = await captured(self._guard.call(call, self._circuit, lambda: self._send(call)))
        call.ended.wake()
        self._free += 1
        self._changed.wake()

    async def _send(self, call: "_Call") -> ApiAnswer:
        if self._open.get(call.subject) is call:
            del self._open[call.subject]
        self._counters.api_calls += 1
        return await self._api.send(call.request)


class _Call:
    """One call, and the items that wait for it; a ``Caller``.

    Args:
        subject: what it is about.
    """

    def __init__(self, request: ApiRequest, subject: Hashable) -> None:
        self.request = request
        self.subject = subject
        self.callers: dict[Work, float] = {}
        self.result: ApiAnswer | Exception | None = None
        self.ended = Waiters()

    @property
    def project_id(self) -> str:
        return next(iter(self.callers)).project_id

    @property
    def is_wanted(self) -> bool:
        return any(work.is_wanted for work in self.callers)

    def begin(self) -> None:
        """Leave the line: nobody ages for having stood in it."""
        now = asyncio.get_running_loop().time()
        for work, joined in self.callers.items():
            work.waited(now - joined)

    def waited(self, seconds: float) -> None:
        """Each item ages less by what it waited itself: it may have joined late."""
        now = asyncio.get_running_loop().time()
        for work, joined in self.callers.items():
            work.waited(min(seconds, now - joined))
