"""The tree of commands."""

from typing import Annotated

import typer
from typer._completion_classes import completion_init
from typer.main import get_command

from claimx import __version__
from claimx.cli.about import COMPLETION_HELP, VERSION_HELP, completion, version
from claimx.cli.bench import bench
from claimx.cli.configs import configs
from claimx.cli.dlq import dlq
from claimx.cli.doctor import DOCTOR_HELP, doctor
from claimx.cli.offsets import offsets
from claimx.cli.options import help_alone
from claimx.cli.reenrich import REENRICH_HELP, reenrich
from claimx.cli.retries import retries
from claimx.cli.run import RUN_HELP, SANDBOX_HELP, run, sandbox
from claimx.cli.status import STATUS_HELP, status
from claimx.cli.tables import tables
from claimx.cli.topics import topics
from claimx.cli.trace import TRACE_HELP, trace
from claimx.cli.verify import VERIFY_HELP, verify

ROOT_HELP = """\b
ClaimX events from Kafka into a Delta lakehouse, with nothing lost and nothing twice.

\b
  claimx run --sandbox --events 500 --exit-when-idle     try it, nothing else is needed
  claimx config init; claimx config check                set it up
  claimx topics init; claimx tables init                 make topics and tables
  claimx doctor                                          is everything there?
  claimx run                                             run it
  claimx dlq list                                        see what it gave up

stdout is data, stderr is everything else. Every command has examples: claimx COMMAND --help.
"""

# rich help costs 150 ms of every start, and its tracebacks print local variables
_root = typer.Typer(
    help=ROOT_HELP,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_root.command(help=RUN_HELP)(run)
_root.command(help=SANDBOX_HELP, short_help="Start what run --sandbox starts, without a pipeline.")(sandbox)
_root.add_typer(bench, name="bench")
_root.add_typer(configs, name="config")
_root.add_typer(tables, name="tables")
_root.add_typer(topics, name="topics")
_root.add_typer(dlq, name="dlq")
_root.add_typer(retries, name="retries")
_root.add_typer(offsets, name="offsets")
_root.command(help=DOCTOR_HELP, short_help="Try everything that claimx needs: what is wrong, what to do.")(
    doctor
)
_root.command(help=STATUS_HELP, short_help="Tell the live numbers of the running process.")(status)
_root.command(help=REENRICH_HELP, short_help="Fetch projects anew.")(reenrich)
_root.command(help=TRACE_HELP, short_help="Tell the whole story of an event, a file or a project.")(trace)
_root.command(help=VERIFY_HELP, short_help="Prove that nothing is lost and nothing is twice.")(verify)
_root.command(help=COMPLETION_HELP)(completion)
_root.command(help=VERSION_HELP, short_help="Print the version.")(version)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"claimx {__version__}")
        raise typer.Exit


@_root.callback()
def _options(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; works anywhere in the line.")
    ] = False,
    _no_input: Annotated[
        bool, typer.Option("--no-input", help="Never ask: exit 2 instead; works anywhere in the line.")
    ] = False,
) -> None:
    help_alone(context)


# registers the shells; typer does so itself only with its own --install-completion
completion_init()
command = get_command(_root)
# that nobody asks a group for help is said in advance: else typer has pydantic look at it, which costs 110 ms
command.context_settings["default_map"] = {
    "help": False,
    **{group.name: {"help": False} for group in _root.registered_groups},
}
