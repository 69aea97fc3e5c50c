"""Every kind of event, and every way in which one fails, through ingest and enrich alone: what is durable afterwards."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from confluent_kafka import Producer

from claimx.adapters.clock import WallClock
from claimx.domain.tasks import DownloadTask, decode_task
from claimx.domain.times import SECOND, format_time
from claimx.sandbox.simulator.world import Project, World
from support.kafka import Broker
from support.rig import Daemon, Rig, rig_on

SEED = 7
WORLD = World(SEED)
WHEN = "2026-01-12T10:20:30.123456Z"
SOON = format_time(WallClock().now() + 3600 * SECOND)
UNKNOWN_PROJECT = 4_999_999
HEADERS = [("traceparent", b"00-1-2-03"), ("raw", b"\xfe\xff")]
MALFORMED = (
    b'{"eventType":"PROJECT_CREATED","projectId":53951',
    b'{"eventType":"PROJECT_FILE_ADDED","projectId":5395115,"masterFileName":"\xff\xfe"}',
    b'{"eventType":"PROJECT_CREATED","ingestedAt":"2026-01-11T15:30:00Z"}',
    b"\x00\x01 no event",
    b"",
)


def project(n: int) -> Project:
    return WORLD.project(n)


def event(name: str, event_type: str, n: int, **more: Any) -> bytes:
    """An event of project ``n``, whose id is its name."""
    fields = {"event_id": name, "event_type": event_type, "project_id": project(n).project_id}
    return json.dumps({**fields, "ingested_at": WHEN, **more}).encode()


EVENTS = {
    "created": event("created", "PROJECT_CREATED", 1),
    "named": event("named", "PROJECT_MFN_ADDED", 2, master_file_name="MFN-42"),
    "file": event("file", "PROJECT_FILE_ADDED", 3, media_id=project(3).media[1].media_id),
    "all-files": event("all-files", "PROJECT_FILE_ADDED", 12),
    "young": event("young", "PROJECT_FILE_ADDED", 14, ingested_at=SOON),
    "assigned": event("assigned", "CUSTOM_TASK_ASSIGNED", 5, task_assignment_id=project(5).tasks[0].assignment_id),
    "completed": event("completed", "CUSTOM_TASK_COMPLETED", 6, task_assignment_id=project(6).tasks[1].assignment_id),
    "invited": event("invited", "POLICYHOLDER_INVITED", 8),
    "joined": event("joined", "POLICYHOLDER_JOINED", 9),
    "video-invite": event("video-invite", "VIDEO_COLLABORATION_INVITE_SENT", 0, video_collaboration_id=project(0).videos[0]),
    "video-done": event("video-done", "VIDEO_COLLABORATION_COMPLETED", 15, video_collaboration_id=project(15).videos[0]),
    "unlinked": event("unlinked", "PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL", 10),
    "shared": event("shared", "PERSONAL_PROPERTY_TASK_SHARED", 11),
    "talked": event("talked", "PROJECT_CONVERSATION_UPDATED", 16),
    "novel": event("novel", "PROJECT_SOMETHING_NEW", 17),
    "hidden": event("hidden", "PROJECT_FILE_ADDED", 18, media_id=project(18).media[2].media_id),
    "refused": event("refused", "CUSTOM_TASK_ASSIGNED", 20, task_assignment_id=project(20).tasks[0].assignment_id),
    "shaken": event("shaken", "CUSTOM_TASK_ASSIGNED", 21, task_assignment_id=project(21).tasks[0].assignment_id),
    "bad-id": event("bad-id", "PROJECT_FILE_ADDED", 13, media_id="not-a-number"),
    "orphan": json.dumps(
        {"event_id": "orphan", "event_type": "PROJECT_CREATED", "project_id": UNKNOWN_PROJECT, "ingested_at": WHEN}
    ).encode(),
}  # fmt: skip
SPELLINGS = (
    json.dumps({"eventType": "PROJECT_FILE_ADDED", "projectId": project(23).project_id, "mediaId": project(23).media[0].media_id, "ingestedAt": WHEN}).encode(),
    json.dumps({"event_type": "PROJECT_FILE_ADDED", "project_id": str(project(23).project_id), "media_id": str(project(23).media[0].media_id), "ingested_at": WHEN.replace("Z", "+00:00")}).encode(),
    json.dumps({"eventType": "PROJECT_FILE_ADDED", "projectId": project(23).project_id, "mediaId": project(23).media[0].media_id, "IngestionTime": WHEN, "companyId": 9680}).encode(),
)  # fmt: skip
RECORDS = len(EVENTS) + len(SPELLINGS) + len(MALFORMED) + 1


@dataclass
class Flow:
    """A run that is over, and what it left."""

    rig: Rig
    daemon: Daemon
    log: pl.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.rig.table("claimx_event_log").sort("processed_at", "attempts")

    def lines(self, name: str) -> list[dict[str, Any]]:
        return self.log.filter(pl.col("event_id") == name).to_dicts()

    def outcomes(self, name: str) -> list[tuple[str, int, str | None]]:
        return [(line["outcome"], line["attempts"], line["error_code"]) for line in self.lines(name)]

    def rows(self, table: str, n: int) -> list[dict[str, Any]]:
        """Rows of a project."""
        rows = self.rig.table(table)
        return rows.filter(pl.col("project_id") == str(project(n).project_id)).to_dicts()

    def handed_on(self, n: int) -> list[DownloadTask]:
        """Downloads of a project that other processes are to do."""
        key = str(project(n).project_id).encode()
        tasks = [
            decode_task(m.value())
            for m in self.rig.letters(self.rig.topics.downloads_pending)
            if m.key() == key
        ]
        return [task for task in tasks if isinstance(task, DownloadTask)]

    def letters(self, topic: str, name: str) -> list[Any]:
        return [
            m for m in self.rig.letters(topic) if dict(m.headers()).get("claimx-event-id") == name.encode()
        ]


@pytest.fixture(scope="module")
def flow(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    with rig_on(broker, tmp_path_factory.mktemp("flow"), SEED, 1) as rig:
        refused, shaken, hidden, late = (
            str(project(20).tasks[0].assignment_id),
            str(project(21).tasks[0].assignment_id),
            str(project(18).media[2].media_id),
            str(project(14).media[0].media_id),
        )
        rig.faults(
            {"kind": "status", "at": ["task"], "ids": [refused], "status": 403},
            {"kind": "status", "at": ["task"], "ids": [shaken], "status": 500, "times": 4},
            {"kind": "hidden", "at": ["media"], "ids": [hidden, late], "seconds": 2},
        )
        _feed(rig)
        config = rig.config(retry__delays_s="[0.5, 0.5]", enrich__visibility_s="4.0")
        daemon = rig.run(config, "--stages", "ingest,enrich", "--exit-when-idle")
        assert daemon.wait(50) == 0, daemon.log()[-3000:]
        yield Flow(rig, daemon)


def _feed(rig: Rig) -> None:
    producer = Producer({"bootstrap.servers": rig.broker.bootstrap_servers, "enable.idempotence": True})
    raw = rig.topics.events_raw
    for value in EVENTS.values():
        producer.produce(raw, value, str(json.loads(value)["project_id"]).encode())
    for value in SPELLINGS:
        producer.produce(raw, value, b"twins")
    for n, value in enumerate(MALFORMED):
        producer.produce(raw, value, b"key-\xff%d" % n, headers=HEADERS)
    producer.produce(raw, None, b"tombstone")
    assert producer.flush(30) == 0


def test_every_record_has_one_outcome_and_its_offset_is_committed(flow: Flow) -> None:
    summary = flow.daemon.summary
    assert summary["received"] == RECORDS
    ends = ("committed", "forwarded", "parked", "dead_lettered", "skipped")
    assert sum(summary[name] for name in ends) == RECORDS
    assert (summary["lag"], summary["in_flight"], summary["ledger_violation"]) == (0, 0, None)
    assert sum(flow.rig.committed().values()) == RECORDS
    assert flow.rig.unlogged(flow.rig.committed()) == []


def test_every_event_has_its_row_with_the_record_as_it_came(flow: Flow) -> None:
    rows = {row["event_id"]: row for row in flow.rig.table("claimx_events").to_dicts()}
    assert rows.keys() >= EVENTS.keys()
    assert len(rows) == len(EVENTS) + 1, "and one for the copies"
    for name, value in EVENTS.items():
        assert json.loads(rows[name]["raw_data"]) == json.loads(value)


@pytest.mark.parametrize(
    ("table", "n", "wanted"),
    [
        ("claimx_projects", 1, {"project_id": str(project(1).project_id), "event_id": "created"}),
        ("claimx_projects", 2, {"master_file_name": "MFN-42"}),
        ("claimx_projects", 10, {"xa_autolink_fail": True, "contents_task_sent": None}),
        ("claimx_projects", 11, {"contents_task_sent": True, "xa_autolink_fail": None}),
        ("claimx_attachment_metadata", 3, {"media_id": str(project(3).media[1].media_id)}),
        ("claimx_tasks", 5, {"task_id": project(5).tasks[0].assignment_id, "event_id": "assigned"}),
        ("claimx_tasks", 6, {"task_id": project(6).tasks[1].assignment_id, "event_id": "completed"}),
        ("claimx_task_templates", 5, {"template_id": project(5).tasks[0].template_id}),
        ("claimx_external_links", 5, {"link_id": project(5).tasks[0].link_id}),
        (
            "claimx_video_collab",
            0,
            {"collaboration_id": project(0).videos[0], "status": "INVITED", "event_id": "video-invite"},
        ),
        (
            "claimx_video_collab",
            15,
            {"collaboration_id": project(15).videos[0], "status": "COMPLETED", "event_id": "video-done"},
        ),
    ],
)
def test_an_event_writes_the_row_of_its_entity(
    flow: Flow, table: str, n: int, wanted: dict[str, object]
) -> None:
    (row,) = flow.rows(table, n)
    assert {name: row[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("n", "status", "column"), [(8, "INVITED", "policyholder_invited_at"), (9, "JOINED", "policyholder_joined_at")]
)  # fmt: skip
def test_a_policyholder_event_marks_the_contact_and_the_project(
    flow: Flow, n: int, status: str, column: str
) -> None:
    contacts = {row["contact_email"]: row["invite_status"] for row in flow.rows("claimx_contacts", n)}
    assert contacts == {project(n).email: status, **dict.fromkeys(project(n).reps)}
    (row,) = flow.rows("claimx_projects", n)
    assert row[column] is not None


@pytest.mark.parametrize("n", [3, 5, 6, 12, 15])
def test_the_project_of_an_event_comes_with_it(flow: Flow, n: int) -> None:
    (row,) = flow.rows("claimx_projects", n)
    assert row["fetched_at"] is not None
    emails = {contact["contact_email"] for contact in flow.rows("claimx_contacts", n)}
    assert {project(n).email, *project(n).reps} <= emails


def test_a_file_is_handed_on_with_its_signed_link_and_the_event_is_forwarded(flow: Flow) -> None:
    (task,) = flow.handed_on(3)
    media = project(3).media[1]
    assert (task.event_id, task.media_id, task.file_name) == ("file", str(media.media_id), media.name)
    assert (task.attempt, task.refresh_count, task.is_url_cut) == (1, 0, False)
    assert task.origin.topic == flow.rig.topics.events_raw
    assert "sign=" in task.url
    assert flow.outcomes("file") == [("forwarded", 1, None)]
    (row,) = flow.rows("claimx_attachment_metadata", 3)
    assert row["full_download_link"] == task.url.partition("?")[0]


def test_an_event_that_names_no_file_hands_all_files_of_its_project_on(flow: Flow) -> None:
    wanted = {str(media.media_id) for media in project(12).media}
    assert {task.media_id for task in flow.handed_on(12)} == wanted
    assert {row["media_id"] for row in flow.rows("claimx_attachment_metadata", 12)} == wanted


def test_an_event_of_now_that_names_no_file_hands_on_what_shows_later_too_each_once(flow: Flow) -> None:
    assert flow.outcomes("young") == [("parked", 1, "media.may_come"), ("forwarded", 1, None)]
    wanted = sorted(str(media.media_id) for media in project(14).media)
    assert sorted(task.media_id for task in flow.handed_on(14)) == wanted
    assert sorted(row["media_id"] for row in flow.rows("claimx_attachment_metadata", 14)) == wanted


def test_nothing_is_downloaded_here(flow: Flow) -> None:
    assert flow.rig.stats()["files_served"] == 0
    assert not list(flow.rig.files.rglob("*"))
    assert flow.rig.table("claimx_attachments").is_empty()


def test_malformed_records_are_dead_letters_byte_for_byte(flow: Flow) -> None:
    letters = {m.key(): m for m in flow.rig.letters(flow.rig.topics.events_dlq)}
    assert {key: m.value() or b"" for key, m in letters.items()} == {
        b"key-\xff%d" % n: value for n, value in enumerate(MALFORMED)
    }
    for letter in letters.values():
        headers = letter.headers()
        assert headers[: len(HEADERS)] == HEADERS
        ours = dict(headers)
        assert ours["claimx-error-code"].startswith(b"event.")
        assert ours["claimx-source-topic"].decode() == flow.rig.topics.events_raw


def test_copies_of_an_event_by_any_spelling_are_one_row_and_one_download(flow: Flow) -> None:
    (row,) = flow.rows("claimx_events", 23)
    assert row["event_id"].startswith("v1:")
    assert len(flow.rows("claimx_attachment_metadata", 23)) == 1
    assert len(flow.handed_on(23)) == 1
    lines = flow.lines(row["event_id"])
    assert len(lines) == len(SPELLINGS)
    assert {line["outcome"] for line in lines} <= {"forwarded", "skipped"}


@pytest.mark.parametrize("name", ["novel", "talked"])
def test_a_type_that_nobody_handles_has_its_row_and_nothing_else(flow: Flow, name: str) -> None:
    assert flow.outcomes(name) == [("committed", 1, None)]
    n = {"novel": 17, "talked": 16}[name]
    for table in ("claimx_projects", "claimx_contacts", "claimx_attachment_metadata", "claimx_tasks"):
        assert flow.rows(table, n) == []


def test_a_tombstone_is_skipped(flow: Flow) -> None:
    skipped = flow.log.filter(pl.col("event_id").is_null() & (pl.col("outcome") == "skipped"))
    assert skipped.height == 1


def test_an_event_before_its_media_is_visible_waits_at_no_cost(flow: Flow) -> None:
    assert flow.outcomes("hidden") == [("parked", 1, "media.not_found"), ("forwarded", 1, None)]
    (row,) = flow.rows("claimx_attachment_metadata", 18)
    assert row["media_id"] == str(project(18).media[2].media_id)
    assert len(flow.handed_on(18)) == 1


def test_a_project_that_never_shows_is_asked_for_again_and_then_given_up(flow: Flow) -> None:
    assert flow.outcomes("orphan") == [
        ("parked", 1, "project.not_found"),
        ("dead_lettered", 1, "project.not_found"),
    ]
    (letter,) = flow.letters(flow.rig.topics.enrichment_dlq, "orphan")
    task = json.loads(letter.value())
    assert (task["kind"], task["project_id"], task["asked"]) == ("enrichment", str(UNKNOWN_PROJECT), 1)


def test_an_api_that_fails_for_a_while_parks_the_event_and_then_it_is_committed(flow: Flow) -> None:
    assert flow.outcomes("shaken") == [("parked", 1, "api.5xx"), ("committed", 2, None)]
    (row,) = flow.rows("claimx_tasks", 21)
    assert row["event_id"] == "shaken"


@pytest.mark.parametrize(("name", "code"), [("refused", "api.403"), ("bad-id", "event.bad_media_id")])
def test_what_no_retry_can_help_is_a_dead_letter_at_once(flow: Flow, name: str, code: str) -> None:
    assert flow.outcomes(name) == [("dead_lettered", 1, code)]
    (letter,) = flow.letters(flow.rig.topics.enrichment_dlq, name)
    headers = dict(letter.headers())
    assert (headers["claimx-error-code"], headers["claimx-stage"]) == (code.encode(), b"enrich")
    assert headers["claimx-attempts"] == b"1"
    assert decode_task(letter.value()).event_id == name


def test_nothing_else_was_given_up(flow: Flow) -> None:
    assert len(flow.rig.letters(flow.rig.topics.enrichment_dlq)) == 3
    assert flow.rig.letters(flow.rig.topics.downloads_dlq) == []
    assert flow.daemon.summary["dead_lettered"] == len(MALFORMED) + 2


def test_of_two_answers_about_a_task_the_newest_stands(broker: Broker, tmp_path: Path) -> None:
    number, task = next(
        (n, task) for n in range(30) for task in project(n).tasks if task.is_completed and task.link_id
    )
    identity = str(task.assignment_id)
    with rig_on(broker, tmp_path, SEED, 1) as rig:
        config = rig.config()
        statuses = []
        for name, rules in (
            ("first", [{"kind": "unfinished", "ids": [identity], "seconds": 600}]),
            ("then", []),
        ):
            rig.faults(*rules)
            producer = Producer({"bootstrap.servers": rig.broker.bootstrap_servers})
            changed = event(name, "CUSTOM_TASK_ASSIGNED", number, task_assignment_id=task.assignment_id)
            producer.produce(rig.topics.events_raw, changed, b"key")
            assert producer.flush(30) == 0
            assert rig.run(config, "--exit-when-idle").wait(60) == 0
            (row,) = rig.table("claimx_tasks").to_dicts()
            statuses.append((row["status"], row["event_id"]))
    assert statuses[0][0] in {"ASSIGNED", "IN_PROGRESS"}
    assert statuses[1] == ("COMPLETED", "then")
