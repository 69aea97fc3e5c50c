"""One problem of a configuration, and the text that lists them all."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from claimx.errors import ConfigError

_LATER_ORIGINS = ("env ", "sandbox", "--set")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and what would be right. Never holds a value that was configured.

    Args:
        where: ``file:line``, ``env NAME``, ``--set`` or ``sandbox``.
        key: the key, or empty where it is the source itself that is wrong.
        message: what is wrong.
        hint: what is allowed, or what to do.
    """

    where: str
    key: str
    message: str
    hint: str = ""

    def text(self) -> str:
        """One line, and a second one for the hint."""
        line = ": ".join(part for part in (self.where, self.key, self.message) if part)
        return f"{line}\n    hint: {self.hint}" if self.hint else line


def refusal(problems: Iterable[Problem]) -> ConfigError:
    """The error that lists every problem, in the order of the places where they stand."""
    found = sorted(problems, key=_place)
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    return ConfigError("\n".join([f"the configuration has {count}", *(f"  {each.text()}" for each in found)]))


def _place(problem: Problem) -> tuple[int, int]:
    for rank, origin in enumerate(_LATER_ORIGINS, 1):
        if problem.where.startswith(origin):
            return rank, 0
    line = re.search(r":(\d+)$", problem.where)
    return 0, int(line[1]) if line else 0


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known word, or the empty text."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""
