"""``claimx verify``."""

from typing import Annotated

import typer

from claimx.cli.options import ConfigOption, Listing, ListingOption, SetOption, SettingsSource
from claimx.cli.words import moment
from claimx.config.options import VerifyOptions

VERIFY_HELP = """\b
Prove from what is durable that nothing is lost and nothing is twice. Changes nothing; may run beside a daemon.

\b
  claimx verify
  claimx verify --since 1d
      records that came, and log lines that were written, in the last day
  claimx verify --files --sample 200
      names and sizes of all files, and the content of 200
  claimx verify -o json | jq '.problems[]'
  claimx verify -o jsonl | grep claimx.verify.problem

Every record below a committed offset must have its line in claimx_event_log; what that line says must be true: rows in
the tables, a row in a delay queue of this host, a dead letter, a task on a pending topic. Merge keys stand once.

What was deleted by retention or a purge, or lies in a delay queue of another host, is counted as unprovable.

\b
Exit codes: 0 clean, 3 problems, 4 Kafka or the store refuses us, 5 one of them
cannot be reached, 78 a table is absent, or configuration error, 130 ended by Ctrl-C.
"""


def verify(
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="WHEN", help="From then on: 2026-05-01, 2026-05-01T12:00Z, 2h, 30d ago."
        ),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Before then.")] = None,
    files: Annotated[
        bool, typer.Option("--files", help="Compare names and sizes of all files with the inventory.")
    ] = False,
    sample: Annotated[
        int,
        typer.Option(
            "--sample", min=0, metavar="N", help="Read N files, drawn at random, and compare their digests."
        ),
    ] = 0,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: ListingOption = Listing.TEXT,
) -> int:
    """Prove that nothing is lost and nothing is twice."""
    options = VerifyOptions(
        since=moment("--since", since), until=moment("--until", until), files=files, sample=sample
    )
    from claimx.app import verify as app

    return app.verify(SettingsSource(config, set_), options, output.value)
