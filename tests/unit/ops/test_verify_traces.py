"""What a log line that did not end in rows must leave somewhere, and which missing row is a loss: tables of cases."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from claimx.domain.dead_letter import Failure, letter_id, of_event, of_task
from claimx.domain.events import decode
from claimx.domain.letters import DeadRecord, Place
from claimx.domain.tasks import DownloadTask, EnrichmentTask, Origin, Task, encode_task
from claimx.ops.verify_records import Group, Range, check_offsets, read_event, read_task
from claimx.ops.verify_report import Check, Problem, Report, as_text
from claimx.ops.verify_traces import Traces
from claimx.ports.dlq import Shelf, Span
from claimx.ports.inspection import Absent, Line, Parked

ORIGIN = Origin("raw", 1, 7)
DLQ = {"ingest": "events.dlq", "enrich": "enrich.dlq", "download": "downloads.dlq", "upload": "downloads.dlq"}
WHY = Failure("PermanentError", "url.refused", "")


def enrichment(event_id: str = "e") -> EnrichmentTask:
    return EnrichmentTask(event_id, "PROJECT_FILE_ADDED", "1", 0, ORIGIN, 0)


def download(media_id: str = "5", event_id: str = "e") -> DownloadTask:
    return DownloadTask(event_id, "PROJECT_FILE_ADDED", "1", media_id, "https://h/x", ORIGIN, 0)


class Queue:
    """Implements ports.inspection.DelayFiles."""

    instances: Sequence[str] = ("claimx-0",)

    def __init__(self, *tasks: Task) -> None:
        self._tasks = tasks

    def rows(self) -> Iterator[Parked]:
        return (Parked("claimx-0", "enrich", task, "api.5xx", 0, 0, is_leased=False) for task in self._tasks)


class Topics:
    """Implements ports.inspection.RecordLog: one partition for each topic."""

    def __init__(self, low: int = 0, **values: Sequence[Any]) -> None:
        self._low = low
        self._values = {name.replace("_", "."): value for name, value in values.items()}

    def spans(self, topics: Sequence[str]) -> Mapping[Shelf, Span]:
        return {
            Shelf(topic, 0): Span(self._low, self._low + len(self._values.get(topic, ()))) for topic in topics
        }

    def read(self, spans: Mapping[Shelf, Span]) -> Iterator[Sequence[DeadRecord]]:
        for shelf, span in spans.items():
            for offset in range(span.low, span.high):
                value, headers = self._values[shelf.topic][offset - self._low]
                yield [DeadRecord(Place(shelf.topic, 0, offset), 1, None, value, headers)]


class Silent:
    """Implements ops.dlq.Watch."""

    is_stopping = False

    def begin(self, title: str, total: int) -> None:
        pass

    def advance(self, steps: int) -> None:
        pass


def letter(task: Task) -> tuple[bytes, Sequence[Any]]:
    made = of_task("download", task, task.child, WHY, 0)
    return made.value, made.headers


def line(outcome: str, **changes: Any) -> Line:
    return Line(ORIGIN, "e", outcome, "enrich", None, "url.refused")._replace(**changes)


def traces(
    *,
    parked: Sequence[Task] = (),
    log: Topics | None = None,
    pending: Sequence[Task] = (),
    whole: bool = True,
) -> Traces:
    made = Traces(DLQ, are_queues_whole=whole)
    made.delay.fill(Queue(*parked))
    made.letters.fill(log or Topics(), sorted(set(DLQ.values())), Silent())
    backlog = Topics(pending=[(encode_task(task), ()) for task in pending])
    group = Group("g.enrich", ("pending",), read_task)
    made.backlog.fill(backlog, [Range(group, Shelf("pending", 0), 0, "", Span(0, len(pending)))], Silent())
    return made


FINE, LOSS, UNPROVABLE = (1, False, 0), (1, True, 0), (1, False, 1)
CUT = Topics(low=1)

LINES = [
    ("parked", "parked", {}, {"parked": [enrichment()]}, FINE),
    ("parked, then its download was", "parked", {}, {"parked": [download()]}, FINE),
    ("parked, and a line tells more", "parked", {"went_on": True}, {}, FINE),
    ("parked, then given up", "parked", {}, {"log": Topics(downloads_dlq=[letter(download())])}, FINE),
    ("parked and gone", "parked", {}, {"parked": [enrichment("another")]}, LOSS),
    ("parked and gone, letters cut off or not", "parked", {}, {"log": CUT}, LOSS),
    ("parked on another host", "parked", {}, {"whole": False}, UNPROVABLE),
    ("a retry parked again", "parked", {"child": "download:5"}, {"parked": [download()]}, FINE),
    (
        "a retry gone while its sibling waits",
        "parked",
        {"child": "download:5"},
        {"parked": [download("6")]},
        LOSS,
    ),
    ("an enrichment that left a download", "parked", {"child": "enrich"}, {"parked": [download()]}, FINE),
    ("forwarded, and it waits there", "forwarded", {}, {"pending": [enrichment()]}, FINE),
    ("forwarded, and a line tells more", "forwarded", {"went_on": True}, {}, FINE),
    ("forwarded and gone", "forwarded", {}, {"pending": [enrichment("another")]}, LOSS),
    ("dead", "dead_lettered", {}, {"log": Topics(downloads_dlq=[letter(download())])}, FINE),
    ("dead without a letter", "dead_lettered", {}, {}, LOSS),
    ("dead, its letter cut off", "dead_lettered", {}, {"log": CUT}, UNPROVABLE),
    ("a record that is no event", "dead_lettered", {"event_id": None}, {}, LOSS),
]


@pytest.mark.parametrize(
    ("outcome", "changes", "places", "expected"), [case[1:] for case in LINES], ids=[c[0] for c in LINES]
)
def test_a_line_without_rows_has_its_trace(
    outcome: str, changes: dict[str, Any], places: dict[str, Any], expected: tuple[int, bool, int]
) -> None:
    name, found = traces(**places).judge(line(outcome, **changes))
    assert (found.looked_at, found.problem is not None, found.unprovable) == expected
    if found.problem is not None:
        assert (found.problem.check, found.problem.origin, found.problem.event_id) == (
            name, ORIGIN, changes.get("event_id", "e")
        )  # fmt: skip


def buried_event() -> Topics:
    event = decode(b'{"eventType": "PROJECT_CREATED", "projectId": 1, "eventId": "e"}', 7, 1, None)
    made = of_event(event, ORIGIN, WHY, 0)
    assert made.id == letter_id(ORIGIN, "row:claimx_events:e")
    return Topics(events_dlq=[(made.value, made.headers)])


ROWS = [
    ("committed", "claimx_tasks", {}, "loss"),
    ("committed", "claimx_tasks", {"parked": [enrichment()]}, "loss"),
    ("committed", "claimx_attachments", {"parked": [download()]}, "fine"),
    ("committed", "claimx_attachments", {"whole": False}, "loss"),
    ("committed", "claimx_events", {"parked": [enrichment()]}, "loss"),
    ("parked", "claimx_events", {"parked": [enrichment()]}, "loss"),
    ("parked", "claimx_tasks", {"parked": [enrichment()]}, "fine"),
    ("parked", "claimx_tasks", {}, "loss"),
    ("parked", "claimx_tasks", {"whole": False}, "unprovable"),
    ("forwarded", "claimx_tasks", {"pending": [enrichment()]}, "fine"),
    ("forwarded", "claimx_tasks", {"log": Topics(downloads_dlq=[letter(download())])}, "fine"),
    ("dead_lettered", "claimx_events", {}, "loss"),
    ("dead_lettered", "claimx_events", {"log": buried_event()}, "fine"),
    ("dead_lettered", "claimx_events", {"log": Topics(downloads_dlq=[letter(download())])}, "loss"),
    ("dead_lettered", "claimx_events", {"log": CUT}, "unprovable"),
    ("skipped", "claimx_events", {}, "loss"),
]


@pytest.mark.parametrize(("outcome", "table", "places", "expected"), ROWS)
def test_a_missing_row_is_a_loss_unless_its_event_is_open(
    outcome: str, table: str, places: dict[str, Any], expected: str
) -> None:
    found = traces(**places).owes(Absent(table, "k", "e", outcome, ORIGIN))
    assert expected == ("loss" if found.problem else "unprovable" if found.unprovable else "fine")


@pytest.mark.parametrize(
    ("committed", "what"),
    [
        (None, None),
        (5, None),
        (9, None),
        (10, "past the end 9"),
        (2, "has not read 3 records that were deleted"),
    ],
)
def test_a_committed_offset_lies_within_its_partition(committed: int | None, what: str | None) -> None:
    group = Group("g.ingest", ("raw",), read_event)
    found = [
        each.problem for each in check_offsets([Range(group, Shelf("raw", 1), committed, "", Span(5, 9))])
    ]
    if what is None:
        assert found == ([] if committed is None else [None])
    else:
        (problem,) = found
        assert problem is not None
        assert what in problem.what


def test_a_record_without_any_time_has_no_certain_id() -> None:
    value = b'{"eventType": "PROJECT_CREATED", "projectId": 1}'
    place = Place("raw", 0, 3)
    assert read_event(DeadRecord(place, 0, None, value, [])).event_id is None
    made = read_event(DeadRecord(place, 1_000, None, value, [])).event_id
    assert made is not None
    assert read_event(DeadRecord(place, 0, None, value, [("claimx-recorded-at", b"1000")])).event_id == made
    assert not read_event(DeadRecord(place, 1, None, b"{", [])).is_readable
    assert read_event(DeadRecord(place, 1, None, None, [])).is_readable


def test_text_names_some_problems_counts_the_rest_and_moves_no_cursor() -> None:
    problems = [Problem(check="rows", what="gone", event_id=f"e\x1b[2J{n}") for n in range(30)]
    report = Report(
        since=None,
        until=None,
        checks=[Check(name="rows", of="x", looked_at=99, problems=5000)],
        problems=problems,
    )
    lines = list(as_text(report))
    assert len([each for each in lines if each.startswith("rows: gone")]) == 20
    assert "rows: and 4,980 more: -o json names up to 1,000" in lines
    assert "\x1b" not in "".join(lines)
