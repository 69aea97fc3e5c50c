"""Dead letters for operators: which there are, and which of them are open."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from claimx.config.options import LetterFilter
from claimx.domain.letter_marks import Mark, Marks
from claimx.domain.letters import Letter, Place, read_letter
from claimx.domain.times import Micros
from claimx.errors import OperationError
from claimx.ports.dlq import LetterLog, MarkStore, Shelf, Span


class Watch(Protocol):
    """Who looks on: is told how far a command is, and may end it."""

    @property
    def is_stopping(self) -> bool:
        """Whether a person has asked for the end."""
        ...

    def begin(self, title: str, total: int) -> None:
        """Begin a part of ``total`` steps."""
        ...

    def advance(self, steps: int) -> None:
        """Tell of steps that are done."""
        ...


class Found(NamedTuple):
    """A dead letter, and what is known of it.

    Args:
        mark: None: it is open.
        is_repeat: an open letter of the same id was found before.
    """

    letter: Letter
    mark: Mark | None
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter at a moment."""

    asked: LetterFilter
    since: Micros | None
    until: Micros | None

    def takes(self, letter: Letter) -> bool:
        """Whether the filter takes a letter."""
        return self._takes_names(letter) and self._takes_time(letter.died_at)

    def _takes_names(self, letter: Letter) -> bool:
        asked = self.asked
        return (
            (not asked.ids or any(letter.id.startswith(each) for each in asked.ids))
            and _begins(letter.event_id, asked.event)
            and _is(letter.media_id, asked.media)
            and _is(letter.project_id, asked.project)
            and _is(letter.error_class.lower(), asked.error_class and asked.error_class.lower())
            and (asked.code is None or f"{letter.code}.".startswith(f"{asked.code}."))
            and _is(letter.stage, asked.stage)
        )

    def _takes_time(self, when: Micros) -> bool:
        return (self.since is None or when >= self.since) and (self.until is None or when < self.until)


def select(asked: LetterFilter, now: Micros) -> Selection:
    """Pin a filter to a moment."""
    return Selection(asked, asked.since and asked.since.at(now), asked.until and asked.until.at(now))


class Desk:
    """The dead-letter topics as they are when a command begins: what is produced meanwhile is for the next one.

    Args:
        topics: the dead-letter topics to look at.
    """

    def __init__(self, log: LetterLog, store: MarkStore, topics: Sequence[str], watch: Watch) -> None:
        self.store = store
        self.watch = watch
        self.spans: Mapping[Shelf, Span] = log.spans(topics)
        self.marks: Mapping[Shelf, Marks] = store.load(self.spans)
        self._log = log

    def scan(self, selection: Selection, *, include_done: bool = False, title: str = "") -> Iterator[Found]:
        """Letters in order of offset within a partition. Keeps nothing but a number for each open id.

        Args:
            title: tells the watch how far it is; empty leaves that to the caller.
        """
        spans = {
            shelf: Span(span.low if include_done else self.marks[shelf].frontier(span.low), span.high)
            for shelf, span in self.spans.items()
        }
        if title:
            self.watch.begin(title, sum(max(span.high - span.low, 0) for span in spans.values()))
        seen: set[int] = set()
        for records in self._log.read(spans):
            if self.watch.is_stopping:
                return
            if title:
                self.watch.advance(len(records))
            for record in records:
                mark = self.marks[Shelf(*record.place[:2])].at(record.place.offset)
                if mark is not None and not include_done:
                    continue
                letter = read_letter(record)
                if selection.takes(letter):
                    yield Found(letter, mark, mark is None and _was_there(letter.id, seen))

    def must_fit(self, marks: Mapping[Shelf, Marks]) -> None:
        """Refuse, before anything is done, what could not be marked as done.

        Raises:
            OperationError: the marks of a partition are too long.
        """
        if too_long := self.store.fits(self.spans, marks):
            first = min(too_long)
            begin = self.marks[first].frontier(self.spans[first].low)
            raise OperationError(
                f"{first}: what would be done lies too scattered to be remembered in 4,000 bytes",
                f"take fewer, or first replay or purge all from offset {begin} on: --until, --max, --topic",
            )

    def marked(self, places: Iterable[Place], mark: Mark) -> dict[Shelf, Marks]:
        """Marks of letters, by partition."""
        marks: dict[Shelf, Marks] = {}
        for place in places:
            marks.setdefault(Shelf(*place[:2]), Marks()).mark(place.offset, mark)
        return marks


def _was_there(id_: str, seen: set[int]) -> bool:
    number = hash(id_)
    if number in seen:
        return True
    seen.add(number)
    return False


def _is(value: str, asked: str | None) -> bool:
    return asked is None or value == asked


def _begins(value: str, asked: str | None) -> bool:
    return asked is None or value.startswith(asked)
