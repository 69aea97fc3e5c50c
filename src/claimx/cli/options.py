"""Options that several commands share, and how a command loads the settings."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claimx.cli import completing
from claimx.cli.failures import USAGE
from claimx.config.environ import find_file

if TYPE_CHECKING:
    from claimx.config.load import Loaded


class Output(StrEnum):
    """How data is printed on stdout."""

    TEXT = "text"
    JSON = "json"


class Listing(StrEnum):
    """How a list is printed on stdout."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The claimx.toml to read. Else CLAIMX_CONFIG, ./claimx.toml or /etc/claimx/claimx.toml.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        autocompletion=completing.settings,
        metavar="KEY=VALUE",
        help="Set one key, as in --set kafka.group_id=trial. Repeatable; wins over all.",
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="text for people, json for programs.")]
ListingOption = Annotated[
    Listing,
    typer.Option("--output", "-o", help="text for people, json or one jsonl line for each for programs."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Change nothing, say what would be done.")]
EventsOption = Annotated[int | None, typer.Option("--events", min=1, metavar="N", help="Events to feed.")]
SeedOption = Annotated[
    int | None, typer.Option("--seed", metavar="S", help="Same seed, same events and faults.")
]
FaultsOption = Annotated[bool, typer.Option("--faults", help="The simulated API fails now and then.")]
BrokerOption = Annotated[
    str | None,
    typer.Option("--broker", metavar="HOST:PORT", help="Use this broker, not the embedded one."),
]


def help_alone(context: typer.Context) -> None:
    """A group without a command: print its help, and leave as from a wrong command line."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(USAGE)


class SettingsSource:
    """Where a command's settings come from; calling it loads them, under what the sandbox decides.

    Args:
        file: the named file. With ``search``, the usual places where None is named.
        sets: ``key=value`` texts.
    """

    def __init__(self, file: Path | None, sets: list[str] | None, *, search: bool = True) -> None:
        self.path = find_file(file) if search else file
        self._sets = tuple(sets or ())

    def __call__(self, overrides: Mapping[str, object] | None = None) -> "Loaded":
        """Load the settings.

        Raises:
            ConfigError: with every problem.
        """
        from claimx.config.load import load

        return load(self.path, overrides=overrides, sets=self._sets)
