"""The lake's tables as operators see them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec


class State(StrEnum):
    """What is to be said of a table in one word."""

    READY = "ready"
    ABSENT = "absent"
    OCCUPIED = "occupied"
    """No table, but files where it would lie."""
    DRIFTS = "drifts"
    """A table that claimx cannot write: ``drift`` says why."""
    UNREADABLE = "unreadable"
    """Nobody knows: ``problem`` says why."""


class TableStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One table. What is not known is None.

    Args:
        rows: by the statistics of the files; None if a file has none.
        bytes: of the data files that are part of the newest version.
        committed_at: ISO 8601, UTC.
        missing_columns: declared, and not there yet: ``claimx run`` and ``claimx tables init`` add them.
        unknown_columns: there and not declared: they are kept, and null in new rows.
        drift: one line for each difference that cannot be mended by adding a column.
    """

    table: str
    state: State
    problem: str | None = None
    version: int | None = None
    files: int | None = None
    rows: int | None = None
    bytes: int | None = None
    partitioned_by: tuple[str, ...] = ()
    committed_at: str | None = None
    missing_columns: tuple[str, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()


class Compacted(msgspec.Struct, frozen=True):
    """What a compaction did; both 0 where there was nothing to do."""

    files_removed: int
    files_added: int


class Vacuumed(msgspec.Struct, frozen=True):
    """What a vacuum deleted, or would delete."""

    files: int


class Tables(Protocol):
    """The declared tables. Every method raises LakeError when it cannot be told what is there."""

    @property
    def names(self) -> Sequence[str]:
        """Every declared table, in the order of their making."""
        ...

    @property
    def shown_url(self) -> str:
        """Where they lie, without secrets."""
        ...

    async def inspect(self, name: str) -> TableStatus:
        """Look at a table; changes nothing."""
        ...

    async def create(self, name: str) -> None:
        """Create a table where there is nothing; never overwrites, whoever was faster."""
        ...

    async def add_columns(self, name: str) -> None:
        """Add the declared columns that a table lacks."""
        ...

    async def to_compact(self, name: str) -> int:
        """Files of a table that a compaction would take."""
        ...

    async def compact(self, name: str) -> Compacted:
        """Make small files one and cut the log; rows stay as they are, and writers may go on."""
        ...

    async def vacuum(self, name: str, retain_hours: int, *, full: bool, dry_run: bool) -> Vacuumed:
        """Delete files that no version of the last ``retain_hours`` needs.

        Args:
            full: list everything, and take along what killed writers have left.
        """
        ...
