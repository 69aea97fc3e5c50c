"""Which projects are in the lake already: rows that refer to a project never come before its own."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

from claimx.domain.times import SECOND, Micros
from claimx.errors import LakeError
from claimx.ports.lake import Lake
from claimx.stages.pool import Waiters
from claimx.stages.progress import asking
from claimx.stages.runtime import Runtime

_MOST = 100_000
_ANSWER_S = 30.0
_REST: Micros = 300 * SECOND
"""For so long a pre-flight that failed is not begun again by other events: its own retry may be due meanwhile."""


class Projects:
    """A bounded memory of when each project was fetched.

    It learns of a row when the row rides in a flush, where projects are committed before all that refers to them, and
    from the table. What was fetched longer than ``ttl_s`` ago is fetched again.

    Args:
        ttl_s: seconds.
    """

    def __init__(self, lake: Lake, ttl_s: float, runtime: Runtime) -> None:
        self._lake = lake
        self._ttl = int(ttl_s * SECOND)
        self._runtime = runtime
        self._fetched_at: OrderedDict[str, Micros] = OrderedDict()
        self._failed_at: OrderedDict[str, Micros] = OrderedDict()
        self._under_way: dict[str, Waiters] = {}

    async def unknown(self, project_ids: Iterable[str]) -> list[str]:
        """Tell which of these projects are to be fetched now, after one look at the table, and count them as under way.

        A table that cannot be read holds nobody up: what is not known is fetched.
        """
        strange = [project_id for project_id in project_ids if not self._is_known(project_id)]
        if strange:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    found = await self._lake.projects_fetched_at(strange)
            except (LakeError, TimeoutError) as error:
                self._runtime.log.warning("preflight.failed", projects=len(strange), error=str(error))
            else:
                for project_id, fetched_at in found.items():
                    self.learn(project_id, fetched_at)
        return [project_id for project_id in strange if self.claim(project_id)]

    def claim(self, project_id: str) -> bool:
        """Say whether a project is to be fetched now, and by who asks: then it is under way until ``ended``."""
        if self._is_known(project_id) or self._has_failed(project_id) or project_id in self._under_way:
            return False
        self._under_way[project_id] = Waiters()
        return True

    def learn(self, project_id: str, fetched_at: Micros) -> None:
        """Note that the row of a project is in the lake, or rides before all that will refer to it."""
        self._failed_at.pop(project_id, None)
        self._fetched_at[project_id] = max(fetched_at, self._fetched_at.get(project_id, fetched_at))
        self._fetched_at.move_to_end(project_id)
        if len(self._fetched_at) > _MOST:
            self._fetched_at.popitem(last=False)

    def forget(self, project_id: str) -> None:
        """Note that the lake did not take the row after all."""
        self._fetched_at.pop(project_id, None)

    def ended(self, project_id: str, *, is_settled: bool) -> None:
        """Note that the fetch of a project is over, whatever came of it.

        Args:
            is_settled: it succeeded, waits in the delay queue or was given up: if it failed, the next events leave it at
                that for a while. What was dropped is the next event's to fetch.
        """
        if is_settled and not self._is_known(project_id):
            self._failed_at[project_id] = self._runtime.clock.now()
            if len(self._failed_at) > _MOST:
                self._failed_at.popitem(last=False)
        self._under_way.pop(project_id).wake()

    async def settled(self, project_id: str) -> None:
        """Wait while a project is being fetched: its row goes first."""
        waiters = self._under_way.get(project_id)
        with asking("project"):
            while waiters is not None and self._under_way.get(project_id) is waiters:
                await waiters.wait()

    def _has_failed(self, project_id: str) -> bool:
        failed_at = self._failed_at.get(project_id)
        return failed_at is not None and self._runtime.clock.now() - failed_at < _REST

    def _is_known(self, project_id: str) -> bool:
        fetched_at = self._fetched_at.get(project_id)
        return fetched_at is not None and self._runtime.clock.now() - fetched_at < self._ttl
