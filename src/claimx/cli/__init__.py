"""The command line: parse, call, print. Nothing heavy is imported before a command needs it."""

import sys
from collections.abc import Sequence

from claimx.cli import failures
from claimx.cli.root import command
from claimx.config.environ import debug_wanted


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code; README.md has the table of codes."""
    given = list(sys.argv[1:] if argv is None else argv)
    debug = debug_wanted() or failures.DEBUG in given
    arguments = [argument for argument in given if argument != failures.DEBUG]
    if not debug:
        sys.excepthook = failures.report_bug
    with failures.reported(as_json=failures.wants_json(arguments), debug=debug):
        sys.exit(command.main(args=arguments, prog_name="claimx", standalone_mode=False) or 0)
