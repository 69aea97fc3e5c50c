"""Whose work is being done: every line that is logged meanwhile, by whomever, carries its ids."""

from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Protocol

IDS = (
    "stage",
    "event_id",
    "project_id",
    "media_id",
    "child",
    "attempt",
    "topic",
    "partition",
    "offset",
    "items",
    "event_ids",
)
"""The names under which lines carry ids. A call that several items share has ``items`` and the first ``event_ids``."""


class Subject(Protocol):
    """What is being worked on."""

    def ids(self) -> Mapping[str, object]:
        """Its names, as they are at this moment."""
        ...


_subject: ContextVar[Subject | None] = ContextVar("subject", default=None)


class About:
    """``with About(work): ...``. Tasks and threads begun inside inherit it; an inner one takes the place of an outer one.

    The ids are asked for when a line is logged, and cost nothing before.
    """

    __slots__ = ("_subject", "_token")

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._token: Token[Subject | None] | None = None

    def __enter__(self) -> None:
        self._token = _subject.set(self._subject)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _subject.reset(self._token)


class Named:
    """A subject that is known by these names alone."""

    __slots__ = ("_ids",)

    def __init__(self, **ids: object) -> None:
        self._ids = ids

    def ids(self) -> Mapping[str, object]:
        """Its names."""
        return self._ids


def ids() -> Mapping[str, object]:
    """The ids of what is being worked on here; empty where it is nothing in particular."""
    subject = _subject.get()
    return {} if subject is None else subject.ids()
