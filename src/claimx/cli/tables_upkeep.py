"""``claimx tables optimize`` and ``claimx tables vacuum``."""

import difflib
from typing import Annotated

import typer

from claimx.cli.asking import Asker
from claimx.cli.failures import UsageError
from claimx.cli.options import (
    ConfigOption,
    DryRunOption,
    Listing,
    ListingOption,
    SetOption,
    SettingsSource,
    YesOption,
)
from claimx.cli.words import age
from claimx.config.options import UpkeepOptions

OPTIMIZE_HELP = """\b
Make the many small files of each table fewer, and cut its log. No row is changed.

\b
  claimx tables optimize
      once a day; may run beside claimx run
  claimx tables optimize --table claimx_events --dry-run
  claimx tables optimize -o jsonl

Readers and writers go on. What was made one stays on the disk until claimx tables vacuum deletes it. A table that others
write to all the time may always be faster: then it is done in a quiet hour.

\b
Exit codes: 0 done, 1 another optimize or vacuum is at work, 5 the lake cannot be
reached, 6 some tables could not be done, 78 configuration error.
"""
VACUUM_HELP = """\b
Delete the files of each table that no version of the last days needs.

\b
  claimx tables vacuum --dry-run
  claimx tables vacuum --retain 7d --yes
      once a day
  claimx tables vacuum --full --yes
      once a week: lists everything, and takes along what killed writers have left

Who reads an older version than --retain loses it. At least 24 hours are kept: a reader or writer may still be at work.

\b
Exit codes: 0 done, 1 another optimize or vacuum is at work, 2 there is nobody to
confirm it, 5 the lake cannot be reached, 6 some tables could not be done, 7 not
confirmed, 78 configuration error.
"""
_HOUR_S = 3600
_LEAST_HOURS = 24

TableOption = Annotated[
    list[str] | None, typer.Option("--table", metavar="NAME", help="Only this table; repeatable.")
]


def optimize(
    table: TableOption = None,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: ListingOption = Listing.TEXT,
) -> int:
    """Make small files fewer."""
    options = UpkeepOptions(tables=_tables(table), dry_run=dry_run, output=output.value)
    from claimx.app import tables_upkeep as app

    return app.optimize(SettingsSource(config, set_), options)


def vacuum(
    table: TableOption = None,
    retain: Annotated[
        str, typer.Option("--retain", metavar="AGE", help="What is younger is kept, as in 7d.")
    ] = "7d",
    full: Annotated[
        bool, typer.Option("--full", help="List everything, not only what the log tells.")
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: ListingOption = Listing.TEXT,
) -> int:
    """Delete what no version needs."""
    hours = int(age("--retain", retain) // _HOUR_S)
    if hours < _LEAST_HOURS:
        raise UsageError(f"--retain {retain} is too short", f"at least {_LEAST_HOURS}h")
    options = UpkeepOptions(
        tables=_tables(table), retain_hours=hours, full=full, dry_run=dry_run, output=output.value
    )
    from claimx.app import tables_upkeep as app

    return app.vacuum(SettingsSource(config, set_), options, Asker(yes=yes))


def _tables(names: list[str] | None) -> tuple[str, ...]:
    from claimx.domain.tables import TABLES

    for name in names or ():
        if name not in TABLES:
            near = difflib.get_close_matches(name, TABLES, n=1)
            hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(TABLES)
            raise UsageError(f"--table: no table {name}", hint)
    return tuple(names or ())
