"""Work for stages that run in other processes."""

from typing import Protocol

from claimx.domain.results import UploadResult
from claimx.domain.tasks import Task


class Handover(Protocol):
    """The topics between processes. Doing it again is harmless: work folds by its origin and child."""

    async def put(self, stage: str, task: Task | UploadResult) -> bool:
        """Put a task on the topic of a stage; returns after the acknowledgement by all replicas in sync.

        False: it is larger than the topic takes.

        Raises:
            TransientError: ``kafka.produce``, not acknowledged.
        """
        ...
