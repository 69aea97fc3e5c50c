"""What does not log by our log, and would write to stderr by itself: other libraries, and threads that end in an error."""

import logging
import sys
import threading
from typing import TYPE_CHECKING

from claimx.telemetry.log import Log

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


def route_foreign(log: Log) -> None:
    """Let all that this process says on stderr be lines of ours: from now on, for the whole process."""
    logging.basicConfig(handlers=[_Handler(log)], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)

    def of_thread(failed: threading.ExceptHookArgs) -> None:
        log.error("library.logged", code="thread", exc_info=failed.exc_value)

    def unraisable(failed: "UnraisableHookArgs") -> None:
        log.error("library.logged", code="unraisable", exc_info=failed.exc_value)

    threading.excepthook = of_thread
    sys.unraisablehook = unraisable


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record; its text and its traceback pass the same masks as ours."""
        say = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        say("library.logged", code=record.name, detail=record.getMessage(), exc_info=record.exc_info)
