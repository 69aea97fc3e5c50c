"""The unit that travels through channels."""

from pathlib import Path

from claimx.domain.receipts import Receipt
from claimx.domain.tasks import Task
from claimx.stages.pool import Budget


class Work:
    """A task on its way, the receipt that it is a child of, and what it holds meanwhile.

    Args:
        stage: the stage that works on it.
    """

    __slots__ = ("_held", "content", "receipt", "stage", "task")

    def __init__(self, stage: str, task: Task, receipt: Receipt) -> None:
        self.stage = stage
        self.task = task
        self.receipt = receipt
        self.content: bytes | Path | None = None
        self._held: list[tuple[Budget, int]] = []

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
