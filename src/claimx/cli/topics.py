"""``claimx topics``: make the topics, and look whether they fit."""

from typing import Annotated

import typer

from claimx.cli.options import ConfigOption, Output, OutputOption, SetOption, SettingsSource, help_alone
from claimx.config.options import TopicsOptions

INIT_HELP = """\b
Create the topics that are absent: dead-letter topics keep their records for ever. Nothing that is there is changed.

\b
  claimx topics init
      12 partitions, 3 replicas or as many as there are brokers
  claimx topics init --partitions 24 --replication-factor 3
  claimx topics init --dry-run
      says what would be done

What differs in a topic that is there is said.

\b
Exit codes: 0 every topic is there and fits, 3 one does not or was refused,
4 Kafka refuses us, 5 Kafka cannot be reached, 78 configuration error.
"""
CHECK_HELP = """\b
Look whether every topic is there and keeps what it must keep. Changes nothing.

\b
  claimx topics check
  claimx topics check -o json | jq '.topics[] | select(.problems != [])'

A problem is a topic that is absent, a dead-letter topic that forgets its records, a topic that is compacted. Hints tell
of replicas.

\b
Exit codes: 0 good, 3 problems, 4 Kafka refuses us, 5 Kafka cannot be reached,
78 configuration error.
"""

topics = typer.Typer(invoke_without_command=True)


@topics.callback()
def group(context: typer.Context) -> None:
    """Make the Kafka topics, and look whether they fit."""
    help_alone(context)


@topics.command(help=INIT_HELP)
def init(
    config: ConfigOption = None,
    set_: SetOption = None,
    partitions: Annotated[
        int | None, typer.Option("--partitions", min=1, metavar="N", help="Partitions of a new topic.")
    ] = None,
    replication_factor: Annotated[
        int | None,
        typer.Option("--replication-factor", min=1, metavar="N", help="Replicas of a new topic."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, say what would be done.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> int:
    """Create the topics that are absent."""
    options = TopicsOptions(partitions=partitions, replication_factor=replication_factor, dry_run=dry_run)
    from claimx.app import topics as app

    return app.init(SettingsSource(config, set_), options, output.value)


@topics.command(help=CHECK_HELP)
def check(config: ConfigOption = None, set_: SetOption = None, output: OutputOption = Output.TEXT) -> int:
    """Look whether every topic fits."""
    from claimx.app import topics as app

    return app.check(SettingsSource(config, set_), output.value)
