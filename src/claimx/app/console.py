"""How commands print data, and how Ctrl-C ends them."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from claimx.config.options import Question
from claimx.errors import TransientError
from claimx.ops.dlq_watch import TerminalWatch

INTERRUPTED = 130
_CLEAR = "\x1b[2J\x1b[H"


def print_lines(lines: Iterable[str]) -> bool:
    """Write lines to stdout; False: the reader has seen enough (``| head``), and nothing more need be written."""
    try:
        for line in lines:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


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

    A watch outlives the restart of what it looks at.

    Args:
        show: what to print, and the exit code that it means.
        every_s: None: once.

    Raises:
        ClaimxError: as ``show``, the first time.
    """
    text, code = await show()
    if every_s is None:
        print_lines([text])
        return code
    clear = _CLEAR if sys.stdout.isatty() else ""
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, end.set)
    while not text or print_lines([clear + text]):
        with suppress(TimeoutError):
            async with asyncio.timeout(every_s):
                await end.wait()
        if end.is_set():
            return INTERRUPTED
        try:
            text, _ = await show()
        except TransientError as error:
            text = ""
            sys.stderr.write(f"{error}\n")
    return 0
