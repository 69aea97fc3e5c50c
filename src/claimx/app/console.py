"""How commands print data, and how Ctrl-C ends them."""

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from claimx.ops.dlq_watch import TerminalWatch


def print_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout; a reader that has seen enough (``| head``) ends it quietly."""
    try:
        for line in lines:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def ended_by_ctrl_c(watch: TerminalWatch) -> Iterator[None]:
    """The first SIGINT ends the command after what it is just doing, the second one at once."""

    def end(number: int, _frame: FrameType | None) -> None:
        if watch.is_stopping:
            os._exit(128 + number)
        watch.stop()

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
