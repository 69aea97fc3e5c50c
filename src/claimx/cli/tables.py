"""``claimx tables``: make the tables, tell what is there, keep them quick."""

from typing import Annotated

import typer

from claimx.cli.options import (
    ConfigOption,
    Listing,
    ListingOption,
    Output,
    OutputOption,
    SetOption,
    SettingsSource,
    help_alone,
)
from claimx.cli.tables_upkeep import OPTIMIZE_HELP, VACUUM_HELP, optimize, vacuum

INIT_HELP = """\b
Create the tables that are absent and add the columns that are missing. Nothing that is there is overwritten.

\b
  claimx tables init
      once, before the first claimx run
  claimx tables init --dry-run
      says what would be done
  claimx tables init --set lake.tables_url=./trial -o json

A table made by others keeps its partitions and its columns. If any table stands in the way (another column type, files
that are no table), nothing is changed.

\b
Exit codes: 0 done, 1 there are files where a table would lie, 5 the lake cannot
be read or written, 78 a table does not fit, or configuration error.
"""
STATUS_HELP = """\b
Tell of every table: version, rows, files, bytes, partitions, last commit, and how it fits. Changes nothing.

\b
  claimx tables status
  claimx tables status -o json | jq '.tables[] | {table, rows}'
  claimx tables status -o jsonl
      one line for each table

\b
Exit codes: 0 claimx run can write every table, 3 a table is absent or does not fit,
5 the lake or a table cannot be read, 78 configuration error.
"""

tables = typer.Typer(invoke_without_command=True)
tables.command(help=OPTIMIZE_HELP, short_help="Make the small files of tables fewer.")(optimize)
tables.command(help=VACUUM_HELP, short_help="Delete files that no version needs.")(vacuum)


@tables.callback()
def group(context: typer.Context) -> None:
    """Make the Delta tables, tell what is there, keep them quick."""
    help_alone(context)


@tables.command(help=INIT_HELP, short_help="Create the tables that are absent.")
def init(
    config: ConfigOption = None,
    set_: SetOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, say what would be done.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> int:
    """Create the tables that are absent."""
    from claimx.app import tables as app

    return app.init(SettingsSource(config, set_), output.value, dry_run=dry_run)


@tables.command(help=STATUS_HELP, short_help="Tell of every table.")
def status(config: ConfigOption = None, set_: SetOption = None, output: ListingOption = Listing.TEXT) -> int:
    """Tell of every table."""
    from claimx.app import tables as app

    return app.status(SettingsSource(config, set_), output.value)
