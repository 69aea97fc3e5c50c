"""``claimx version`` and ``claimx completion``."""

import json
import platform
from enum import StrEnum
from typing import Annotated

import typer

from claimx import __version__
from claimx.cli.options import Output, OutputOption

VERSION_HELP = """\b
Print the version; with -o json also those of Python and of the libraries that matter in a bug report.

\b
  claimx version
  claimx version -o json
"""
COMPLETION_HELP = """\b
Print the completion script of a shell.

\b
  claimx completion bash > ~/.local/share/bash-completion/completions/claimx
  claimx completion zsh > ~/.zfunc/_claimx
  claimx completion fish > ~/.config/fish/completions/claimx.fish
"""

_LIBRARIES = ("aiohttp", "confluent-kafka", "deltalake", "msgspec", "obstore", "polars")


class Shell(StrEnum):
    """Shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def version(output: OutputOption = Output.TEXT) -> int:
    """Print the version."""
    if output is Output.TEXT:
        typer.echo(f"claimx {__version__}")
        return 0
    from importlib.metadata import version as installed

    libraries = {name: installed(name) for name in _LIBRARIES}
    body = {"schema": "claimx.version/1", "claimx": __version__, "python": platform.python_version()}
    typer.echo(json.dumps({**body, "libraries": libraries}))
    return 0


def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> int:
    """Print the completion script of a shell."""
    # typer has no public door to it that takes the shell's name
    from typer._completion_shared import get_completion_script

    typer.echo(get_completion_script(prog_name="claimx", complete_var="_CLAIMX_COMPLETE", shell=shell.value))
    return 0
