"""``claimx trace``."""

from typing import Annotated

import typer

from claimx.cli.options import ConfigOption, Listing, ListingOption, SetOption, SettingsSource
from claimx.config.options import TraceKind

TRACE_HELP = """\b
Tell the whole story of an event, a media file or a project, in order of time. Changes nothing.

\b
  claimx trace v1:9f86d081884c7d65
      an event, by its id or the first 8 characters of it
  claimx trace 96269553
      a media file, or a project, by its number
  claimx trace 5395115 --as project
  claimx trace evt_12345 -o json | jq '.entries[] | {at, source, what}'

It has the record itself if Kafka still has it, the event's row, every line of the event log with attempts and error
codes, the rows that it wrote, its file and whether that is stored, what waits in a delay queue of this host, and dead
letters, open or replayed. An id that is none of these is looked for among the events that are not settled yet.

\b
Exit codes: 0 done, 1 unknown everywhere, or several events begin so, 4 Kafka or
the store refuses us, 5 one of them cannot be reached, 78 configuration error.
"""


def trace(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Event id, media id or project id.")],
    kind: Annotated[
        TraceKind | None, typer.Option("--as", help="What the id names; else the first that is known.")
    ] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: ListingOption = Listing.TEXT,
) -> int:
    """Tell the whole story of an id."""
    from claimx.app import trace as app

    return app.tell(SettingsSource(config, set_), id_.strip(), kind, output.value)
