"""Command lines that stand in files, read by the real commands and not run."""

from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from claimx.cli.root import command
from claimx.cli.run import stages_of


def read(words: Sequence[str]) -> dict[str, Any]:
    """What the options of a command line come to; a wrong one is an error.

    Args:
        words: without the program's name.
    """
    found: Any = command
    rest = [*words]
    while isinstance(found, TyperGroup):
        found = found.commands[rest.pop(0)]
    context = found.make_context(" ".join(words), rest, help_option_names=["-h", "--help"])
    if found.name == "run":
        context.params["stages"] = stages_of(context.params["stages"])
    return context.params
