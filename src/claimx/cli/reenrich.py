"""``claimx reenrich``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from claimx.cli.asking import Asker
from claimx.cli.failures import CommandFailedError, UsageError
from claimx.cli.options import (
    ConfigOption,
    DryRunOption,
    Output,
    OutputOption,
    SetOption,
    SettingsSource,
    YesOption,
)
from claimx.cli.words import per_second
from claimx.config.options import ReenrichOptions

REENRICH_HELP = """\b
Fetch projects anew: the project and its contacts, all media and files, assignments, video calls.

\b
  claimx reenrich 5395115 5395116
  claimx reenrich --claim 01-123A-45B
  claimx reenrich --from-file projects.txt --rate 5/s
      one project id a line; - is stdin
  claimx reenrich 5395115 --dry-run

The API is asked for each project's assignments and video calls; a task for each of them, for the project and for its
media goes to claimx.enrichment.pending. A running claimx takes them as new work, whatever it remembers of the projects.
Rows and files fold by their keys: done twice is done once. More than 100 projects must be confirmed.

\b
Exit codes: 0 done, 1 nothing could be asked for, 2 there is nobody to confirm it,
4 Kafka or the API refuses us, 5 Kafka cannot be reached, 6 some projects failed,
7 not confirmed, 78 configuration error, 130 ended by Ctrl-C.
"""

_MAX_DIGITS = 18


def reenrich(
    projects: Annotated[
        list[str] | None, typer.Argument(metavar="[PROJECT_ID]...", help="Project ids.")
    ] = None,
    claim: Annotated[
        list[str] | None, typer.Option("--claim", metavar="NUMBER", help="A claim number. Repeatable.")
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option("--from-file", metavar="FILE", help="Project ids, one a line, # comments; - is stdin."),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option("--rate", metavar="N/s", help="At most so many projects, as in 5/s or 90/m."),
    ] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Fetch projects anew."""
    ids = [_project_id(text) for text in (*(projects or ()), *_listed(from_file))]
    if not ids and not claim:
        raise UsageError("which projects?", "give project ids, --claim or --from-file")
    options = ReenrichOptions(
        projects=tuple(dict.fromkeys(ids)),
        claims=tuple(dict.fromkeys(claim or ())),
        rate_per_s=per_second(rate),
        dry_run=dry_run,
    )
    from claimx.app import reenrich as app

    return app.reenrich(SettingsSource(config, set_), options, Asker(yes=yes), output.value)


def _project_id(text: str) -> str:
    digits = text.strip().lstrip("0")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise UsageError(f"{text.strip()} is no project id", "it is a number; for a claim number: --claim")
    return digits


def _listed(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        text = sys.stdin.read() if path == Path("-") else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailedError(
            f"{path} cannot be read: {type(error).__name__}", "is it a text file?"
        ) from error
    bare = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in bare if line]
