"""The lake as ``claimx verify`` asks it: what the event log says is done, against the rows that are there."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from random import Random

import polars as pl

from claimx.adapters.lake_scan import PinnedTables
from claimx.config.tree import Lake
from claimx.domain.outcomes import Outcome
from claimx.domain.tables import ATTACHMENTS, EVENT_LOG, EVENTS, TABLES
from claimx.domain.tasks import Origin
from claimx.domain.times import DAY, Micros, to_datetime
from claimx.ports.dlq import Shelf, Span
from claimx.ports.inspection import Absent, Line, Period, Stored, Twice

_ROWS_AT_ONCE = 20_000
_EVENTS_AT_ONCE = 100_000
_BEFORE, _AFTER = timedelta(days=2), timedelta(days=1)
"""Where the row of an event of a day mostly lies, by its own date; the rest is looked for everywhere."""
_PLACE = ("topic", "partition", "offset")
_LINE = (*_PLACE, "event_id", "outcome", "stage", "child", "error_code")
_DEAD, _PARKED = Outcome.DEAD_LETTERED.label, Outcome.PARKED.label
_OPEN = (_PARKED, Outcome.FORWARDED.label)
_WORKED = (Outcome.COMMITTED.label, *_OPEN)
_NUMERIC = r"^[0-9]{1,18}$"
_OF_PROJECT = (
    "PROJECT_CREATED",
    "PROJECT_MFN_ADDED",
    "PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL",
    "PERSONAL_PROPERTY_TASK_SHARED",
    "POLICYHOLDER_INVITED",
    "POLICYHOLDER_JOINED",
)
"""Types whose own rows are of their project; another event's project may have been fetched for its neighbour."""
_FILE_ADDED = "PROJECT_FILE_ADDED"


class DeltaAudit:
    """Implements ports.inspection.LakeAudit, a day of the log at a time.

    Args:
        event_topics: whose records have a row in claimx_events.
        task_topics: whose records carry the work of an event on.
        luck: draws the sample.
    """

    def __init__(
        self, settings: Lake, event_topics: Sequence[str], task_topics: Sequence[str], luck: Random
    ) -> None:
        self.tables = PinnedTables(settings)
        self._event_topics = list(event_topics)
        self._task_topics = list(task_topics)
        self._luck = luck
        self._dead: pl.DataFrame | None = None

    def pin(self) -> None:
        """Open the log, then the others."""
        for name in (EVENT_LOG.name, *TABLES):
            self.tables.open(name)

    def days(self, period: Period) -> Sequence[date]:
        """Read the partitions."""
        days = self._collect(_within(self._log(period.since), period).select("processed_date").unique())
        return sorted(days["processed_date"].to_list())

    def count(self, day: date, period: Period) -> int:
        """Count by the log's times."""
        return int(self._collect(self._day(day, period).select(pl.len())).item())

    def told(self, shelf: Shelf, offsets: Span, since: Micros | None) -> Mapping[int, Line]:
        """Read the lines of one partition's records."""
        lines = self._log(None if since is None else since - DAY).filter(
            pl.col("topic") == shelf.topic,
            pl.col("partition") == shelf.partition,
            pl.col("offset").is_between(offsets.low, offsets.high, closed="left"),
            pl.col("child").is_null(),
        )
        return {line.origin.offset: line for line in self._lines(lines.with_columns(went_on=False))}

    def unfinished(self, day: date, period: Period) -> Iterator[Line]:
        """Read the lines, and look whether their events have another line that tells more."""
        lines = self._day(day, period).filter(
            (pl.col("outcome").is_in(_OPEN) & pl.col("child").is_null()) | (pl.col("outcome") == _DEAD)
        )
        log = self._log()
        more = log.filter(
            pl.col("event_id").is_not_null(),
            pl.col("child").is_not_null() | pl.col("topic").is_in(self._task_topics),
        ).select("event_id", *(pl.col(name).alias(f"more_{name}") for name in _PLACE), more="child")
        elsewhere = pl.col("more").is_not_null() | pl.any_horizontal(
            pl.col(f"more_{name}") != pl.col(name) for name in _PLACE
        )
        went_on = (
            lines.filter(pl.col("outcome") != _DEAD)
            .join(more, on="event_id")
            .filter(elsewhere)
            .select(*_PLACE)
            .unique()
            .with_columns(went_on=True)
        )
        joined = lines.select(_LINE).join(went_on, on=_PLACE, how="left")
        return self._lines(joined.with_columns(pl.col("went_on").fill_null(value=False)))

    def parked_again(self, period: Period) -> Iterator[Line]:
        """Take the last line of each event and child; one that left other work is followed by a line of that.

        Lines of one flush share their time: the later try counts, and of equal ones the one that ended the work.
        """
        lines = self._log().filter(pl.col("child").is_not_null(), pl.col("event_id").is_not_null())
        order = "processed_at", "attempts", pl.col("outcome") != _PARKED
        newest = pl.col(*_PLACE, "outcome", "stage", "error_code", "processed_at").sort_by(*order).last()
        last = lines.group_by("event_id", "child").agg(newest).filter(pl.col("outcome") == _PARKED)
        later = lines.select("event_id", other="child", then="processed_at")
        went_on = (
            last.filter(pl.col("child").str.starts_with("enrich"))
            .join(later, on="event_id")
            .filter(pl.col("other") != pl.col("child"), pl.col("then") >= pl.col("processed_at"))
            .select("event_id", "child")
            .unique()
            .with_columns(went_on=True)
        )
        joined = _within(last, period).join(went_on, on=["event_id", "child"], how="left")
        return self._lines(joined.with_columns(pl.col("went_on").fill_null(value=False)))

    def absent(self, day: date, period: Period) -> Iterator[Absent]:
        """Join the day's events with the tables, in portions: what is held grows with neither day nor table."""
        portions = 1 + self.count(day, period) // _EVENTS_AT_ONCE
        for number in range(portions):
            is_mine = pl.col("event_id").hash() % portions == number
            lines = self._day(day, period).filter(pl.col("event_id").is_not_null(), is_mine)
            yield from self._without_rows(lines, day)
            yield from self._without_file(lines)

    def twice(self, table: str) -> Iterator[Twice]:
        """Group by a hash of the key, then the few suspects by the key itself."""
        key = TABLES[table].key
        rows = self.tables.scan(table).select(key)
        digest = pl.struct(key).hash() if len(key) > 1 else pl.col(key[0]).hash()
        counts = rows.select(digest=digest).group_by("digest").len()
        suspects = self._collect(counts.filter(pl.col("len") > 1))["digest"]
        if suspects.is_empty():
            return
        named = rows.filter(digest.is_in(suspects.implode())).select(
            key=pl.concat_str([pl.col(name).cast(pl.String) for name in key], separator="/")
        )
        found = named.group_by("key").len().filter(pl.col("len") > 1).sort("key")
        for name, number in self._collect(found).iter_rows():
            yield Twice(table, name, number)

    def repeated_lines(self) -> int:
        """Group by a hash of the place."""
        places = self._log().filter(pl.col("child").is_null()).select(place=pl.struct(_PLACE).hash())
        counts = places.group_by("place").len().select((pl.col("len") - 1).sum())
        return int(self._collect(counts).item() or 0)

    def row_count(self, table: str) -> int:
        """Ask the files' statistics, or count."""
        return int(self._collect(self.tables.scan(table).select(pl.len())).item())

    def sample(self, number: int) -> Sequence[Stored]:
        """Take those whose ids have the smallest hashes, of a hash drawn now."""
        seed = self._luck.getrandbits(32)
        drawn = pl.col("media_id").hash(seed)
        query = self.tables.scan(ATTACHMENTS.name).bottom_k(number, by=drawn)
        found = self._collect(query.select("media_id", "blob_path", "bytes", "sha256"))
        return [Stored(*row) for row in found.iter_rows()]

    def _log(self, since: Micros | None = None) -> pl.LazyFrame:
        """The log from the day of a moment on."""
        log = self.tables.scan(EVENT_LOG.name)
        return log if since is None else log.filter(pl.col("processed_date") >= to_datetime(since).date())

    def _day(self, day: date, period: Period) -> pl.LazyFrame:
        return _within(self._log().filter(pl.col("processed_date") == day), period)

    def _collect(self, query: pl.LazyFrame) -> pl.DataFrame:
        return self.tables.collect(query)

    def _lines(self, lines: pl.LazyFrame) -> Iterator[Line]:
        found = self._collect(lines.select(*_LINE, "went_on"))
        for topic, partition, offset, *rest in _pieces(found):
            yield Line(Origin(topic, partition, offset), *rest)

    def _without_rows(self, lines: pl.LazyFrame, day: date) -> Iterator[Absent]:
        of_records = lines.filter(pl.col("topic").is_in(self._event_topics), pl.col("child").is_null())
        settled = self._collect(
            of_records.select(*_PLACE, "event_id", "event_type", "outcome").unique(
                ["event_id", "event_type", "outcome"]
            )
        )
        rows = self._events_of(settled, day)
        missing = settled.join(rows, on="event_id", how="anti")
        yield from _absences(missing.with_columns(table=pl.lit(EVENTS.name), key=pl.col("event_id")))
        owing = (
            rows.join(settled, on="event_id")
            .filter(pl.col("event_type") == pl.col("kind"), pl.col("outcome").is_in(_WORKED))
            .join(self._dead_letters(), on="event_id", how="anti")
        )
        for table, key, debtors in _debts(owing):
            yield from self._unpaid(debtors, table, key)

    def _without_file(self, lines: pl.LazyFrame) -> Iterator[Absent]:
        """Media whose link one of the events brought, and that are not in the inventory."""
        events = self._collect(
            lines.filter(pl.col("event_type") == _FILE_ADDED, pl.col("outcome").is_in(_WORKED))
            .select(*_PLACE, "event_id", "outcome")
            .unique("event_id")
        ).join(self._dead_letters(), on="event_id", how="anti")
        linked = (
            self.tables.scan("claimx_attachment_metadata")
            .filter(pl.col("full_download_link").is_not_null())
            .select("event_id", key="media_id")
            .join(events.lazy().select("event_id"), on="event_id", how="semi")
        )
        debtors = self._collect(linked).join(events, on="event_id")
        yield from self._unpaid(debtors, ATTACHMENTS.name, "media_id")

    def _unpaid(self, debtors: pl.DataFrame, table: str, column: str) -> Iterator[Absent]:
        """Those whose key a table does not have; the table streams by, the debtors are held."""
        keys = self.tables.scan(table).select(key=pl.col(column).cast(pl.String))
        paid = self._collect(keys.join(debtors.lazy().select("key"), on="key", how="semi").unique())
        unpaid = debtors.join(paid, on="key", how="anti")
        yield from _absences(unpaid.with_columns(table=pl.lit(table)))

    def _events_of(self, settled: pl.DataFrame, day: date) -> pl.DataFrame:
        """The rows of events: near their day, then, of those that are not there, anywhere."""
        ids = settled.select("event_id").unique()
        events = self.tables.scan(EVENTS.name)
        near = events.filter(pl.col("event_date").is_between(day - _BEFORE, day + _AFTER))
        found = self._collect(_event_rows(near, ids))
        strange = ids.join(found, on="event_id", how="anti")
        if strange.is_empty():
            return found
        return pl.concat([found, self._collect(_event_rows(events, strange))])

    def _dead_letters(self) -> pl.DataFrame:
        """Events of which something was given up: they owe nothing more."""
        if self._dead is None:
            dead = self._log().filter(pl.col("outcome") == _DEAD, pl.col("event_id").is_not_null())
            self._dead = self._collect(dead.select("event_id").unique())
        return self._dead


def _within(log: pl.LazyFrame, period: Period) -> pl.LazyFrame:
    if period.since is not None:
        log = log.filter(pl.col("processed_at") >= to_datetime(period.since))
    if period.until is not None:
        log = log.filter(pl.col("processed_at") < to_datetime(period.until))
    return log


def _event_rows(events: pl.LazyFrame, ids: pl.DataFrame) -> pl.LazyFrame:
    return (
        events.select(
            "event_id",
            "project_id",
            "media_id",
            "task_assignment_id",
            "video_collaboration_id",
            kind="event_type",
        )
        .join(ids.lazy(), on="event_id", how="semi")
        .unique("event_id")
    )


def _debts(owing: pl.DataFrame) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Table, key column, and the events that owe a row of it, with its key."""
    for table, column, source, is_debtor in (
        ("claimx_projects", "project_id", "project_id", pl.col("kind").is_in(_OF_PROJECT)),
        ("claimx_attachment_metadata", "media_id", "media_id", pl.col("kind") == _FILE_ADDED),
        ("claimx_tasks", "task_id", "task_assignment_id", pl.col("kind").str.starts_with("CUSTOM_TASK_")),
        (
            "claimx_video_collab",
            "collaboration_id",
            "video_collaboration_id",
            pl.col("kind").str.starts_with("VIDEO_"),
        ),
    ):
        debtors = owing.filter(is_debtor, pl.col(source).str.contains(_NUMERIC))
        if not debtors.is_empty():
            yield table, column, debtors.with_columns(key=pl.col(source))


def _absences(found: pl.DataFrame) -> Iterator[Absent]:
    columns = ("table", "key", "event_id", "outcome", *_PLACE)
    for table, key, event_id, outcome, *origin in _pieces(found.select(columns)):
        yield Absent(table, key, event_id, outcome, Origin(*origin))


def _pieces(frame: pl.DataFrame) -> Iterator[tuple]:  # type: ignore[type-arg]
    for piece in frame.iter_slices(_ROWS_AT_ONCE):
        yield from piece.iter_rows()
