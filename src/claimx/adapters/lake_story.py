"""The lake as ``claimx trace`` asks it: everything about a few ids."""

from collections.abc import Sequence

import polars as pl

from claimx.adapters.lake_scan import PinnedTables
from claimx.domain.event_log import LogLine
from claimx.domain.tables import EVENT_LOG, EVENTS
from claimx.domain.times import DAY
from claimx.ports.inspection import Cells

_LINE = LogLine.__struct_fields__


class DeltaStory:
    """Implements ports.inspection.Story."""

    def __init__(self, tables: PinnedTables) -> None:
        self._tables = tables

    def rows(self, table: str, column: str, values: Sequence[str], limit: int) -> Sequence[Cells]:
        """Scan one table, of which the files' statistics rule most out where ids grow."""
        wanted = pl.col(column).cast(pl.String).is_in(list(values))
        found = self._tables.collect(self._tables.scan(table).filter(wanted).limit(limit))
        cells = found.with_columns(
            *(
                pl.col(name).to_physical()
                for name, kind in found.schema.items()
                if isinstance(kind, pl.Datetime)
            ),
            *(pl.col(name).to_physical() * DAY for name, kind in found.schema.items() if kind == pl.Date),
        )
        return [{name: value for name, value in row.items() if value is not None} for row in cells.to_dicts()]

    def events_like(self, beginning: str, limit: int) -> Sequence[str]:
        """Scan the ids alone."""
        ids: set[str] = set()
        for table in (EVENTS.name, EVENT_LOG.name):
            begins = self._tables.scan(table).filter(pl.col("event_id").str.starts_with(beginning))
            ids.update(self._tables.collect(begins.select("event_id").unique().limit(limit))["event_id"])
        return sorted(ids)[:limit]

    def lines(self, event_ids: Sequence[str], media_id: str | None, limit: int) -> Sequence[LogLine]:
        """Scan the log."""
        wanted = pl.col("event_id").is_in(list(event_ids))
        if media_id is not None:
            wanted |= pl.col("child").is_in([f"download:{media_id}", f"upload:{media_id}"])
        lines = self._tables.scan(EVENT_LOG.name).filter(wanted).sort("processed_at", "offset").limit(limit)
        found = self._tables.collect(lines.select(_LINE).with_columns(pl.col("processed_at").to_physical()))
        return [LogLine(*row) for row in found.iter_rows()]
