"""What ``claimx verify`` found, for people and for programs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from claimx.domain.tasks import Origin
from claimx.ops.dlq_view import shown

MOST_NAMED = 1000
"""Problems of one check that a report names; the rest is counted."""
_SHOWN = 20


class Problem(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="claimx.verify.problem/1"):
    """One thing that is not as it must be.

    Args:
        check: the check that found it.
        what: in words.
        origin: topic, partition and offset of the record.
        key: merge key of a row, or object key of a file.
    """

    check: str
    what: str
    origin: Origin | None = None
    event_id: str | None = None
    table: str | None = None
    key: str | None = None


class Check(msgspec.Struct, kw_only=True, tag_field="schema", tag="claimx.verify.check/1"):
    """One check.

    Args:
        of: what it looks at.
        looked_at: how many of these.
        unprovable: those of which the proof was removed by retention or a purge, or is on another host.
    """

    name: str
    of: str
    looked_at: int = 0
    problems: int = 0
    unprovable: int = 0


class Report(msgspec.Struct, kw_only=True):
    """Everything that was found.

    Args:
        problems: at most 1,000 of each check.
        notes: what was not looked at, and why; and what is only worth knowing.
    """

    schema: str = "claimx.verify/1"
    since: str | None
    until: str | None
    is_clean: bool = True
    is_interrupted: bool = False
    checks: list[Check] = []
    notes: list[str] = []
    problems: list[Problem] = []


class Finding(NamedTuple):
    """What a check has looked at, step by step.

    Args:
        looked_at: so many more.
        problem: what is wrong with one of them.
        unprovable: so many more of which nothing can be said.
    """

    looked_at: int = 0
    problem: Problem | None = None
    unprovable: int = 0


def as_json(report: Report) -> str:
    """One object."""
    return msgspec.json.encode(report).decode()


def as_jsonl(report: Report) -> Iterator[str]:
    """A line for each problem, then one for each check."""
    for each in (*report.problems, *report.checks):
        yield msgspec.json.encode(each).decode()


def as_text(report: Report) -> Iterator[str]:
    """The problems, check by check, then a table of the checks."""
    for check in report.checks:
        named = [each for each in report.problems if each.check == check.name]
        for problem in named[:_SHOWN]:
            yield f"{check.name}: {shown(_problem(problem))}"
        if check.problems > len(named[:_SHOWN]):
            yield f"{check.name}: and {check.problems - _SHOWN:,} more: -o json names up to {MOST_NAMED:,}"
    rows: list[tuple[str, ...]] = [("check", "of", "looked at", "problems", "unprovable")]
    for check in report.checks:
        numbers = (f"{number:,}" for number in (check.looked_at, check.problems, check.unprovable))
        rows.append((check.name, check.of, *numbers))
    yield from _table(rows)
    yield from (f"note: {note}" for note in report.notes)


def _problem(each: Problem) -> str:
    names = (
        f"event {each.event_id}" if each.event_id else None,
        "record {}/{}/{}".format(*each.origin) if each.origin else None,
        f"{each.table or 'key'} {each.key}" if each.key else None,
    )
    return ", ".join([each.what, *(name for name in names if name)])


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            f"{cell:<{width}}" if place < 2 else f"{cell:>{width}}"  # noqa: PLR2004  # two columns of words
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
