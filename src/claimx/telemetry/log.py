"""The typed face of structlog, and how it is set up: JSON for machines, console for people, always on stderr."""

import json
import sys
from collections.abc import Mapping
from typing import Literal, Protocol, TextIO, cast

import structlog

from claimx.config.environ import colors_wanted
from claimx.telemetry.context import ids
from claimx.telemetry.events import Event
from claimx.telemetry.masks import printable, shown
from claimx.telemetry.repeats import TokenBuckets

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_HEAD = ("ts", "level", "event")
_encoder = json.JSONEncoder()  # ASCII: no stderr is too narrow for it, and no name of a file breaks it


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


class _Repeats:
    """Drops what has been told often enough, and counts it; the next line like it tells how many."""

    def __init__(self) -> None:
        self.buckets = TokenBuckets()

    def __call__(self, _: object, level: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        code = line.get("code") or line.get("dependency")
        left_out = self.buckets.admit(line["event"], level, line.get("stage"), code)
        if left_out is None:
            raise structlog.DropEvent
        if left_out:
            line["suppressed"] = left_out
        return line


_repeats = _Repeats()


def suppressed_lines() -> int:
    """Lines of this process that were left out, because others like them had been told."""
    return _repeats.buckets.suppressed


def configure(
    level: Literal["debug", "info", "warning", "error"], form: Literal["auto", "json", "console"]
) -> Log:
    """Set structlog up for this process and return the log.

    Args:
        level: lines below it are dropped before they are built.
        form: ``auto`` is console on a terminal, else JSON.
    """
    is_terminal = sys.stderr.isatty()
    is_console = form == "console" or (form == "auto" and is_terminal)
    _repeats.buckets = TokenBuckets()
    structlog.configure(
        processors=[
            _with_ids,
            _repeats,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            *(_for_people(colors=is_terminal and colors_wanted()) if is_console else _for_machines()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    return cast(Log, structlog.get_logger())


def _for_machines() -> list[structlog.typing.Processor]:
    errors = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(errors), _masked, _as_json]


def _for_people(*, colors: bool) -> list[structlog.typing.Processor]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors,
        sort_keys=False,
        timestamp_key="ts",
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [structlog.processors.ExceptionRenderer(), _masked, _in_words, renderer]


def _with_ids(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Add the ids of what is being worked on; those that a line names itself come first."""
    for name, value in ids().items():
        line.setdefault(name, value)
    return line


def _masked(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Put time, level and event first, and of each value what may be shown."""
    masked = {name: line.pop(name) for name in _HEAD}
    for name, value in line.items():
        masked[name if name.isidentifier() else str(shown("", name))] = shown(name, value)
    return masked


def _as_json(_: object, __: str, line: structlog.typing.EventDict) -> str:
    return _encoder.encode(line)


def _in_words(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Write values for people: groups of numbers as ``name=value``, nothing that moves a cursor."""
    return {name: _word(value) for name, value in line.items()}


def _word(value: object) -> object:
    match value:
        case str():
            return printable(value)
        case Mapping():
            return " ".join(f"{printable(str(name))}={_nested(each)}" for name, each in value.items()) or "-"
        case list():
            return ",".join(str(_word(each)) for each in value) or "-"
        case _:
            return value


def _nested(value: object) -> object:
    return f"({_word(value)})" if isinstance(value, Mapping) else _word(value)
