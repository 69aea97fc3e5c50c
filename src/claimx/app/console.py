"""How commands print data, and how Ctrl-C ends them."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from claimx.config.options import Question
from claimx.ops.dlq_watch import TerminalWatch

INTERRUPTED = 130
_CLEAR = "\x1b[2J\x1b[H"


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


def answer_to(confirm: Callable[[Question], bool], question: Question) -> bool:
    """Ask a person, who may answer by Ctrl-C as well."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return confirm(question)
    finally:
        signal.signal(signal.SIGINT, before)


async def repeated(show: Callable[[], Awaitable[tuple[str, int]]], every_s: float | None) -> int:
    """Print once, or again and again until Ctrl-C; on a terminal each takes the place of the one before.

    Args:
        show: what to print, and the exit code that it means.
        every_s: None: once.
    """
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    if every_s is not None:
        loop.add_signal_handler(signal.SIGINT, end.set)
    while not end.is_set():
        text, code = await show()
        print_lines([(_CLEAR if every_s is not None and sys.stdout.isatty() else "") + text])
        if every_s is None:
            return code
        try:
            async with asyncio.timeout(every_s):
                await end.wait()
        except TimeoutError:
            continue
    return INTERRUPTED
