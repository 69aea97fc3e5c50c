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


_about: ContextVar["About | None"] = ContextVar("about", default=None)


class About:
    """``with About(work): ...``. Tasks and threads begun inside inherit it; an inner one takes the place of an outer one.

    The ids are asked for when a line is logged, and cost nothing before. Nothing is kept of what is over: a timer that was
    begun inside, such as a connection's, may live on and remember its context.
    """

    __slots__ = ("_token", "subject")

    def __init__(self, subject: Subject) -> None:
        self.subject: Subject | None = subject
        self._token: Token[About | None] | None = None

    def __enter__(self) -> None:
        self._token = _about.set(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _about.reset(self._token)
        self.subject = None


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
    about = _about.get()
    return {} if about is None or about.subject is None else about.subject.ids()
