"""``claimx tables``, and the tables of the sandbox and of the benchmark."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from claimx.adapters.delta import DeltaLake
from claimx.config.load import Loaded
from claimx.config.options import Format
from claimx.config.tree import Lake
from claimx.ops import tables

FOUND_SOMETHING = 3
UNREACHABLE = 5

_DEDUP_DAYS = 0
"""No event is written here."""


def init(load: Callable[[], Loaded], output: Format, *, dry_run: bool) -> int:
    """Create the tables that are absent, add the columns that are missing, print what was done.

    Raises:
        ClaimxError: what stands in the way; then nothing was changed.
    """
    report = asyncio.run(_init(load().settings.lake, dry_run=dry_run))
    _print(tables.init_text(report) if output == "text" else tables.as_json(report))
    return 0


def status(load: Callable[[], Loaded], output: Format) -> int:
    """Print what is there; 3 if a run could not begin, 5 if nobody knows."""
    report = asyncio.run(_status(load().settings.lake))
    _print({"text": tables.status_text, "json": tables.as_json, "jsonl": tables.status_jsonl}[output](report))
    if tables.is_unreachable(report):
        return UNREACHABLE
    return 0 if tables.is_ready(report) else FOUND_SOMETHING


async def make_tables(lake: Lake) -> None:
    """Create the tables that are absent, for what makes a lake of its own.

    Raises:
        ClaimxError: what stands in the way.
    """
    await _init(lake, dry_run=False)


async def _init(lake: Lake, *, dry_run: bool) -> tables.InitReport:
    async with opened(lake) as there:
        return await tables.init(there, dry_run=dry_run)


async def _status(lake: Lake) -> tables.StatusReport:
    async with opened(lake) as there:
        return await tables.status(there)


@asynccontextmanager
async def opened(lake: Lake) -> AsyncGenerator[DeltaLake, None]:
    """The lake, for those who write no events."""
    there = DeltaLake(lake, _DEDUP_DAYS)
    try:
        yield there
    finally:
        await there.close()


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
