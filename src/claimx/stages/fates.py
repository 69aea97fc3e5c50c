"""Acts on a verdict: park or bury, durably, and only then close the child."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from claimx.domain import dead_letter
from claimx.domain.backoff import RetryPolicy
from claimx.domain.dead_letter import DeadLetter, Failure
from claimx.domain.outcomes import BuryIt, Outcome, RetryLater, Tries, judge
from claimx.domain.results import UploadResult, failed
from claimx.domain.tasks import CachedFile, DownloadTask, retried, stage_of, to_keep
from claimx.domain.times import SECOND
from claimx.errors import ItemError
from claimx.ports.dead_letters import DeadLetters
from claimx.ports.delay import DelayQueue, DelayRow
from claimx.ports.files import Spool
from claimx.stages.flood import FloodGate
from claimx.stages.pool import Waiters
from claimx.stages.progress import outside
from claimx.stages.runtime import Runtime
from claimx.stages.settle import Settlement
from claimx.stages.work import Work

Reporting = Callable[[UploadResult], Awaitable[None]]
"""Reports what became of a file to the results stage, here or elsewhere; returns when that is sure to get it."""


@dataclass(frozen=True, slots=True)
class Exits:
    """Where failed items go.

    Args:
        flood: holds dead letters back when there are too many.
        report: tells the results stage of files that failed.
    """

    flood: FloodGate
    delay: DelayQueue
    dead_letters: DeadLetters
    spool: Spool
    report: Reporting


class Fates:
    """What becomes of an item that failed.

    Args:
        policy: delays and limits of the delay queue.
    """

    def __init__(self, settlement: Settlement, exits: Exits, policy: RetryPolicy, runtime: Runtime) -> None:
        self.parked = Waiters()
        self.parks = 0
        self._settlement = settlement
        self._flood = exits.flood
        self._delay = exits.delay
        self._dead_letters = exits.dead_letters
        self._spool = exits.spool
        self._report = exits.report
        self._policy = policy
        self._runtime = runtime

    async def fail(self, work: Work, error: ItemError) -> None:
        """Judge a failed item and act."""
        if not work.receipt.is_wanted:
            await self.drop(work)
            return
        task, now = work.task, self._runtime.clock.now()
        asked_at = now if work.asked_at is None else work.asked_at
        tries = Tries(task.attempt, task.asked, (asked_at - task.first_tried_at) / SECOND)
        verdict = judge(error, tries, self._policy, self._runtime.luck.random())
        work.receipt.error_code, work.receipt.stage = verdict.code, work.stage
        work.receipt.attempts = task.attempt
        if isinstance(task, DownloadTask | CachedFile):
            await self._report(failed(work.stage, task, verdict, now))
        match verdict:
            case RetryLater():
                await self.park(work, verdict)
            case BuryIt():
                await self.bury(work, Failure(type(error).__name__, verdict.code, verdict.detail))

    async def park(self, work: Work, verdict: RetryLater) -> None:
        """Put the item into the delay queue; the child closes after the fsync."""
        now = self._runtime.clock.now()
        task = retried(to_keep(work.task), verdict)
        row = DelayRow(
            stage=stage_of(task),
            task=task,
            code=verdict.code,
            due_at=now + ceil(verdict.delay_s * SECOND),
            parked_at=now,
        )
        work.release()
        self._settlement.in_flight.seal(work.receipt)
        inserted = await self._runtime.redo.until_done("delay_queue.failed", lambda: self._delay.park([row]))
        self._settlement.delay_counts.parked += inserted
        self._runtime.log.info(
            "item.parked", **_naming(work), code=verdict.code, delay_s=round(verdict.delay_s, 1)
        )
        self.parks += 1
        self.parked.wake()
        self._settlement.close(work.receipt, Outcome.PARKED)

    async def bury(self, work: Work, failure: Failure) -> None:
        """Give the item up; the child closes after the broker's acknowledgement."""
        letter = dead_letter.of_task(
            work.stage, work.task, work.task.child, failure, self._runtime.clock.now()
        )
        work.release()
        self._settlement.in_flight.seal(work.receipt)
        await self.produce(letter)
        self._runtime.log.warning(
            "item.dead_lettered", **_naming(work), code=failure.code, detail=failure.detail
        )
        self._settlement.close(work.receipt, Outcome.DEAD_LETTERED)

    async def produce(self, letter: DeadLetter) -> None:
        """Produce a dead letter until it is acknowledged; in a flood, wait first."""
        await self._flood.admit()
        with outside("broker"):
            await self._runtime.redo.until_done(
                "dead_letter.failed", lambda: self._dead_letters.put(letter), stage=letter.stage
            )

    async def drop(self, work: Work) -> None:
        """Leave work undone that nobody who may settle waits for: its partition's new owner does it."""
        if isinstance(work.content, Path):
            await self._spool.remove(work.content)
        work.release()
        self._runtime.log.debug("item.dropped", **_naming(work))
        self._settlement.drop(work.receipt)


def _naming(work: Work) -> dict[str, object]:
    task, origin = work.task, work.task.origin
    return {
        "stage": work.stage,
        "event_id": task.event_id,
        "project_id": task.project_id,
        "child": task.child,
        "attempt": task.attempt,
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
    }
