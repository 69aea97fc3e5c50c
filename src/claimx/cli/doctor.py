"""``claimx doctor``."""

from typing import Annotated

import typer

from claimx.cli import completing
from claimx.cli.failures import UsageError
from claimx.cli.options import ConfigOption, Listing, ListingOption, SetOption, SettingsSource
from claimx.cli.run import stages_of
from claimx.cli.words import one_of
from claimx.config.options import DOCTOR_GROUPS, DoctorOptions

DOCTOR_HELP = """\b
Try everything that claimx needs, and say what is wrong and what to do. Changes nothing.

\b
  claimx doctor
  claimx doctor --only kafka,api
  claimx doctor --stages download,upload
      only what a process of these stages needs
  claimx doctor -o json | jq '.checks[] | select(.state != "ok")'

\b
  config   the settings, and what of them should be otherwise
  kafka    name, port, TLS, login, advertised brokers, topics, groups, rights
  api      name, port, TLS, clock, and whether the token is accepted
  hosts    name, port and TLS of every host that files may come from
  tables   their store, an object written, read and deleted, and how they fit
  files    their store, and an object written, read and deleted
  state    directory, fsync, free disk, and whether the delay queue can be read
  limits   health port, open files and memory, as this shell or container has them

Run it where claimx runs, as its user. What fails makes what follows from it be skipped. A probe object lies below
_claimx_doctor/ of each root for a moment; it stays only if the store stops answering just then.

\b
Exit codes: 0 nothing failed, 2 wrong usage, 3 something failed (with --strict: or
is warned of), 4 all that failed is a refused credential, 5 all that failed cannot
be reached, 78 configuration error.
"""


def doctor(
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            autocompletion=completing.doctor_groups,
            metavar="LIST",
            help="A comma list of the groups above.",
        ),
    ] = None,
    stages: Annotated[
        str,
        typer.Option(
            "--stages",
            autocompletion=completing.stages,
            metavar="LIST",
            help="all, or a comma list of stages.",
        ),
    ] = "all",
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, max=600, metavar="SECONDS", help="For each check.")
    ] = 10.0,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 3 if there are warnings.")] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: ListingOption = Listing.TEXT,
) -> int:
    """Try everything that claimx needs."""
    options = DoctorOptions(stages=stages_of(stages), only=groups_of(only), timeout_s=timeout, strict=strict)
    from claimx.app import doctor as app

    source = SettingsSource(config, set_)
    return app.examine(source, "no file" if source.path is None else str(source.path), options, output.value)


def groups_of(text: str | None) -> tuple[str, ...]:
    """Read ``--only``.

    Raises:
        UsageError: an unknown group, or none.
    """
    if text is None:
        return DOCTOR_GROUPS
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError("--only: nothing is named", "known: " + ", ".join(DOCTOR_GROUPS))
    for name in names:
        one_of("--only", "checks", name, DOCTOR_GROUPS)
    return tuple(name for name in DOCTOR_GROUPS if name in names)
