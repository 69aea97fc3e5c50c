"""``claimx status``."""

from typing import Annotated

import typer

from claimx.cli.failures import UsageError
from claimx.cli.options import ConfigOption, Output, OutputOption, SetOption, SettingsSource

STATUS_HELP = """\b
Tell the live numbers of the claimx that runs for this instance on this host. Changes nothing.

\b
  claimx status
  claimx status --watch
      again every 2 seconds, until Ctrl-C
  claimx status -o json | jq '{lag, in_flight, parked: .delay_queue.waiting}'
  claimx status --set process.instance=claimx-1
      of another one

Counts are of this process run. The process is asked on <state_dir>/<instance>/control.sock: run this as its user.

\b
Exit codes: 0 well, 1 it does not answer, 3 a circuit is open, a flood pauses
intake, or the ledger does not add up, 5 no process runs, 78 configuration error,
130 a watch ended by Ctrl-C.
"""

WatchOption = Annotated[bool, typer.Option("--watch", help="Tell it again and again, until Ctrl-C.")]
EveryOption = Annotated[
    float | None, typer.Option("--every", min=0.1, metavar="SECONDS", help="With --watch: how often; 2.")
]
_EVERY_S = 2.0


def seconds_between(*, watch: bool, every: float | None) -> float | None:
    """How often something is told; None: once.

    Raises:
        UsageError: ``--every`` without ``--watch``.
    """
    if not watch:
        if every is not None:
            raise UsageError("--every says how often to watch", "add --watch")
        return None
    return _EVERY_S if every is None else every


def status(
    watch: WatchOption = False,
    every: EveryOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Tell the live numbers."""
    every_s = seconds_between(watch=watch, every=every)
    from claimx.app import status as app

    return app.tell(SettingsSource(config, set_), every_s, output.value)
