"""The command line: parse, call, print. Nothing heavy is imported before a command needs it."""

import os
import sys
from collections.abc import Sequence

from claimx.cli import failures
from claimx.cli.root import command
from claimx.config.environ import debug_wanted


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code; README.md has the table of codes."""
    given = list(sys.argv[1:] if argv is None else argv)
    debug = debug_wanted() or failures.DEBUG in given
    arguments = [argument for argument in given if argument not in {failures.DEBUG, failures.NO_INPUT}]
    if failures.NO_INPUT in given:
        _close_stdin()
    if not debug:
        sys.excepthook = failures.report_bug
    with failures.reported(as_json=failures.wants_json(arguments), debug=debug):
        sys.exit(command.main(args=arguments, prog_name="claimx", standalone_mode=False) or 0)


def _close_stdin() -> None:
    """Whoever would ask a person finds that there is none."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
