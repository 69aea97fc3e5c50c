"""Every record below a committed offset has a line in claimx_event_log, and the line is about that record (I1, I2)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from claimx.domain.events import decode, recorded_at
from claimx.domain.letters import DeadRecord
from claimx.domain.outcomes import Outcome
from claimx.domain.tasks import Origin, decode_task
from claimx.errors import PoisonError
from claimx.ops.dlq import Watch
from claimx.ops.verify_report import Finding, Problem
from claimx.ports.dlq import Shelf, Span
from claimx.ports.inspection import LakeAudit, Line, Period, Positions, RecordLog

_RECORDS_AT_ONCE = 200_000
"""About 50 MB of what is left of them."""
_DEAD = Outcome.DEAD_LETTERED.label


class Seen(NamedTuple):
    """What a record is.

    Args:
        event_id: None where it has none: a tombstone, one that cannot be read, or one whose id hangs on a lost time.
    """

    offset: int
    event_id: str | None
    is_readable: bool


Read = Callable[[DeadRecord], Seen]


class Group(NamedTuple):
    """A consumer group of a stage, and what it takes in.

    Args:
        read: what a record of its topics is.
    """

    name: str
    topics: Sequence[str]
    read: Read


class Range(NamedTuple):
    """What a group has behind it in one partition.

    Args:
        committed: its committed offset; None: it has committed nothing.
        metadata: of that commit.
    """

    group: Group
    shelf: Shelf
    committed: int | None
    metadata: str
    held: Span


def ranges(positions: Positions, log: RecordLog, groups: Sequence[Group]) -> list[Range]:
    """Ask for the committed offsets of all groups, then for what the topics hold."""
    found: list[Range] = []
    for group in groups:
        shelves = log.spans(positions.present(group.topics))
        committed = positions.committed(group.name, list(shelves)) if shelves else {}
        held = log.spans(positions.present(group.topics)) if committed else shelves
        for shelf in shelves:
            offset, metadata = committed.get(shelf, (None, ""))
            found.append(Range(group, shelf, offset, metadata, held[shelf]))
    return found


def check_offsets(found: Sequence[Range]) -> Iterator[Finding]:
    """Committed offsets lie within their partition."""
    for each in found:
        if each.committed is None:
            continue
        yield Finding(looked_at=1, problem=_misplaced(each, each.committed))


def check_records(
    found: Sequence[Range],
    sources: tuple[RecordLog, Positions],
    lake: LakeAudit,
    period: Period,
    watch: Watch,
) -> Iterator[Finding]:
    """Read every record that is settled, partition by partition, and look for its line."""
    log, positions = sources
    settled = {
        each.shelf: (each.group, span)
        for each in found
        if (span := Span(each.held.low, min(each.committed or 0, each.held.high))).high > span.low
    }
    if period.since is not None and settled:
        for shelf, begin in positions.first_at(period.since, list(settled)).items():
            group, span = settled[shelf]
            settled[shelf] = group, Span(min(max(begin, span.low), span.high), span.high)
    spans = {shelf: span for shelf, (_, span) in settled.items()}
    watch.begin("reading records", sum(span.high - span.low for span in spans.values()))
    seen: dict[Shelf, list[Seen]] = {}
    for records in _watched(log.read(spans), watch):
        for record in records:
            if period.has(record.timestamp):
                shelf = Shelf(*record.place[:2])
                seen.setdefault(shelf, []).append(settled[shelf][0].read(record))
        if sum(map(len, seen.values())) >= _RECORDS_AT_ONCE:
            yield from _compared(seen, lake, period)
            seen.clear()
    yield from _compared(seen, lake, period)


def read_event(record: DeadRecord) -> Seen:
    """What a record of events.raw or events.replay is: as ingest reads it."""
    offset, value = record.place.offset, record.value
    if value is None:
        return Seen(offset, None, is_readable=True)
    stamp = recorded_at(record.headers, record.timestamp)
    try:
        event = decode(value, offset, stamp, record.headers)
    except PoisonError:
        return Seen(offset, None, is_readable=False)
    is_certain = stamp > 0 or event.is_id_given
    return Seen(offset, event.event_id if is_certain else None, is_readable=True)


def read_task(record: DeadRecord) -> Seen:
    """What a record of a pending topic is."""
    offset, value = record.place.offset, record.value
    try:
        return Seen(offset, None if value is None else decode_task(value).event_id, is_readable=True)
    except PoisonError:
        return Seen(offset, None, is_readable=False)


def _misplaced(each: Range, committed: int) -> Problem | None:
    if committed > each.held.high:
        what = f"group {each.group.name} has committed an offset past the end {each.held.high}"
    elif committed < each.held.low:
        what = f"group {each.group.name} has not read {each.held.low - committed:,} records that were deleted"
    else:
        return None
    return Problem(check="offsets", what=what, origin=Origin(*each.shelf, committed))


def _watched(pieces: Iterator[Sequence[DeadRecord]], watch: Watch) -> Iterator[Sequence[DeadRecord]]:
    for records in pieces:
        if watch.is_stopping:
            return
        watch.advance(len(records))
        yield records


def _compared(seen: Mapping[Shelf, Sequence[Seen]], lake: LakeAudit, period: Period) -> Iterator[Finding]:
    for shelf, records in seen.items():
        lines = lake.told(shelf, Span(records[0].offset, records[-1].offset + 1), period.since)
        for record in records:
            yield Finding(looked_at=1, problem=_problem(shelf, record, lines.get(record.offset)))


def _problem(shelf: Shelf, seen: Seen, line: Line | None) -> Problem | None:
    what = _wrong(seen, line)
    if what is None:
        return None
    return Problem(check="records", what=what, origin=Origin(*shelf, seen.offset), event_id=seen.event_id)


def _wrong(seen: Seen, line: Line | None) -> str | None:
    if line is None:
        return "its offset is committed, and no line in the event log tells of it"
    if None not in {seen.event_id, line.event_id} and seen.event_id != line.event_id:
        return f"the event log tells of another event at its place: {line.event_id}"
    if not seen.is_readable and line.outcome != _DEAD:
        return f"it cannot be read, and the event log says {line.outcome}"
    return None
