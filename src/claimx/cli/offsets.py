"""``claimx offsets``: where the groups are, and moving them."""

import re
from typing import Annotated, Literal

import typer

from claimx.cli import completing
from claimx.cli.asking import Asker
from claimx.cli.failures import UsageError
from claimx.cli.options import (
    ConfigOption,
    DryRunOption,
    Listing,
    ListingOption,
    Output,
    OutputOption,
    SetOption,
    SettingsSource,
    YesOption,
    help_alone,
)
from claimx.cli.status import EveryOption, WatchOption, seconds_between
from claimx.cli.words import moment, stage_named
from claimx.config.options import Moment, OffsetsGoal
from claimx.domain.stage_names import STAGES

SHOW_HELP = """\b
Show where the group of each stage is: committed offset, what the partition holds, lag, who committed last. Changes nothing.

\b
  claimx offsets show
  claimx offsets show --stage ingest --watch
  claimx offsets show -o json | jq '.groups[] | {stage, lag}'
  claimx offsets show -o jsonl
      one line for each stage

parked: the rows that the committing instance had ever parked by then.

\b
Exit codes: 0 done, 1 a topic is missing, 3 a committed offset is out of range:
a run would stop there, 4 Kafka refuses us, 5 Kafka cannot be reached, 78
configuration error, 130 a watch ended by Ctrl-C.
"""
SET_HELP = """\b
Move the group of a stage, while no claimx consumes with it.

\b
  claimx offsets set --stage ingest --topic claimx.events.raw --to 2026-05-01T12:00Z --dry-run
  claimx offsets set --stage ingest --topic claimx.events.raw --to 2h
      the first records of the last 2 hours
  claimx offsets set --stage enrich --to latest
      gives up what is pending: nobody will ever enrich it
  claimx offsets set --stage ingest --topic claimx.events.raw --partition 3 --to 120455
  claimx offsets set --stage ingest --topic claimx.events.raw --to earliest

What is skipped is never received; what comes again folds in tables and files. Says how many records, and is confirmed by
typing the group's name.

\b
Exit codes: 0 done, 1 the group has members, or a topic, partition or offset that
is none, 2 there is nobody to confirm it, 4 Kafka refuses us, 5 Kafka cannot be
reached, 7 not confirmed, 78 configuration error.
"""

_OFFSET = re.compile(r"[0-9]{1,18}")

offsets = typer.Typer(invoke_without_command=True)


@offsets.callback()
def group(context: typer.Context) -> None:
    """Show where the groups are in their topics, and move them."""
    help_alone(context)


@offsets.command(help=SHOW_HELP, short_help="Show committed offsets and lag.")
def show(
    stage: Annotated[
        str | None,
        typer.Option(
            "--stage", autocompletion=completing.stage, metavar="STAGE", help="Only that of one stage."
        ),
    ] = None,
    watch: WatchOption = False,
    every: EveryOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: ListingOption = Listing.TEXT,
) -> int:
    """Show committed offsets and lag."""
    every_s = seconds_between(watch=watch, every=every)
    stages = STAGES if stage is None else (stage_named("--stage", stage, STAGES),)
    from claimx.app import offsets as app

    return app.show_offsets(SettingsSource(config, set_), app.Look(stages, every_s), output.value)


@offsets.command("set", help=SET_HELP, short_help="Move the group of a stage.")
def set__(
    stage: Annotated[
        str, typer.Option("--stage", autocompletion=completing.stage, metavar="STAGE", help="Whose group.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="WHERE", help="earliest, latest, an offset, a time, or an age as in 15m, 2h, 3d."
        ),
    ],
    topic: Annotated[
        str | None,
        typer.Option("--topic", metavar="NAME", help="Which topic, where the stage has several."),
    ] = None,
    partition: Annotated[
        int | None, typer.Option("--partition", min=0, metavar="N", help="Only this partition.")
    ] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Move the group of a stage."""
    goal = OffsetsGoal(
        stage=stage_named("--stage", stage, STAGES),
        topic=topic,
        partition=partition,
        to=where_to(to),
        dry_run=dry_run,
    )
    from claimx.app import offsets as app

    return app.set_offsets(SettingsSource(config, set_), goal, Asker(yes=yes), output.value)


def where_to(text: str) -> Literal["earliest", "latest"] | int | Moment:
    """Read ``--to``.

    Raises:
        UsageError: it is none of these.
    """
    if text in {"earliest", "latest"}:
        return "earliest" if text == "earliest" else "latest"
    if _OFFSET.fullmatch(text):
        return int(text)
    try:
        when = None if text.isdigit() else moment("--to", text)
    except UsageError:
        when = None
    if when is None:
        raise UsageError(
            f"--to {text} is no place", "earliest, latest, an offset, 2026-05-01T12:00Z, or ago: 15m, 2h, 3d"
        )
    return when
