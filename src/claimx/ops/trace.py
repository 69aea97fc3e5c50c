"""``claimx trace``: the whole story of one event, one media file or one project, from everything that is durable."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from claimx.config.options import LetterFilter
from claimx.domain.events import Event, decode, recorded_at
from claimx.domain.letters import DeadRecord, Place
from claimx.domain.reenrichment import TOPIC as REENRICH
from claimx.domain.tables import ATTACHMENTS, EVENT_LOG, EVENTS, TABLES
from claimx.domain.times import Micros
from claimx.errors import OperationError, PoisonError
from claimx.ops import trace_story as story
from claimx.ops.dlq import Desk, Watch, select
from claimx.ops.trace_story import Entry, Kind, Trace
from claimx.ops.verify_records import Group, ranges
from claimx.ports.dlq import Shelf, Span
from claimx.ports.inspection import (
    Cells,
    DelayFiles,
    FileAudit,
    Parked,
    Positions,
    RecordLog,
    Story,
)

MOST = 500
"""Rows of one table, and lines of the log, that a story tells."""
_MOST_RECORDS = 100
_NEAR = 1000
_SHORTEST_BEGINNING = 8
_CANDIDATES = 6
_ABOUT = (
    ("claimx_attachment_metadata", "media_id", "media_id"),
    ("claimx_attachments", "media_id", "media_id"),
    ("claimx_tasks", "task_id", "task_assignment_id"),
    ("claimx_video_collab", "collaboration_id", "video_collaboration_id"),
)
"""Table, its column, and the column of claimx_events that names the same thing."""
_WRITTEN = tuple(name for name in TABLES if name not in {EVENTS.name, EVENT_LOG.name})
_KINDS: tuple[Kind, ...] = ("event", "media", "project")


@dataclass(frozen=True, slots=True)
class Archive:
    """Where to look.

    Args:
        desk: the dead letters.
        events: the group that takes events in.
    """

    lake: Story
    log: RecordLog
    positions: Positions
    delay: DelayFiles
    files: FileAudit
    desk: Desk
    events: Group
    watch: Watch
    now: Micros


@dataclass(slots=True)
class _Known:
    """What was found of one id, read as one kind."""

    kind: Kind
    id: str
    events: list[Cells] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    places: set[Place] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.entries or self.events)


def trace(archive: Archive, id_: str, kinds: Sequence[Kind] = _KINDS) -> Trace:
    """Tell the story of an id: as an event's, a media file's or a project's, the first that is known.

    Args:
        id_: an event id may be its first 8 characters or more.

    Raises:
        OperationError: it is unknown everywhere, or the beginning of several event ids.
        ClaimxError: something cannot be reached or read.
    """
    parked = list(_matching(archive.delay.rows(), id_))
    for kind in kinds:
        known = _known(archive, kind, id_, parked)
        if not known.is_empty:
            _add_records(archive, known)
            return _told(known)
    for kind in kinds:
        known = _Known(kind, id_)
        _add_unsettled(archive, known)
        if not known.is_empty:
            return _told(known)
    instances = ", ".join(archive.delay.instances) or "none"
    raise OperationError(
        f"{id_} is known neither as {' nor as '.join(kinds)}",
        f"looked at: all tables, delay queues of this host ({instances}), dead letters, events that are not settled",
    )


def _known(archive: Archive, kind: Kind, id_: str, parked: Sequence[Parked]) -> _Known:
    if kind == "event":
        id_ = _whole(archive, id_)
    known = _Known(kind, id_)
    column = f"{kind}_id"
    known.events = list(archive.lake.rows(EVENTS.name, column, [id_], MOST))
    known.ids = {str(row["event_id"]) for row in known.events} | ({id_} if kind == "event" else set())
    _add_letters(archive, known)
    for each in parked:
        if _is_about(each, kind, id_):
            known.entries.append(story.of_parked(each))
            known.places.add(Place(*each.task.origin))
            known.ids.add(each.task.event_id)
    _add_lines(archive, known)
    _add_rows(archive, known)
    known.entries += [story.of_event(row) for row in known.events]
    if len(known.events) == MOST:
        known.notes.append(f"there are more than {MOST} events: the first {MOST} that were found are told")
    return known


def _whole(archive: Archive, id_: str) -> str:
    """The event id that begins so.

    Raises:
        OperationError: several do.
    """
    if len(id_) < _SHORTEST_BEGINNING or id_.isdigit():
        return id_
    like = archive.lake.events_like(id_, _CANDIDATES)
    if id_ in like or not like:
        return id_
    if len(like) > 1:
        more = " ..." if len(like) == _CANDIDATES else ""
        raise OperationError(f"several event ids begin with {id_}", f"which one: {', '.join(like)}{more}")
    return like[0]


def _matching(rows: Iterator[Parked], id_: str) -> Iterator[Parked]:
    return (each for each in rows if any(_is_about(each, kind, id_) for kind in _KINDS))


def _is_about(parked: Parked, kind: Kind, id_: str) -> bool:
    match kind:
        case "event":
            is_beginning = len(id_) >= _SHORTEST_BEGINNING and parked.task.event_id.startswith(id_)
            return parked.task.event_id == id_ or is_beginning
        case "media":
            return story.media_of(parked) == id_
        case "project":
            return parked.task.project_id == id_


def _add_letters(archive: Archive, known: _Known) -> None:
    asked = {
        "event": LetterFilter(event=known.id),
        "media": LetterFilter(media=known.id),
        "project": LetterFilter(project=known.id),
    }[known.kind]
    selection = select(asked, archive.now)
    for found in archive.desk.scan(selection, include_done=True, title="reading dead letters"):
        letter = found.letter
        if known.kind == "event" and letter.event_id != known.id and known.events:
            continue  # another event whose id begins so
        known.entries.append(story.of_letter(found))
        if letter.origin is not None:
            known.places.add(letter.origin)
        if letter.event_id:
            known.ids.add(letter.event_id)


def _add_lines(archive: Archive, known: _Known) -> None:
    lines = archive.lake.lines(sorted(known.ids), known.id if known.kind == "media" else None, MOST)
    known.entries += [story.of_line(line) for line in lines]
    known.places |= {Place(line.topic, line.partition, line.offset) for line in lines}
    if len(lines) == MOST:
        known.notes.append(f"there are more than {MOST} log lines: the first are told")


def _add_rows(archive: Archive, known: _Known) -> None:
    found: dict[tuple[object, ...], tuple[str, Cells]] = {}
    for table, column, values in _questions(known):
        for row in archive.lake.rows(table, column, sorted(values), MOST):
            found[(table, *(row.get(name) for name in TABLES[table].key))] = table, row
    events = frozenset(known.ids)
    for table, row in found.values():
        known.entries.append(story.of_row(table, row, events))
        if table == ATTACHMENTS.name:
            known.entries.append(story.of_file(row, archive.files.size(str(row.get("blob_path")))))


def _questions(known: _Known) -> Iterator[tuple[str, str, set[str]]]:
    """Table, column, values: rows that the events wrote last, and rows of what they are about, whoever wrote them."""
    if known.ids:
        yield from ((table, "event_id", known.ids) for table in _WRITTEN)
    for table, column, source in _ABOUT:
        wanted = {str(row[source]) for row in known.events if source in row}
        if known.kind == "media" and column == "media_id":
            wanted.add(known.id)
        if wanted:
            yield table, column, wanted
    if known.kind == "project":
        yield "claimx_projects", "project_id", {known.id}


def _add_records(archive: Archive, known: _Known) -> None:
    """Fetch the records themselves, as far as Kafka still has them."""
    places = sorted(place for place in known.places if place.topic != REENRICH)  # these have no record
    wanted = places[:_MOST_RECORDS]
    spans = archive.log.spans(archive.positions.present(sorted({place.topic for place in wanted})))
    there = [place for place in wanted if _is_within(place, spans)]
    for asked in _stretches(there):
        for records in archive.log.read(asked):
            found = [record for record in records if record.place in known.places]
            known.entries += [story.of_record(record, "") for record in found]
    if len(there) < len(wanted):
        known.notes.append(f"{len(wanted) - len(there)} records are not in Kafka any more")
    if len(places) > len(wanted):
        known.notes.append(f"of {len(places)} records, {len(wanted)} were looked for in Kafka")


def _is_within(place: Place, spans: Mapping[Shelf, Span]) -> bool:
    low, high = spans.get(Shelf(place.topic, place.partition), Span(0, 0))
    return low <= place.offset < high


def _stretches(places: Sequence[Place]) -> Iterator[dict[Shelf, Span]]:
    """Offsets of a partition that lie near each other are read in one go; one stretch of each partition at a time."""
    stretches: dict[Shelf, list[Span]] = {}
    for topic, partition, offset in places:
        mine = stretches.setdefault(Shelf(topic, partition), [])
        if mine and offset - mine[-1].high < _NEAR:
            mine[-1] = Span(mine[-1].low, offset + 1)
        else:
            mine.append(Span(offset, offset + 1))
    while stretches:
        yield {shelf: mine.pop() for shelf, mine in stretches.items()}
        stretches = {shelf: mine for shelf, mine in stretches.items() if mine}


def _add_unsettled(archive: Archive, known: _Known) -> None:
    """Look through the events that no log line tells of yet: those from the committed offsets on."""
    found = ranges(archive.positions, archive.log, [archive.events])
    spans = {
        each.shelf: Span(max(each.committed or 0, each.held.low), each.held.high)
        for each in found
        if each.held.high > max(each.committed or 0, each.held.low)
    }
    archive.watch.begin("reading events that are not settled", sum(s.high - s.low for s in spans.values()))
    for records in archive.log.read(spans):
        archive.watch.advance(len(records))
        for record in records:
            event = _event(record)
            if event is None or not _names(event, known.kind, known.id):
                continue
            known.ids.add(event.event_id)
            told = f": {event.event_type} of project {event.project_id}, not settled yet"
            known.entries.append(story.of_record(record, told))


def _event(record: DeadRecord) -> Event | None:
    if record.value is None:
        return None
    stamp = recorded_at(record.headers, record.timestamp)
    try:
        return decode(record.value, record.place.offset, stamp, record.headers)
    except PoisonError:
        return None


def _names(event: Event, kind: Kind, id_: str) -> bool:
    match kind:
        case "event":
            is_beginning = len(id_) >= _SHORTEST_BEGINNING and event.event_id.startswith(id_)
            return event.event_id == id_ or is_beginning
        case "media":
            return event.media_id == id_
        case "project":
            return event.project_id == id_


def _told(known: _Known) -> Trace:
    return Trace(
        kind=known.kind,
        id=known.id,
        event_ids=sorted(known.ids),
        entries=story.ordered(known.entries),
        notes=known.notes,
    )
