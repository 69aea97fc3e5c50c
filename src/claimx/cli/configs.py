"""``claimx config``: write, check, show and explain the configuration."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from claimx.cli import completing
from claimx.cli.failures import FOUND_SOMETHING, CommandFailedError, UsageError
from claimx.cli.options import (
    ConfigOption,
    Listing,
    ListingOption,
    Output,
    OutputOption,
    SetOption,
    SettingsSource,
    help_alone,
)

INIT_HELP = """\b
Write a claimx.toml with every key, its default and its meaning.

\b
  claimx config init
      writes ./claimx.toml
  claimx config init --preset eventhubs
      with what Azure Event Hubs needs; --preset local for one machine
  claimx config init -
      prints it
"""
CHECK_HELP = """\b
Read and check the configuration: every problem at once, each with its place. Uses no network.

\b
  claimx config check
  claimx config check -c prod.toml --strict
      a warning (a secret in clear) counts as well
  claimx config check --set download.workers=64 -o json

Exit codes: 0 good, 78 problems, 3 warnings with --strict.
"""
SHOW_HELP = """\b
Print every effective value and where it comes from. Secrets are masked.

\b
  claimx config show
  claimx config show -o json | jq '.settings[] | select(.origin != "default")'

Exit codes: 0 done, 78 problems.
"""
EXPLAIN_HELP = """\b
Explain a key: what it means, what it takes, its default, its variable. Reads no file.

\b
  claimx config explain download.spool_bytes
  claimx config explain retry
      every key of a table
"""
SCHEMA_HELP = """\b
Print the JSON schema of claimx.toml, for editors.

\b
  claimx config schema > claimx.schema.json
      then put "#:schema ./claimx.schema.json" on the first line of claimx.toml
"""


class Preset(StrEnum):
    """Kinds of installations; config/presets.py says what is set."""

    LOCAL = "local"
    EVENT_HUBS = "eventhubs"


configs = typer.Typer(invoke_without_command=True)


@configs.callback()
def group(context: typer.Context) -> None:
    """Write, check, show and explain the configuration."""
    help_alone(context)


@configs.command(help=INIT_HELP)
def init(
    path: Annotated[Path, typer.Argument(help="The file to write; - prints it.")] = Path("claimx.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    preset: Annotated[
        Preset | None, typer.Option("--preset", help="Set what this kind of installation needs.")
    ] = None,
) -> int:
    """Write the commented claimx.toml."""
    from claimx.config.presets import preset_text

    text = preset_text(preset)
    if path == Path("-"):
        typer.echo(text, nl=False)
        return 0
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as exc:
        raise CommandFailedError(f"{path} exists", "--force overwrites it, - prints the text") from exc
    except OSError as exc:
        raise CommandFailedError(f"{path}: {exc.strerror}") from exc
    broker = "kafka.bootstrap_servers, " if preset is Preset.EVENT_HUBS else ""
    typer.echo(f"wrote {path}; next: set {broker}api.token and [lake], then claimx config check", err=True)
    return 0


@configs.command(help=CHECK_HELP, short_help="Check the configuration: every problem at once.")
def check(
    config: ConfigOption = None,
    set_: SetOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 3 if there are warnings.")] = False,
    output: OutputOption = Output.TEXT,
) -> int:
    """Check the configuration."""
    source = SettingsSource(config, set_)
    warnings = source().warnings
    name = "no file" if source.path is None else str(source.path)
    if output is Output.JSON:
        typer.echo(json.dumps({"schema": "claimx.config.check/1", "file": name, "warnings": warnings}))
    else:
        for warning in warnings:
            typer.echo(f"warning: {warning}", err=True)
        typer.echo(f"{name}: good")
    return FOUND_SOMETHING if warnings and strict else 0


@configs.command(help=SHOW_HELP)
def show(config: ConfigOption = None, set_: SetOption = None, output: OutputOption = Output.TEXT) -> int:
    """Print every effective value and where it comes from."""
    from claimx.config import show as shown

    lines = list(shown.show(SettingsSource(config, set_)()))
    if output is Output.JSON:
        settings = [{"key": line.key, "value": line.value, "origin": line.origin} for line in lines]
        typer.echo(json.dumps({"schema": "claimx.config.show/1", "settings": settings}))
    else:
        for line in lines:
            typer.echo(f"{line.key} = {line.value}  # {line.origin}")
    return 0


@configs.command(help=SCHEMA_HELP)
def schema() -> int:
    """Print the JSON schema."""
    from claimx.config.schema import schema as made

    typer.echo(json.dumps(made(), indent=2))
    return 0


@configs.command(help=EXPLAIN_HELP)
def explain(
    key: Annotated[str, typer.Argument(help="As in kafka.group_id.", autocompletion=completing.keys)],
    output: ListingOption = Listing.TEXT,
) -> int:
    """Explain a key."""
    from claimx.config import explain as told
    from claimx.config.leaves import LEAVES, TABLES
    from claimx.config.problems import did_you_mean

    keys = told.keys_of(key)
    if not keys:
        raise UsageError(
            f"no key {key}", did_you_mean(key, [*LEAVES, *TABLES]) or "claimx config show lists them"
        )
    found = [told.explained(each) for each in keys]
    match output:
        case Listing.TEXT:
            typer.echo("\n\n".join("\n".join(told.as_text(each)) for each in found))
        case Listing.JSON:
            typer.echo(told.as_json(found))
        case Listing.JSONL:
            typer.echo("\n".join(told.as_jsonl(found)))
    return 0
