"""Which dead letters of one partition are done, and how that fits into the commit metadata of a consumer group.

The committed offset says: everything below is done. The metadata says what is done above it, and how: ``replayed`` or
``purged``. Three forms, the first that fits is written:

```
1 <hours> a<base>:<runs>     runs from the low watermark on, the history below the committed offset included
1 <hours> a<base>:<runs>     runs from the committed offset on: what is below is only known to be done
1 <hours> b<base>:<bits>     one bit for each offset from <base> on, deflated, base 85: how is not known any more
```

A run is a letter (o open, r replayed, p purged, d done) and its length. Numbers are base 36. ``hours`` since 1970 say
when it was written: Kafka forgets offsets that nobody commits for offsets.retention.minutes (seven days by default).
"""

import re
import zlib
from base64 import b85decode, b85encode
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from claimx.domain.times import SECOND, Micros
from claimx.errors import EngineError

MAX_TEXT = 4000
"""Bytes of metadata; a broker takes 4,095 by default (offset.metadata.max.bytes, measured on Apache Kafka 4.1)."""

_HOUR = 3600 * SECOND
RENEW_AFTER = 24 * _HOUR
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TEXT = re.compile(r"1 ([0-9A-Z]+) ([ab])([0-9A-Z]+):(.*)", re.DOTALL)
_RUN = re.compile(r"([ordp])([0-9A-Z]+)")


class Mark(StrEnum):
    """How a dead letter was done with."""

    REPLAYED = "replayed"
    PURGED = "purged"
    DONE = "done"
    """Replayed or purged: which one is not known any more."""


class Run(NamedTuple):
    """Offsets from ``start`` up to ``end``, not included, that ended alike."""

    start: int
    end: int
    mark: Mark


class Stored(NamedTuple):
    """What the group commits for one partition."""

    offset: int
    text: str


class Marks:
    """The offsets of one partition that are done.

    Args:
        written_at: when they were last committed; None if never, or nobody knows.
    """

    def __init__(self, runs: Iterable[Run] = (), written_at: Micros | None = None) -> None:
        self._runs: list[Run] = []
        self.written_at = written_at
        for run in runs:
            self.add(run)

    @property
    def runs(self) -> tuple[Run, ...]:
        """In order of offset, not overlapping."""
        return tuple(self._runs)

    def at(self, offset: int) -> Mark | None:
        """How the letter at ``offset`` was done with; None: it is open."""
        index = bisect_right(self._runs, offset, key=_start) - 1
        return self._runs[index].mark if index >= 0 and offset < self._runs[index].end else None

    def add(self, run: Run) -> None:
        """Mark offsets; what is marked already keeps its mark."""
        for start, end in list(self.open(run.start, run.end)):
            self._insert(Run(start, end, run.mark))

    def mark(self, offset: int, mark: Mark) -> None:
        """Mark one letter."""
        self.add(Run(offset, offset + 1, mark))

    def open(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Stretches of offsets that are not done, within ``start`` and ``end``."""
        first = max(bisect_right(self._runs, start, key=_start) - 1, 0)
        for run in self._runs[first : bisect_left(self._runs, end, key=_start)]:
            if run.start > start:
                yield start, run.start
            start = max(start, run.end)
        if start < end:
            yield start, end

    def merge(self, other: "Marks") -> None:
        """Take over what another one knows."""
        for run in other.runs:
            self.add(run)

    def frontier(self, low: int) -> int:
        """The lowest offset from ``low`` on that is not done."""
        for run in self._runs:
            if run.start <= low < run.end:
                low = run.end
        return low

    def _insert(self, run: Run) -> None:
        """Put a run where nothing is, joined with equal neighbours."""
        index = bisect_right(self._runs, run.start, key=_start)
        first, last = index, index
        if index and self._runs[index - 1].end == run.start and self._runs[index - 1].mark is run.mark:
            first -= 1
        if (
            index < len(self._runs)
            and self._runs[index].start == run.end
            and self._runs[index].mark is run.mark
        ):
            last += 1
        joined = [*self._runs[first:index], run, *self._runs[index:last]]
        self._runs[first:last] = [Run(joined[0].start, joined[-1].end, run.mark)]


def encode(marks: Marks, low: int, now: Micros, limit: int = MAX_TEXT) -> Stored | None:
    """Write marks; what lies below the low watermark is forgotten.

    Returns:
        None if they fit in no form.
    """
    frontier = marks.frontier(low)
    head = f"1 {_base36(now // _HOUR)} "
    for text in (
        _as_runs(marks, low),
        _as_runs(marks, frontier),
        _as_bits(marks, frontier),
    ):
        if len(head) + len(text) <= limit:
            return Stored(frontier, head + text)
    return None


def decode(stored: Stored) -> Marks:
    """Read what ``encode`` wrote; an empty text (somebody has set the offset by hand) leaves the offset alone.

    Raises:
        EngineError: the text is not ours, or of a newer version.
    """
    if not stored.text:
        return Marks([Run(0, stored.offset, Mark.DONE)] if stored.offset > 0 else [])
    match = _TEXT.fullmatch(stored.text)
    if match is None:
        raise EngineError("the commit metadata is not of this version of claimx")
    hours, form, base, body = match.groups()
    marks = Marks(written_at=int(hours, 36) * _HOUR)
    start = int(base, 36)
    try:
        for run in _read_runs(start, body) if form == "a" else _read_bits(start, body):
            marks.add(run)
    except (ValueError, zlib.error) as error:
        raise EngineError("the commit metadata is damaged") from error
    if stored.offset > 0:
        marks.add(Run(0, stored.offset, Mark.DONE))
    return marks


def _start(run: Run) -> int:
    return run.start


def _as_runs(marks: Marks, base: int) -> str:
    parts, at = [f"a{_base36(base)}:"], base
    for run in marks.runs:
        if run.end <= base:
            continue
        start = max(run.start, base)
        if start > at:
            parts.append(f"o{_base36(start - at)}")
        parts.append(f"{run.mark.value[0]}{_base36(run.end - start)}")
        at = run.end
    return "".join(parts)


def _read_runs(at: int, body: str) -> Iterable[Run]:
    read = 0
    for match in _RUN.finditer(body):
        if match.start() != read:
            raise ValueError(body)
        read, length = match.end(), int(match[2], 36)
        if match[1] != "o":
            yield Run(at, at + length, _MARKS[match[1]])
        at += length
    if read != len(body):
        raise ValueError(body)


def _as_bits(marks: Marks, base: int) -> str:
    bits = 0
    for run in marks.runs:
        start, end = max(run.start, base) - base, run.end - base
        if end > start:
            bits |= ((1 << (end - start)) - 1) << start
    packed = zlib.compress(bits.to_bytes((bits.bit_length() + 7) // 8, "little"), 9)
    return f"b{_base36(base)}:{b85encode(packed).decode()}"


def _read_bits(base: int, body: str) -> Iterable[Run]:
    bits = zlib.decompress(b85decode(body))
    start: int | None = None
    for offset in range(len(bits) * 8 + 1):
        is_done = offset < len(bits) * 8 and bool(bits[offset // 8] >> (offset % 8) & 1)
        if is_done and start is None:
            start = offset
        elif not is_done and start is not None:
            yield Run(base + start, base + offset, Mark.DONE)
            start = None


def _base36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits


_MARKS = {mark.value[0]: mark for mark in Mark}
