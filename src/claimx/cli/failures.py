"""How a command fails: one ``error:`` line, where, a hint, and the exit code. No traceback unless it is asked for."""

import json
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import typer

from claimx.errors import (
    AuthError,
    ClaimxError,
    ConfigError,
    LakeError,
    SchemaDriftError,
    TablesAbsentError,
    TransientError,
)

DEBUG = "--debug"
NO_INPUT = "--no-input"
FAILED = 1
USAGE = 2
FOUND_SOMETHING = 3
REFUSED = 4
UNREACHABLE = 5
CANCELLED = 7
CONFIG = 78
_CODES: tuple[tuple[type[ClaimxError], str, int], ...] = (
    (ConfigError, "config", CONFIG),
    (SchemaDriftError, "tables.drift", CONFIG),
    (TablesAbsentError, "tables.absent", CONFIG),
    (LakeError, "lake", UNREACHABLE),
    (AuthError, "refused", REFUSED),
    (TransientError, "unreachable", UNREACHABLE),
)
"""The error's code in JSON and the exit code, by class; anything else is ``failed``."""


class UsageError(typer.TyperException):
    """The command line makes no sense.

    Args:
        message: what is wrong.
        hint: what would be right.
    """

    exit_code = USAGE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class CommandFailedError(ClaimxError):
    """The command could not do what it was asked for.

    Args:
        message: what failed.
        hint: the next thing to do.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for JSON, as far as can be told before it is parsed."""
    joined = " ".join(arguments)
    return any(f"{option}json" in joined for option in ("-o ", "-o", "--output ", "--output="))


@contextmanager
def reported(*, as_json: bool, debug: bool) -> Iterator[None]:
    """Print what a command raises on stderr, and leave with its exit code."""
    try:
        yield
    except typer.TyperException as exc:
        _print("usage", exc.format_message(), _usage_hint(exc), as_json=as_json)
        sys.exit(exc.exit_code)
    except typer.Abort:
        _print("cancelled", "cancelled", "", as_json=as_json)
        sys.exit(CANCELLED)
    except ClaimxError as exc:
        if debug:
            traceback.print_exc()
        code, exit_code = next(
            ((name, number) for kind, name, number in _CODES if isinstance(exc, kind)), ("failed", FAILED)
        )
        _print(code, str(exc), getattr(exc, "hint", ""), as_json=as_json)
        sys.exit(exit_code)


def _usage_hint(exc: typer.TyperException) -> str:
    if hint := getattr(exc, "hint", ""):
        return str(hint)
    context = getattr(exc, "ctx", None)
    return f"{context.command_path} --help" if context is not None else "claimx --help"


def _print(code: str, message: str, hint: str, *, as_json: bool) -> None:
    if as_json:
        body = {"code": code, "message": message, **({"hint": hint} if hint else {})}
        typer.echo(json.dumps({"error": body}), err=True)
        return
    typer.echo(f"error: {message}", err=True)
    if hint:
        typer.echo(f"  hint: {hint}", err=True)


def report_bug(kind: type[BaseException], _exc: BaseException, trace: TracebackType | None) -> None:
    """Stand in for the interpreter's traceback: a bug is one line, and says how to see more."""
    frames = traceback.extract_tb(trace)
    typer.echo(f"error: a bug in claimx: {kind.__name__}", err=True)
    if frames:
        typer.echo(f"  where: {Path(frames[-1].filename).name}:{frames[-1].lineno}", err=True)
    typer.echo("  hint: set CLAIMX_DEBUG=1 to see the traceback, and report it", err=True)
