"""What the flow stages share."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from claimx.domain.backoff import RetryPolicy
from claimx.stages.api_calls import ApiCalls
from claimx.stages.buffer import FlushBuffer
from claimx.stages.circuit import Circuit
from claimx.stages.fates import Fates
from claimx.stages.flood import FloodGate
from claimx.stages.guard import Guard
from claimx.stages.poison import Poison
from claimx.stages.pool import Budget
from claimx.stages.projects import Projects
from claimx.stages.runtime import Runtime
from claimx.stages.settle import Settlement
from claimx.stages.work import Work

Send = Callable[[Sequence[Work]], Awaitable[None]]
"""Hands work on to the next stage; waits while its channel is full."""


@dataclass(frozen=True, slots=True)
class Pools:
    """Byte budgets, in the order in which they may be waited for while an earlier one is held."""

    intake: Budget
    api: Budget
    files: Budget
    spool: Budget


@dataclass(frozen=True, slots=True)
class Circuits:
    """One breaker for each dependency."""

    api: Circuit
    files: Circuit
    store: Circuit

    @property
    def not_closed(self) -> list[str]:
        """Dependencies that are not called freely now; for any thread."""
        return [each.name for each in (self.api, self.files, self.store) if each.is_open]


@dataclass(frozen=True, slots=True)
class Flow:
    """The engine's parts that a flow stage works with."""

    settlement: Settlement
    buffer: FlushBuffer
    fates: Fates
    poison: Poison
    flood: FloodGate
    guard: Guard
    api: ApiCalls
    projects: Projects
    pools: Pools
    circuits: Circuits
    policy: RetryPolicy
    runtime: Runtime
