"""``claimx retries``: what waits in the delay queue."""

from typing import Annotated

import typer

from claimx.cli import completing
from claimx.cli.asking import Asker
from claimx.cli.dlq_options import CodeOption, EventOption, ProjectOption
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
from claimx.cli.words import long_enough, moment, stage_named
from claimx.config.options import Moment, RetryFilter, RetryOptions
from claimx.domain.stage_names import FLOW

LIST_HELP = """\b
Say which work waits in the delay queue for its next try. Changes nothing.

\b
  claimx retries list
      the 50 that are due first, and how many there are
  claimx retries list --due now
  claimx retries list --code api --project 5395115
  claimx retries list -o jsonl | jq -r .event_id
      every one, as they come

It asks the running process; if none runs, it opens the queue itself.

\b
Exit codes: 0 done, 1 there is no queue, or its process does not answer,
78 configuration error, 130 ended by Ctrl-C.
"""
RUN_HELP = """\b
Let parked work be due now, rather than at its time.

\b
  claimx retries run --code file.503
      the file host is well again
  claimx retries run --due 1h --dry-run
      what is due within the hour
  claimx retries run --all

The running process takes it at once; if none runs, the next one does. What is being worked on is left alone. A try that
fails counts as any other. More than 100 must be confirmed.

\b
Exit codes: 0 done, 1 there is no queue, or its process does not answer, 2 there is
nobody to confirm it, 6 ended before its end, 7 not confirmed, 78 configuration
error, 130 ended by Ctrl-C.
"""
DROP_HELP = """\b
Give parked work up: each row becomes a dead letter (retry.dropped), then it is deleted.

\b
  claimx retries drop --project 5395115
  claimx retries drop --code media.not_found --dry-run
  claimx retries drop --all --yes
  claimx dlq replay --code retry.dropped
      takes it back

What is being worked on, or is parked meanwhile, is left alone.

\b
Exit codes: 0 done, 1 there is no queue, or its process does not answer, 2 there is
nobody to confirm it, 4 Kafka refuses us, 5 Kafka cannot be reached, 6 some dead
letters were not acknowledged: their rows stay, 7 not confirmed, 78 configuration
error, 130 ended by Ctrl-C.
"""

StageOption = Annotated[
    str | None,
    typer.Option(
        "--stage",
        autocompletion=completing.flow_stage,
        metavar="STAGE",
        help="The stage it goes back to: enrich or download.",
    ),
]
DueOption = Annotated[
    str | None,
    typer.Option("--due", metavar="WHEN", help="Due by then: now, 10m (from now on), 2026-05-01T12:00Z."),
]
AllOption = Annotated[bool, typer.Option("--all", help="Every row.")]

retries = typer.Typer(invoke_without_command=True)


@retries.callback()
def group(context: typer.Context) -> None:
    """List, hasten and drop what waits in the delay queue."""
    help_alone(context)


@retries.command("list", help=LIST_HELP, short_help="Say which work waits for its next try.")
def list_(
    stage: StageOption = None,
    code: CodeOption = None,
    project: ProjectOption = None,
    event: EventOption = None,
    due: DueOption = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Show so many; 50 unless jsonl.")
    ] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: ListingOption = Listing.TEXT,
) -> int:
    """Say which work waits."""
    chosen = row_filter(stage=stage, code=code, project=project, event=event, due=due)
    from claimx.app import retries as app

    return app.list_rows(SettingsSource(config, set_), chosen, limit, output.value)


@retries.command(help=RUN_HELP, short_help="Let parked work be due now.")
def run(
    stage: StageOption = None,
    code: CodeOption = None,
    project: ProjectOption = None,
    event: EventOption = None,
    due: DueOption = None,
    everything: AllOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Let parked work be due now."""
    chosen = row_filter(stage=stage, code=code, project=project, event=event, due=due)
    must_choose(chosen, everything=everything, verb="run")
    options = RetryOptions(dry_run=dry_run, output=output.value)
    from claimx.app import retries as app

    return app.change(SettingsSource(config, set_), app.RUN, chosen, options, Asker(yes=yes))


@retries.command(help=DROP_HELP, short_help="Give parked work up, as dead letters.")
def drop(
    stage: StageOption = None,
    code: CodeOption = None,
    project: ProjectOption = None,
    event: EventOption = None,
    due: DueOption = None,
    everything: AllOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Give parked work up."""
    chosen = row_filter(stage=stage, code=code, project=project, event=event, due=due)
    must_choose(chosen, everything=everything, verb="drop")
    options = RetryOptions(dry_run=dry_run, output=output.value)
    from claimx.app import retries as app

    return app.change(SettingsSource(config, set_), app.DROP, chosen, options, Asker(yes=yes))


def row_filter(
    *, stage: str | None, code: str | None, project: str | None, event: str | None, due: str | None
) -> RetryFilter:
    """Make the filter.

    Raises:
        UsageError: a stage that is none, a text that says no time, or an id that is too short.
    """
    if stage is not None:
        stage_named("--stage", stage, FLOW, "enrich or download")
    long_enough("--event", event)
    return RetryFilter(stage=stage, code=code, project=project, event=event, due=_due(due))


def must_choose(chosen: RetryFilter, *, everything: bool, verb: str) -> None:
    """Refuse to take every row unless that is said.

    Raises:
        UsageError: neither a filter nor ``--all``, or both.
    """
    if chosen.is_empty and not everything:
        raise UsageError(f"which rows to {verb}?", "give a filter such as --code, or --all")
    if everything and not chosen.is_empty:
        raise UsageError("a filter and --all make no sense together", "give one of them")


def _due(text: str | None) -> Moment | None:
    if text == "now":
        return Moment(0, is_ago=True)
    when = moment("--due", text)
    if when is not None and when.is_ago:
        return Moment(-when.micros, is_ago=True)
    return when
