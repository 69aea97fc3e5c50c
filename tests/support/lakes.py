"""Every lake behind one face, so that one suite runs on all of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import polars as pl
from deltalake import DeltaTable, QueryBuilder

from claimx.adapters.delta import DeltaLake
from claimx.adapters.memory import MemoryLake
from claimx.config.tree import Lake as LakeSettings
from claimx.domain.event_log import LogLine
from claimx.domain.events import Event
from claimx.domain.rows import Row, Table, Value
from claimx.domain.tables import TABLES
from claimx.domain.times import DAY, Micros
from claimx.ops.tables import init
from claimx.ports.lake import Lake

NOW: Micros = 1_768_146_100_000_000
DEDUP_DAYS = 7
Cells = dict[str, Value]


class KeptLake(Protocol):
    """A lake, and how a test looks into it."""

    lake: Lake

    def event_ids(self) -> list[str]: ...

    def rows(self, table: str) -> list[Cells]: ...

    def log(self) -> list[tuple[str | None, int]]: ...


class InMemory:
    def __init__(self) -> None:
        self.lake = MemoryLake()

    def event_ids(self) -> list[str]:
        return sorted(self.lake.state.events)

    def rows(self, table: str) -> list[Cells]:
        return [whole(TABLES[table], values) for values in self.lake.state.rows[table].values()]

    def log(self) -> list[tuple[str | None, int]]:
        return sorted((line.event_id, line.offset) for line in self.lake.state.log)


class OnDisk:
    def __init__(self, root: Path, tables: Mapping[str, Table] = TABLES) -> None:
        self.root = root
        self.tables = tables
        self.lake = another_lake(root, tables)

    def event_ids(self) -> list[str]:
        return sorted(read(self.root / "claimx_events")["event_id"])

    def rows(self, table: str) -> list[Cells]:
        return cells(self.tables[table], read(self.root / table))

    def log(self) -> list[tuple[str | None, int]]:
        return sorted(read(self.root / "claimx_event_log").select("event_id", "offset").rows())


async def opened(lake: DeltaLake) -> DeltaLake:
    """Make the tables that are absent, as ``claimx tables init`` does, and open the lake, as ``claimx run`` does."""
    await init(lake)
    await lake.open()
    return lake


def another_lake(root: Path, tables: Mapping[str, Table] = TABLES) -> DeltaLake:
    """One more process on the same tables."""
    return DeltaLake(LakeSettings(tables_url=str(root), files_url="unused"), DEDUP_DAYS, tables)


def read(path: Path) -> pl.DataFrame:
    return pl.DataFrame(QueryBuilder().register("t", DeltaTable(path)).execute("select * from t"))


def cells(table: Table, frame: pl.DataFrame) -> list[Cells]:
    """Rows as the domain has them: times as microseconds."""
    times = [
        pl.col(name).to_physical() for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)
    ]
    days = [pl.col(name).to_physical() * DAY for name, kind in frame.schema.items() if kind == pl.Date]
    return [whole(table, row) for row in frame.with_columns(times + days).to_dicts()]


def whole(table: Table, values: Mapping[str, Value]) -> Cells:
    """All declared columns; what is not there is null."""
    return {column.name: values.get(column.name) for column in table.columns}


def event(event_id: str, at: Micros = NOW, *, is_id_given: bool = False, raw_data: str = "{}") -> Event:
    return Event(
        event_id, "PROJECT_FILE_ADDED", "5395115", "7", None, None, None, at, is_id_given, raw_data, 0, 100
    )


def project(project_id: str = "5395115", **values: Value) -> Row:
    return Row("claimx_projects", {"project_id": project_id, **values})


def line(event_id: str | None, offset: int) -> LogLine:
    return LogLine(
        event_id=event_id,
        event_type=None,
        project_id=None,
        outcome="committed",
        stage="ingest",
        attempts=1,
        api_calls=0,
        duration_ms=3,
        error_code=None,
        topic="claimx.events.raw",
        partition=0,
        offset=offset,
        child=None,
        first_origin=None,
        processed_at=NOW,
    )
