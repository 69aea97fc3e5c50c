"""Options of ``claimx dlq``: which letters, until when, how fast; and how a person is asked."""

import re
import sys
from typing import Annotated

import typer

from claimx.cli.failures import UsageError
from claimx.config.options import LetterFilter, Moment, Question
from claimx.domain.times import SECOND, parse_time

_AGE = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_RATE = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)(?:/(s|m|min))?")
_SHORTEST_BEGINNING = 8

EventOption = Annotated[
    str | None, typer.Option("--event", metavar="ID", help="Event id, or its first 8 characters or more.")
]
MediaOption = Annotated[str | None, typer.Option("--media", metavar="ID", help="Media id.")]
ProjectOption = Annotated[str | None, typer.Option("--project", metavar="ID", help="Project id.")]
ClassOption = Annotated[
    str | None, typer.Option("--class", metavar="NAME", help="Error class, as in PermanentError.")
]
CodeOption = Annotated[
    str | None,
    typer.Option(
        "--code", metavar="CODE", help="Error code, or its first words: api takes api.5xx.exhausted."
    ),
]
StageOption = Annotated[
    str | None, typer.Option("--stage", metavar="STAGE", help="ingest, enrich, download or upload.")
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="WHEN", help="Died at or after: 2026-05-01, 2026-05-01T12:00Z, 2h, 30d ago."
    ),
]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Died before.")]
TopicOption = Annotated[str | None, typer.Option("--topic", metavar="NAME", help="One dead-letter topic.")]
IdsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Ids of letters, or their first 8 characters or more."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Change nothing, say what would be done.")]


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
    for name, text in [("ID", each) for each in ids or ()] + ([("--event", event)] if event else []):
        if len(text) < _SHORTEST_BEGINNING:
            raise UsageError(f"{name} {text} is too short", "give the id, or its first 8 characters or more")
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


def moment(option: str, text: str | None) -> Moment | None:
    """Read a time or an age.

    Raises:
        UsageError: it is neither.
    """
    if text is None:
        return None
    if age := _AGE.fullmatch(text):
        return Moment(int(age[1]) * _UNITS[age[2]] * SECOND, is_ago=True)
    if (when := parse_time(text)) is None:
        raise UsageError(
            f"{option} {text} is no time", "as in 2026-05-01T12:00Z, or ago: 90s, 15m, 2h, 30d, 4w"
        )
    return Moment(when, is_ago=False)


def per_second(text: str | None) -> float | None:
    """Read a rate: ``20``, ``20/s``, ``90/m``.

    Raises:
        UsageError: it is none, or zero.
    """
    if text is None:
        return None
    rate = _RATE.fullmatch(text)
    if rate is None or not float(rate[1]):
        raise UsageError(f"--rate {text} is no rate", "as in 20/s or 90/m")
    return float(rate[1]) / (1 if rate[2] in {None, "s"} else 60)


def must_choose(chosen: LetterFilter, *, everything: bool, verb: str) -> None:
    """Refuse to take every letter unless that is said.

    Raises:
        UsageError: neither an id, a filter nor ``--all``.
    """
    if chosen.is_empty and not everything:
        raise UsageError(f"which dead letters to {verb}?", "give ids, a filter such as --code, or --all")
    if everything and chosen.ids:
        raise UsageError("ids and --all make no sense together", "give one of them")


class Asker:
    """Asks a person on the terminal.

    Args:
        yes: every answer is yes.
    """

    def __init__(self, *, yes: bool) -> None:
        self._yes = yes

    def __call__(self, question: Question) -> bool:
        """Whether the person has confirmed.

        Raises:
            UsageError: there is nobody to ask.
        """
        if self._yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError(f"{question.text}: nobody is there to confirm it", "add --yes")
        if question.expected:
            typed = typer.prompt(
                f"{question.text}.\nType {question.expected} to confirm", default="", err=True
            )
            return bool(typed == question.expected)
        return typer.confirm(f"{question.text}?", default=False, err=True)
