"""Downloads that another process handed on, in every state of their links: files, rows, reports, dead letters."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import polars as pl
import pytest
from confluent_kafka import Producer

from claimx.domain.files import object_key
from claimx.domain.results import UploadResult, read_result
from claimx.domain.tasks import CachedFile, DownloadTask, EnrichmentTask, Origin, decode_task, encode_task
from claimx.domain.times import DAY, SECOND
from claimx.sandbox.simulator.gate import wall_time
from claimx.sandbox.simulator.signing import Signer
from claimx.sandbox.simulator.world import Media, World
from support.kafka import Broker
from support.rig import Daemon, Rig, rig_on

SEED = 7
WORLD = World(SEED)
FILES = {
    "good": WORLD.project(1).media[0],
    "nameless": WORLD.project(2).media[3],
    "hostile": WORLD.project(6).media[3],
    "large": WORLD.project(0).media[0],
    "old": WORLD.project(2).media[0],
    "old presigned": WORLD.project(8).media[0],
    "forged": WORLD.project(3).media[0],
    "cut": WORLD.project(3).media[1],
    "401": WORLD.project(4).media[0],
    "403": WORLD.project(4).media[1],
    "404": WORLD.project(5).media[1],
    "410": WORLD.project(5).media[2],
    "page": WORLD.project(9).media[0],
    "log-in": WORLD.project(9).media[2],
    "disguised": WORLD.project(10).media[0],
    "shaky": WORLD.project(10).media[1],
    "copied": WORLD.project(11).media[0],
}
DENIED, ELSEWHERE = WORLD.project(12).media[0], WORLD.project(12).media[1]
REFRESHED = {
    "old", "old presigned", "forged", "cut", "401", "403", "404", "410", "page", "log-in", "disguised"
}  # fmt: skip
ELSEWHERE_URL = "https://files.elsewhere.example/a.jpg?sign=FAKE-SIGNATURE"
PUT = len(FILES) + 1 + 2 + 2
"""Records that are put on the topic: the files, a copy, two that fail, two that are no downloads."""


def task_of(name: str, media: Media, url: str) -> DownloadTask:
    return DownloadTask(
        event_id=f"event {name}",
        event_type="PROJECT_FILE_ADDED",
        project_id=str(media.project_id),
        media_id=str(media.media_id),
        url=url,
        origin=Origin("claimx.events.raw", 0, media.media_id),
        first_tried_at=wall_time(),
        file_name=media.name,
        file_type=media.kind,
    )


class Links:
    """Signs as the simulator does."""

    def __init__(self, rig: Rig) -> None:
        self._signer = Signer(WORLD)
        self._file, self._object = (f"http://{host}" for host in rig._hosts)

    def fresh(self, media: Media) -> str:
        return self._signer.file_link(self._file, media, wall_time(), DAY // 1000)

    def of(self, name: str, media: Media) -> str:
        now = wall_time()
        match name:
            case "large":
                return self._signer.object_link(self._object, media, now, 3600)
            case "old":
                return self._signer.file_link(self._file, media, now - 2 * DAY, DAY // 1000)
            case "old presigned":
                return self._signer.object_link(self._object, media, now - 2 * 3600 * SECOND, 3600)
            case "forged":
                return self.fresh(media).replace("sign=", "sign=0")
            case "cut":
                return self.fresh(media).partition("?")[0]
            case _:
                return self.fresh(media)


@dataclass
class Flow:
    """Two runs that are over, and what they left."""

    rig: Rig
    daemon: Daemon
    results: Daemon
    log: pl.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.rig.table("claimx_event_log").sort("processed_at", "attempts")

    def outcomes(self, name: str, topic: str) -> list[tuple[str, int, str | None]]:
        lines = self.log.filter(pl.col("event_id") == f"event {name}", pl.col("topic") == topic).to_dicts()
        return [(line["outcome"], line["attempts"], line["error_code"]) for line in lines]

    def reports(self) -> list[UploadResult]:
        return [read_result(m.value(), 0).result for m in self.rig.letters(self.rig.topics.downloads_results)]

    def cached(self) -> dict[str, CachedFile]:
        """What the download handed to the upload, by the name of the event."""
        messages = self.rig.letters(self.rig.topics.downloads_cached)
        tasks = [decode_task(message.value()) for message in messages]
        return {task.event_id.removeprefix("event "): task for task in tasks if isinstance(task, CachedFile)}

    def letter(self, name: str) -> Any:
        letters = self.rig.letters(self.rig.topics.downloads_dlq)
        (found,) = [
            m for m in letters if dict(m.headers()).get("claimx-event-id") == f"event {name}".encode()
        ]
        return found


@pytest.fixture(scope="module")
def flow(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    with rig_on(broker, tmp_path_factory.mktemp("flow"), SEED, 1) as rig:
        ids = {name: str(media.media_id) for name, media in FILES.items()}
        rig.faults(
            *(
                {"kind": "status", "at": ["file"], "ids": [ids[code]], "status": int(code), "times": 1}
                for code in ("401", "403", "404", "410")
            ),
            {"kind": "html", "at": ["file"], "ids": [ids["page"]], "times": 1},
            {"kind": "login", "at": ["file"], "ids": [ids["log-in"]], "times": 1},
            {"kind": "disguised", "at": ["object"], "ids": [ids["disguised"]], "times": 1},
            {"kind": "status", "at": ["object"], "ids": [ids["shaky"]], "status": 503, "times": 7},
            {"kind": "status", "at": ["file"], "ids": [str(DENIED.media_id)], "status": 403},
        )
        _hand_on(rig)
        changes = {"download__spool_url": f'"file://{rig.root}/spool"', "retry__delays_s": "[0.5, 0.5, 0.5]"}
        config = rig.config(edges__upload='"topic"', **changes)
        daemon = rig.run(config, "--stages", "download,upload", "--exit-when-idle")
        assert daemon.wait(50) == 0, daemon.log()[-3000:]
        results = rig.run(rig.config(), "--stages", "results", "--exit-when-idle")
        assert results.wait(40) == 0, results.log()[-3000:]
        yield Flow(rig, daemon, results)


def _hand_on(rig: Rig) -> None:
    links = Links(rig)
    tasks = [task_of(name, media, links.of(name, media)) for name, media in FILES.items()]
    tasks += [task_of("copied", FILES["copied"], links.of("copied", FILES["copied"]))]
    tasks += [task_of("denied", DENIED, links.fresh(DENIED)), task_of("elsewhere", ELSEWHERE, ELSEWHERE_URL)]
    producer = Producer({"bootstrap.servers": rig.broker.bootstrap_servers, "enable.idempotence": True})
    for task in tasks:
        producer.produce(rig.topics.downloads_pending, encode_task(task), task.project_id.encode())
    other = EnrichmentTask("event other", "PROJECT_CREATED", "1", 0, Origin("t", 0, 0), 0)
    producer.produce(rig.topics.downloads_pending, encode_task(other), b"1")
    producer.produce(
        rig.topics.downloads_pending, b'{"kind":"download","url":"' + ELSEWHERE_URL.encode(), b"1"
    )
    assert producer.flush(30) == 0


def test_every_file_is_stored_and_no_other(flow: Flow) -> None:
    wanted = {
        object_key(str(m.project_id), str(m.media_id), m.name): WORLD.content(m) for m in FILES.values()
    }
    root = flow.rig.files
    there = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert there == wanted.keys()
    assert [key for key, content in wanted.items() if (root / key).read_bytes() != content] == []


def test_every_file_has_its_row_and_no_row_has_a_signature(flow: Flow) -> None:
    rows = {row["media_id"]: row for row in flow.rig.table("claimx_attachments").to_dicts()}
    assert rows.keys() == {str(media.media_id) for media in FILES.values()}
    for name, media in FILES.items():
        row = rows[str(media.media_id)]
        content = WORLD.content(media)
        key = object_key(str(media.project_id), str(media.media_id), media.name)
        wanted = (f"event {name}", key, len(content), sha256(content).hexdigest(), media.name)
        assert (row["event_id"], row["blob_path"], row["bytes"], row["sha256"], row["file_name"]) == wanted
        assert row["download_url"].startswith("http://127.0.0.1:")
        assert "?" not in row["download_url"]


@pytest.mark.parametrize("name", [name for name in FILES if name not in {"shaky", "copied"}])
def test_no_state_of_a_link_costs_an_attempt(flow: Flow, name: str) -> None:
    topics = flow.rig.topics
    assert flow.outcomes(name, topics.downloads_pending) == [("forwarded", 1, None)]
    assert flow.outcomes(name, topics.downloads_cached) == [("committed", 1, None)]


def test_a_link_is_asked_for_again_where_it_does_not_hold_and_nowhere_else(flow: Flow) -> None:
    cached = flow.cached()
    assert cached.keys() == FILES.keys()
    assert {name for name, file in cached.items() if file.download.refresh_count} - {"shaky"} == REFRESHED
    assert {file.download.refresh_count for name, file in cached.items() if name != "shaky"} == {0, 1}
    assert flow.rig.stats()["requests"]["media"] <= len(REFRESHED) + 3


def test_a_host_that_fails_for_a_while_parks_the_file_and_then_it_is_stored(flow: Flow) -> None:
    topics = flow.rig.topics
    assert flow.outcomes("shaky", topics.downloads_pending) == [("parked", 1, "file.5xx")]
    retries = flow.outcomes("shaky", "claimx.events.raw")
    assert retries == [("parked", 2, "file.5xx"), ("forwarded", 3, None)]
    assert flow.outcomes("shaky", topics.downloads_cached) == [("committed", 3, None)]
    assert flow.cached()["shaky"].download.refresh_count == 2, "a parked link has no signature"


def test_a_copy_is_one_file_and_one_row(flow: Flow) -> None:
    outcomes = flow.outcomes("copied", flow.rig.topics.downloads_pending)
    assert len(outcomes) == 2
    assert {outcome for outcome, _, _ in outcomes} <= {"forwarded", "skipped"}
    assert flow.outcomes("copied", flow.rig.topics.downloads_cached).count(("committed", 1, None)) >= 1


def test_a_link_that_is_refused_twice_is_a_dead_letter_without_its_signature(flow: Flow) -> None:
    letter = flow.letter("denied")
    headers = dict(letter.headers())
    assert headers["claimx-url-refresh-attempted"] == b"true"
    assert (headers["claimx-error-class"], headers["claimx-error-code"]) == (b"PermanentError", b"file.stale")
    assert headers["claimx-event-id"] == b"event denied"
    task = json.loads(letter.value())
    assert (task["url"].partition("?")[1:], task["is_url_cut"], task["attempt"]) == (("", ""), True, 1)
    assert b"sign" not in letter.value() + b"".join(headers.values())
    assert flow.outcomes("denied", flow.rig.topics.downloads_pending) == [("dead_lettered", 1, "file.stale")]


def test_a_url_of_a_host_that_is_not_allowed_is_a_dead_letter_that_nobody_asked_for(flow: Flow) -> None:
    letter = flow.letter("elsewhere")
    headers = dict(letter.headers())
    assert headers["claimx-error-code"] == b"url.refused"
    assert headers["claimx-url-refresh-attempted"] == b"false"
    assert json.loads(letter.value())["url"] == ELSEWHERE_URL.partition("?")[0]


def test_what_is_no_download_is_a_dead_letter_and_loses_what_was_signed(flow: Flow) -> None:
    letters = flow.rig.letters(flow.rig.topics.downloads_dlq)
    assert len(letters) == 4
    by_code = {dict(m.headers())["claimx-error-code"]: m.value() for m in letters}
    assert json.loads(by_code[b"task.wrong_topic"])["event_id"] == "event other"
    kept = b'{"kind":"download","url":"' + ELSEWHERE_URL.partition("?")[0].encode()
    assert by_code[b"task.malformed"] == kept


def test_every_pass_is_reported(flow: Flow) -> None:
    by_media: dict[str, Counter[str]] = {}
    for report in flow.reports():
        by_media.setdefault(report.media_id, Counter())[report.status] += 1
    for name, media in FILES.items():
        told = by_media.pop(str(media.media_id))
        stored = told.pop("completed")
        assert stored == 1 or (name == "copied" and stored == 2)
        assert told == ({"failed": 2} if name == "shaky" else {})
    assert by_media == {
        str(media.media_id): Counter(failed_permanent=1) for media in (DENIED, ELSEWHERE)
    }  # fmt: skip
    sizes = {r.media_id: r.size_bytes for r in flow.reports() if r.status == "completed"}
    assert sizes == {str(media.media_id): media.size for media in FILES.values()}


def test_the_results_stage_has_their_totals(flow: Flow) -> None:
    lines = [json.loads(line) for line in flow.results.log().splitlines() if line.startswith("{")]
    (totals,) = [line for line in lines if line["event"] == "results.counted"]
    reports = flow.reports()
    counted = Counter(report.status for report in reports)
    assert (totals["completed"], totals["failed"], totals["failed_permanent"]) == (
        counted["completed"], 2, 2
    )  # fmt: skip
    assert totals["file_bytes"] == sum(report.size_bytes for report in reports)
    assert totals["success_rate"] == counted["completed"] / len(reports)
    failures = [line["code"] for line in lines if line["event"] == "file.failed"]
    assert sorted(failures) == ["file.5xx", "file.5xx", "file.stale", "url.refused"]
    assert flow.results.summary["committed"] == flow.results.summary["received"] == len(reports)


def test_the_ledger_of_the_run_is_whole(flow: Flow) -> None:
    summary = flow.daemon.summary
    assert (summary["lag"], summary["in_flight"], summary["ledger_violation"]) == (0, 0, None)
    assert summary["received"] == PUT + len(flow.rig.letters(flow.rig.topics.downloads_cached))
    assert list((flow.rig.root / "spool").iterdir()) == []
