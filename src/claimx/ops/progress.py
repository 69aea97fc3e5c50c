"""Live progress on a terminal; elsewhere the log tells."""

import asyncio
import sys
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.table import Table

_TERMINAL_S = 0.25

Snapshot = Callable[[], dict[str, int]]


async def show_progress(snapshot: Snapshot) -> None:
    """Show the counts until cancelled, on a stderr that is a terminal.

    Args:
        snapshot: the numbers of this moment, by name, in the order of display.
    """
    if not sys.stderr.isatty():
        return
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False) as live:
        while True:
            live.update(_table(snapshot()), refresh=True)
            await asyncio.sleep(_TERMINAL_S)


def _table(numbers: dict[str, int]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    cells = [f"[dim]{name}[/dim] {value:,}" for name, value in numbers.items()]
    for start in range(0, len(cells), 4):
        table.add_row(*cells[start : start + 4])
    return table
