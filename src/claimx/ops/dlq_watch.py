"""Progress of an operator's command on stderr, and its end by Ctrl-C."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_PLAIN_S = 10.0


class TerminalWatch:
    """Implements ops.dlq.Watch: a bar on a terminal, elsewhere one plain line each ten seconds."""

    def __init__(self) -> None:
        self.is_stopping = False
        self._bar = (
            Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,
            )
            if sys.stderr.isatty()
            else None
        )
        self._task: TaskID | None = None
        self._title, self._total, self._done = "", 0, 0
        self._told = time.perf_counter()

    def begin(self, title: str, total: int) -> None:
        """Begin a part; the bar shows one at a time."""
        self._title, self._total, self._done = title, total, 0
        if self._bar is not None:
            if self._task is None:
                self._bar.start()
            else:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(title, total=total)

    def advance(self, steps: int) -> None:
        """Show steps that are done."""
        self._done += steps
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, steps)
        elif (now := time.perf_counter()) - self._told >= _PLAIN_S:
            self._told = now
            sys.stderr.write(f"progress {self._title} {self._done}/{self._total}\n")

    def pause(self) -> None:
        """Make room for a question."""
        if self._bar is not None and self._task is not None:
            self._bar.stop()
            self._bar.remove_task(self._task)
            self._task = None

    def stop(self) -> None:
        """A person has asked for the end."""
        self.is_stopping = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()
