"""How dead letters are shown: to people as a table, to programs as JSON. Nothing of a letter reaches a terminal raw."""

import base64
import heapq
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from claimx.config.options import GroupBy
from claimx.domain.letters import Letter, Place
from claimx.domain.times import Micros, format_time
from claimx.ops.dlq import Found

_SIGNED = re.compile(r"(?<=://)([^\s\"'<>?#]*)[?#][^\s\"'<>]*")
_USER = re.compile(r"(?<=://)[^\s/?#\"'<>@]*@")
_MASK = "***"
_ID_SHOWN = 12
_EVENT_SHOWN = 20
_COLUMNS = ("id", "time", "stage", "code", "attempts", "event", "project", "media", "origin")


class LetterView(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="claimx.dlq.letter/1"):
    """One dead letter for programs. Times are ISO 8601 in UTC; what its record does not say is null."""

    id: str
    state: str
    time: str
    first_failure: str | None
    stage: str | None
    error_class: str | None
    code: str | None
    detail: str | None
    attempts: int | None
    event_id: str | None
    project_id: str | None
    media_id: str | None
    child: str | None
    origin: Place | None
    place: Place


class ListReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``claimx dlq list`` found; the newest letters first, at most as many as asked for."""

    schema: str = "claimx.dlq.list/1"
    total: int
    repeats: int
    letters: list[LetterView]


class Group(msgspec.Struct, kw_only=True):
    """Letters that have something in common."""

    name: str
    letters: int = 0
    oldest: str = ""
    newest: str = ""


class GroupReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``claimx dlq list --group-by`` found; the largest group first."""

    schema: str = "claimx.dlq.groups/1"
    by: str
    total: int
    repeats: int
    groups: list[Group]


def view(found: Found) -> LetterView:
    """One letter for programs."""
    letter = found.letter
    return LetterView(
        id=letter.id,
        state="open" if found.mark is None else found.mark.value,
        time=format_time(letter.died_at),
        first_failure=None if letter.first_failed_at is None else format_time(letter.first_failed_at),
        stage=letter.stage or None,
        error_class=letter.error_class or None,
        code=letter.code or None,
        detail=shown(letter.detail) or None,
        attempts=letter.attempts,
        event_id=letter.event_id or None,
        project_id=letter.project_id or None,
        media_id=letter.media_id or None,
        child=letter.child or None,
        origin=letter.origin,
        place=letter.place,
    )


def listed(found: Iterable[Found], limit: int) -> ListReport:
    """Count all, keep the newest."""
    total = repeats = 0
    newest: list[tuple[Micros, int, Found]] = []
    for each in found:
        if each.is_repeat:
            repeats += 1
            continue
        total += 1
        heapq.heappush(newest, (each.letter.died_at, total, each))
        if len(newest) > limit:
            heapq.heappop(newest)
    letters = [view(each) for _, _, each in sorted(newest, reverse=True)]
    return ListReport(total=total, repeats=repeats, letters=letters)


def grouped(found: Iterable[Found], by: GroupBy) -> GroupReport:
    """Count letters by what they have in common."""
    groups: dict[str, Group] = {}
    repeats = 0
    for each in found:
        if each.is_repeat:
            repeats += 1
            continue
        name = _common(each.letter, by) or "-"
        group, time = groups.setdefault(name, Group(name=name)), format_time(each.letter.died_at)
        group.letters += 1
        group.oldest = min(group.oldest or time, time)
        group.newest = max(group.newest, time)
    ordered = sorted(groups.values(), key=lambda group: (-group.letters, group.name))
    return GroupReport(by=by, total=sum(g.letters for g in ordered), repeats=repeats, groups=ordered)


def list_text(report: ListReport, *, with_state: bool) -> Iterator[str]:
    """Lines of a table; none without a letter."""
    rows = [_row(letter, with_state=with_state) for letter in report.letters]
    return _table((*_COLUMNS, *(["state"] if with_state else [])), rows)


def groups_text(report: GroupReport) -> Iterator[str]:
    """Lines of a table; none without a letter."""
    rows = [(shown(g.name), f"{g.letters}", f"{g.oldest[:19]}Z", f"{g.newest[:19]}Z") for g in report.groups]
    return _table((report.by, "letters", "oldest", "newest"), rows)


def shown(text: str) -> str:
    """What of a text may be shown: URLs without user and query, no character that moves a cursor."""
    text = _SIGNED.sub(rf"\1?{_MASK}", _USER.sub(f"{_MASK}@", text))
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def content_of(value: bytes | None) -> str:
    """A value as text that may be shown; what is not UTF-8 as base64."""
    if value is None:
        return ""
    try:
        return shown(value.decode())
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(value).decode()


def _row(letter: LetterView, *, with_state: bool) -> tuple[str, ...]:
    cells = (
        letter.id[:_ID_SHOWN],
        f"{letter.time[:19]}Z",
        letter.stage,
        letter.code,
        "" if letter.attempts is None else str(letter.attempts),
        (letter.event_id or "")[:_EVENT_SHOWN],
        letter.project_id,
        letter.media_id,
        "" if letter.origin is None else str(letter.origin),
    )
    return tuple(shown(cell or "-") for cell in cells) + ((letter.state,) if with_state else ())


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows) if rows else ():
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _common(letter: Letter, by: GroupBy) -> str:
    match by:
        case "class":
            return letter.error_class
        case "code":
            return letter.code
        case "stage":
            return letter.stage
        case "project":
            return letter.project_id
