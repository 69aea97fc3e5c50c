"""The typed face of structlog, and how it is set up: JSON for machines, console for people, always on stderr."""

import sys
from typing import Literal, Protocol, TextIO, cast

import structlog

from claimx.telemetry.events import Event

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log(Protocol):
    """One line for what an operator may ask about. Fields hold no secret and no signed URL."""

    def debug(self, event: Event, **fields: object) -> None:
        """Only for a developer."""
        ...

    def info(self, event: Event, **fields: object) -> None:
        """Something an operator may ask about later."""
        ...

    def warning(self, event: Event, **fields: object) -> None:
        """We coped."""
        ...

    def error(self, event: Event, **fields: object) -> None:
        """A person must act."""
        ...


class _Stderr:
    """Whatever stderr is at the moment: a live display puts itself in its place, and shows our lines above it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure(
    level: Literal["debug", "info", "warning", "error"], form: Literal["auto", "json", "console"]
) -> Log:
    """Set structlog up for this process and return the log.

    Args:
        level: lines below it are dropped before they are built.
        form: ``auto`` is console on a terminal, else JSON.
    """
    is_console = form == "console" or (form == "auto" and sys.stderr.isatty())
    render: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if is_console
        else [
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(),
        ]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    return cast(Log, structlog.get_logger())
