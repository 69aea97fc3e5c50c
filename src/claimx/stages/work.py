"""The unit that travels through channels."""

from collections.abc import Collection, Hashable
from pathlib import Path

from claimx.domain.receipts import Receipt
from claimx.domain.tasks import Origin, Task, aged_less, first_tried, media_of
from claimx.domain.times import SECOND, Micros
from claimx.stages.pool import Budget


class Work:
    """A task on its way, the receipt that it is a child of, and what it holds meanwhile.

    Args:
        stage: the stage that works on it.
    """

    __slots__ = ("_held", "asked_at", "content", "is_retry", "receipt", "stage", "task")

    def __init__(self, stage: str, task: Task, receipt: Receipt) -> None:
        self.stage = stage
        self.task = task
        self.receipt = receipt
        self.content: bytes | Path | None = None
        self.is_retry = False
        self.asked_at: Micros | None = None
        self._held: list[tuple[Budget, int]] = []

    def begin(self, now: Micros) -> None:
        """Begin a pass. What waited in queues and topics until its first one is no older for that.

        The age by which the pass is judged is the one at its beginning.
        """
        if not self.is_retry:
            self.task = first_tried(self.task, now)
        self.asked_at = now

    @property
    def subject(self) -> tuple[Origin, str]:
        """What a circuit counts when a call for it fails."""
        return self.task.origin, self.task.child

    @property
    def subjects(self) -> Collection[Hashable]:
        """It alone."""
        return (self.subject,)

    @property
    def project_id(self) -> str:
        """Whose data it is about."""
        return self.task.project_id

    def ids(self) -> dict[str, object]:
        """What names it in the log, as it is now."""
        task, media_id = self.task, media_of(self.task)
        return {
            "stage": self.stage,
            "event_id": task.event_id,
            "project_id": task.project_id,
            **({"media_id": media_id} if media_id is not None else {}),
            "child": task.child,
            "attempt": task.attempt,
            **task.origin._asdict(),
        }

    @property
    def is_wanted(self) -> bool:
        """Whether somebody who may still settle waits for it."""
        return self.receipt.is_wanted

    def waited(self, seconds: float) -> None:
        """Let the task be no older for the time that a circuit made it wait."""
        self.task = aged_less(self.task, int(seconds * SECOND))

    async def hold(self, budget: Budget, size: int) -> None:
        """Wait for bytes of a budget and keep them until ``release``."""
        await budget.acquire(size)
        self._held.append((budget, size))

    def shrink(self, budget: Budget, size: int) -> None:
        """Keep only ``size`` bytes of what is held of ``budget``."""
        for n, (held, amount) in enumerate(self._held):
            if held is budget:
                self._held[n] = (budget, size)
                budget.release(amount - size)

    def release(self) -> None:
        """Give all bytes back."""
        for budget, size in self._held:
            budget.release(size)
        self._held.clear()
        self.content = None
