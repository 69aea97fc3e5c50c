"""What several commands read from the words of an option: times, rates, ids, stages."""

import difflib
import re
from collections.abc import Sequence

from claimx.cli.failures import UsageError
from claimx.config.options import Moment
from claimx.domain.times import SECOND, parse_time

_AGE = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_RATE = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)(?:/(s|m|min))?")
_SHORTEST_BEGINNING = 8


def stage_named(option: str, name: str, known: Sequence[str], otherwise: str | None = None) -> str:
    """Check the name of a stage.

    Args:
        otherwise: the hint where nothing known is near; all that is known when None.

    Raises:
        UsageError: no such stage.
    """
    return one_of(option, "stage", name, known, otherwise)


def one_of(option: str, kind: str, name: str, known: Sequence[str], otherwise: str | None = None) -> str:
    """Check a name among those that are known.

    Args:
        otherwise: as in ``stage_named``.

    Raises:
        UsageError: it is none of them.
    """
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else otherwise or "known: " + ", ".join(known)
    raise UsageError(f"{option}: no {kind} {name}", hint)


def long_enough(option: str, beginning: str | None) -> None:
    """Check the beginning of an id.

    Raises:
        UsageError: it is too short to mean one.
    """
    if beginning is not None and len(beginning) < _SHORTEST_BEGINNING:
        raise UsageError(
            f"{option} {beginning} is too short", "give the id, or its first 8 characters or more"
        )


def age(option: str, text: str) -> int:
    """Read an age in seconds: ``90s``, ``2h``, ``7d``.

    Raises:
        UsageError: it is none.
    """
    if (found := _AGE.fullmatch(text)) is None:
        raise UsageError(f"{option} {text} is no age", "as in 36h, 7d, 4w")
    return int(found[1]) * _UNITS[found[2]]


def moment(option: str, text: str | None) -> Moment | None:
    """Read a time or an age.

    Raises:
        UsageError: it is neither.
    """
    if text is None:
        return None
    if _AGE.fullmatch(text):
        return Moment(age(option, text) * SECOND, is_ago=True)
    if (when := parse_time(text)) is None:
        raise UsageError(
            f"{option} {text} is no time", "as in 2026-05-01T12:00Z, or ago: 90s, 15m, 2h, 30d, 4w"
        )
    return Moment(when, is_ago=False)


def per_second(text: str | None) -> float | None:
    """Read a rate: ``20``, ``20/s``, ``90/m``.

    Raises:
        UsageError: it is none, or zero.
    """
    if text is None:
        return None
    rate = _RATE.fullmatch(text)
    if rate is None or not float(rate[1]):
        raise UsageError(f"--rate {text} is no rate", "as in 20/s or 90/m")
    return float(rate[1]) / (1 if rate[2] in {None, "s"} else 60)
