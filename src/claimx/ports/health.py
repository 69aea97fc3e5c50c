"""What is answered to a probe."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer over HTTP."""

    status: int
    content_type: str
    body: bytes


Route = Callable[[], Answer]
"""Answers one path; called on any thread, at any time, and waits for nothing."""


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a probe fails.

    Args:
        code: for programs.
        detail: for people.
        about: the stage, partition, topic or dependency.
    """

    code: str
    detail: str
    about: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What a probe says."""

    status: Literal["ok", "failing"]
    reasons: list[Reason]
