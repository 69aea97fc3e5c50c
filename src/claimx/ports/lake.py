"""The Delta tables."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from claimx.domain.event_log import LogLine
from claimx.domain.events import Event
from claimx.domain.rows import Row
from claimx.domain.times import Micros


class Lake(Protocol):
    """Idempotent writes: after LakeError the same call is simply made again.

    Every method raises LakeError when the commit failed or its result is not known, and RowsRejectedError when a row
    of the batch can never be written. When it returns, the commit is durable (fsynced on a local disk).
    """

    async def merge_events(self, events: Sequence[Event], written_at: Micros) -> None:
        """Insert the events that are not in claimx_events yet; ids within the batch are unique."""
        ...

    async def merge(self, table: str, rows: Sequence[Row]) -> None:
        """Upsert rows by the policies of the table's columns; keys within the batch are unique."""
        ...

    async def append_log(self, lines: Sequence[LogLine]) -> None:
        """Append lines to claimx_event_log."""
        ...

    async def projects_fetched_at(self, project_ids: Sequence[str]) -> Mapping[str, Micros]:
        """When the API was last asked for each of these projects: ``fetched_at`` of their rows in claimx_projects.

        A project without a row, or with a row that only events wrote, is left out. Sees every commit before the call.

        Raises:
            LakeError: the table cannot be read.
        """
        ...
