"""Rows of a delay queue, and looking into its file from outside."""

import dataclasses
import sqlite3
from pathlib import Path

from claimx.domain.tasks import DownloadTask, Origin
from claimx.ports.delay import DelayRow, RowKey

TOPIC = "claimx.events.raw"
STAGES = ("enrich", "download")


def row(offset: int, due_at: int, attempt: int = 1, media: str = "1") -> DelayRow:
    """A parked download."""
    origin = Origin(TOPIC, 0, offset)
    task = DownloadTask("e", "PROJECT_FILE_ADDED", "1", media, "https://h/x", origin, 0, attempt=attempt)
    return DelayRow("download", task, "file.503", due_at, 0)


def of_stage(stage: str, parked: DelayRow) -> DelayRow:
    """The row, as one of another stage."""
    return dataclasses.replace(parked, stage=stage)


def key(offset: int, media: str = "1") -> RowKey:
    """The key of such a row."""
    return RowKey(Origin(TOPIC, 0, offset), f"download:{media}")


def ask(path: Path, query: str) -> list[tuple[object, ...]]:
    """Look into a file that nobody holds open."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
