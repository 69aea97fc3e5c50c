"""How a person is asked before something is done."""

import sys

import typer

from claimx.cli.failures import UsageError
from claimx.config.options import Question


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
