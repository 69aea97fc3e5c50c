"""Options of ``claimx dlq``: which letters."""

from typing import Annotated

import typer

from claimx.cli import completing
from claimx.cli.failures import UsageError
from claimx.cli.words import long_enough, moment
from claimx.config.options import LetterFilter

EventOption = Annotated[
    str | None, typer.Option("--event", metavar="ID", help="Event id, or its first 8 characters or more.")
]
MediaOption = Annotated[str | None, typer.Option("--media", metavar="ID", help="Media id.")]
ProjectOption = Annotated[str | None, typer.Option("--project", metavar="ID", help="Project id.")]
ClassOption = Annotated[
    str | None,
    typer.Option(
        "--class",
        autocompletion=completing.error_classes,
        metavar="NAME",
        help="Error class, as in PermanentError.",
    ),
]
CodeOption = Annotated[
    str | None,
    typer.Option(
        "--code", metavar="CODE", help="Error code, or its first words: api takes api.5xx.exhausted."
    ),
]
StageOption = Annotated[
    str | None,
    typer.Option(
        "--stage",
        autocompletion=completing.flow_stage,
        metavar="STAGE",
        help="ingest, enrich, download or upload.",
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="WHEN", help="Died at or after: 2026-05-01, 2026-05-01T12:00Z, 2h, 30d ago."
    ),
]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Died before.")]
TopicOption = Annotated[
    str | None,
    typer.Option(
        "--topic", autocompletion=completing.dead_letter_topics, metavar="NAME", help="One dead-letter topic."
    ),
]
IdsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Ids of letters, or their first 8 characters or more."),
]


def letter_filter(
    ids: list[str] | None = None,
    *,
    event: str | None = None,
    media: str | None = None,
    project: str | None = None,
    error_class: str | None = None,
    code: str | None = None,
    stage: str | None = None,
    since: str | None = None,
    until: str | None = None,
    topic: str | None = None,
) -> LetterFilter:
    """Make the filter.

    Raises:
        UsageError: a text that says no time, or an id that is too short.
    """
    for each in ids or ():
        long_enough("ID", each)
    long_enough("--event", event)
    return LetterFilter(
        ids=tuple(ids or ()),
        event=event,
        media=media,
        project=project,
        error_class=error_class,
        code=code,
        stage=stage,
        since=moment("--since", since),
        until=moment("--until", until),
        topic=topic,
    )


def must_choose(chosen: LetterFilter, *, everything: bool, verb: str) -> None:
    """Refuse to take every letter unless that is said.

    Raises:
        UsageError: neither an id, a filter nor ``--all``.
    """
    if chosen.is_empty and not everything:
        raise UsageError(f"which dead letters to {verb}?", "give ids, a filter such as --code, or --all")
    if everything and chosen.ids:
        raise UsageError("ids and --all make no sense together", "give one of them")
