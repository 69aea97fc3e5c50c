"""What the threads and tasks of this process are at; names and lines of code only, never a value."""

import asyncio
import faulthandler
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import islice
from types import CodeType, FrameType
from typing import TextIO

_STAGES = "claimx.stages."
_MOST_PLACES = 100
_MOST_NAMES = 3


def busy_in(thread_id: int, stages: Collection[str]) -> str:
    """What the event loop's thread runs right now: the stage if there is one, else the innermost function of ours."""
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001  # documented, for this very use
    ours = [each for each in _outward(frame) if _module(each).startswith("claimx.")]
    for each in ours:
        name = _module(each).removeprefix(_STAGES)
        if name in stages:
            return name
    return f"{_module(ours[0])}.{ours[0].f_code.co_name}" if ours else "code that is not ours"


def dump(loop: asyncio.AbstractEventLoop, to: TextIO) -> None:
    """Write the stacks of all threads, and where each task waits."""
    with suppress(OSError, ValueError):  # a stream without a file
        faulthandler.dump_traceback(to)
    with suppress(RuntimeError, OSError, ValueError):  # tasks come and go meanwhile
        tasks: dict[str, list[str]] = {}
        for task in asyncio.all_tasks(loop):
            places = " < ".join(f"{_file(code)}:{line} {code.co_name}" for code, line in _waits(task))
            tasks.setdefault(places, []).append(task.get_name())
        for places, names in islice(tasks.items(), _MOST_PLACES):
            to.write(f"{len(names)} tasks ({', '.join(sorted(names)[:_MOST_NAMES])}) at {places}\n")
        to.flush()


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _file(code: CodeType) -> str:
    return code.co_filename.rpartition("/")[2]


def _waits(task: "asyncio.Task[object]") -> list[tuple[CodeType, int]]:
    """Where a task waits, innermost first."""
    found: list[tuple[CodeType, int]] = []
    waiting: object = task.get_coro()
    while (frame := getattr(waiting, "cr_frame", None)) is not None:
        found.insert(0, (frame.f_code, frame.f_lineno or 0))
        waiting = getattr(waiting, "cr_await", None)
    return found
