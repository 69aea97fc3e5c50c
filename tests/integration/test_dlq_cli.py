"""``claimx dlq`` as an operator meets it: processes against a broker, stdout, exit codes, and what stands on topics."""

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

from claimx.domain.dead_letter import DeadLetter, of_event
from claimx.domain.dead_letter import Failure as Why
from claimx.domain.events import decode
from claimx.domain.tasks import DownloadTask, EnrichmentTask, Origin, decode_task
from support.kafka import Broker
from support.letters import NOW, SIGNATURE, Office, download, enrichment, headers_of, malformed

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def office(broker: Broker, tmp_path: Path) -> Office:
    made = Office(broker, tmp_path)
    made.create_topics()
    return made


@pytest.fixture
def filled(office: Office) -> Office:
    office.bury([enrichment(n) for n in range(6)])
    office.bury([enrichment(n, "project.not_found") for n in range(6, 10)])
    office.bury([download(n) for n in range(20, 23)])
    office.bury([malformed(n) for n in range(30, 32)])
    return office


def test_a_list_says_what_and_counts_only_what_the_filters_take(filled: Office) -> None:
    listed = filled.json("dlq", "list")
    assert (listed["total"], listed["repeats"], len(listed["letters"])) == (15, 0, 15)
    assert listed["letters"] == sorted(listed["letters"], key=lambda each: each["time"], reverse=True)
    newest = next(each for each in listed["letters"] if each["stage"] == "download")
    assert newest == {
        **newest,
        "schema": "claimx.dlq.letter/1",
        "state": "open",
        "code": "url.refused",
        "error_class": "PermanentError",
        "attempts": 3,
        "event_id": "event-000022",
        "project_id": "1022",
        "media_id": "23",
        "origin": ["claimx.events.raw", 1, 22],
    }
    for arguments, total in (
        (("--event", "event-000003"), 1),
        (("--media", "21"), 1),
        (("--project", "1007"), 1),
        (("--class", "transienterror"), 10),
        (("--code", "api"), 6),
        (("--code", "api.5"), 0),
        (("--stage", "ingest"), 2),
        (("--topic", filled.topics.downloads_dlq), 3),
        (("--since", "2026-02-02T02:40:30Z"), 2),
        (("--until", "2026-02-02T02:40:03Z"), 3),
    ):
        assert filled.open(*arguments) == total, arguments


def test_a_list_for_people_is_a_table_and_the_count_goes_to_stderr(filled: Office) -> None:
    done = filled.claimx("dlq", "list", "--limit", "2", "--stage", "enrich")
    head, first, second = done.stdout.splitlines()
    assert head.split() == ["id", "time", "stage", "code", "attempts", "event", "project", "media", "origin"]
    assert first.split()[1:] == (
        [
            "2026-02-02T02:40:09Z",
            "enrich",
            "project.not_found",
            "5",
            "event-000009",
            "1009",
            "10",
            "claimx.events.raw/0/9",
        ]
    )
    assert second.split()[5] == "event-000008"
    assert "10 open dead letters" in done.stderr


def test_groups_are_counted_the_largest_first(filled: Office) -> None:
    report = filled.json("dlq", "list", "--group-by", "code")
    assert [(g["name"], g["letters"]) for g in report["groups"]] == [
        ("api.5xx.exhausted", 6),
        ("project.not_found", 4),
        ("url.refused", 3),
        ("event.not_json", 2),
    ]
    assert filled.claimx("dlq", "list", "--group-by", "stage").stdout.splitlines()[1].split()[:2] == [
        "enrich",
        "10",
    ]


def test_a_monitor_gets_an_exit_code(filled: Office) -> None:
    filled.claimx("dlq", "list", "--fail-if-any", code=3)
    filled.claimx("dlq", "list", "--fail-if-any", "--code", "lake")


def test_jsonl_gives_every_letter_and_head_ends_it_quietly(filled: Office) -> None:
    lines = filled.claimx("dlq", "list", "-o", "jsonl").stdout.splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == 15
    piped = subprocess.run(
        ["/bin/sh", "-c", f"{' '.join(filled.command('dlq', 'list', '-o', 'jsonl'))} | head -1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (len(piped.stdout.splitlines()), piped.stderr) == (1, "")


def test_repeats_of_a_letter_fold_and_are_replayed_once(office: Office) -> None:
    office.bury([enrichment(1), enrichment(2), enrichment(1), enrichment(1)])
    assert (office.open(), office.json("dlq", "list")["repeats"]) == (2, 2)
    report = office.json("dlq", "replay", "--all")
    assert (report["replayed"], report["repeats"]) == (2, 2)
    assert len(office.records(office.topics.enrichment_pending)) == 2
    assert office.open() == 0


def test_a_letter_that_died_again_after_its_replay_is_open_again(office: Office) -> None:
    office.bury([enrichment(1)])
    office.claimx("dlq", "replay", "--all")
    office.bury([enrichment(1)])
    assert office.open() == 1
    assert [each["state"] for each in office.json("dlq", "list", "--all")["letters"]] == ["open", "replayed"]


def test_inspect_shows_all_of_a_letter_and_what_to_do_but_no_signature(office: Office) -> None:
    secret = b'{"url": "https://user:pw@host.example/a?' + SIGNATURE.encode() + b'#x", "esc": "\x1b[2J"}'
    office.bury([malformed(1, secret), download(5)])
    for letter in office.json("dlq", "list")["letters"]:
        seen = office.json("dlq", "inspect", letter["id"])
        assert seen["hint"]
        assert {name: seen[name] for name in ("id", "code", "place")} == {
            name: letter[name] for name in ("id", "code", "place")
        }
        text = office.claimx("dlq", "inspect", letter["id"][:8]).stdout
        assert letter["code"] in text
        assert "\x1b" not in text
        if letter["stage"] == "ingest":
            assert "https://***@host.example/a?***" in seen["payload"]
            assert ["traceparent", "00-1-2-03"] in seen["headers"]
            assert ["raw", "base64:/v8="] in seen["headers"]
        else:
            assert "https://files.example/5.jpg" in text
            assert "download.allowed_hosts" in text
    office.claimx("dlq", "inspect", "0123456789ab", code=1)
    office.claimx("dlq", "inspect", "0123", code=2)


def test_a_replayed_task_begins_anew_under_its_key(filled: Office) -> None:
    before = time.time_ns() // 1000
    filled.claimx("dlq", "replay", "--code", "api")
    filled.claimx("dlq", "replay", "--stage", "download")
    sent = filled.records(filled.topics.enrichment_pending)
    tasks = {task.event_id: (record, task) for record in sent if (task := decode_task(record.value()))}
    assert sorted(tasks) == [f"event-{n:06}" for n in range(6)]
    record, task = tasks["event-000004"]
    assert isinstance(task, EnrichmentTask)
    assert (task.attempt, task.asked, task.origin) == (1, 0, Origin("claimx.events.raw", 1, 4))
    assert before <= task.first_tried_at <= time.time_ns() // 1000
    assert record.key() == b"1004"
    assert set(headers_of(record)) == {"claimx-event-id", "claimx-replayed-from"}
    topic, partition, offset = headers_of(record)["claimx-replayed-from"].decode().split("/")
    letter = filled.json("dlq", "list", "--all", "--event", "event-000004")["letters"][0]
    assert letter["place"] == [topic, int(partition), int(offset)]
    (file,) = [r for r in filled.records(filled.topics.downloads_pending) if r.key() == b"1021"]
    task = decode_task(file.value())
    assert isinstance(task, DownloadTask)
    assert (task.attempt, task.refresh_count, task.is_url_cut) == (1, 0, True)


def test_a_replayed_record_comes_back_verbatim_and_keeps_what_its_id_is_made_from(office: Office) -> None:
    timeless = b'{"eventType": "PROJECT_CREATED", "projectId": 77}'
    stamp = NOW - 86_400_000_000 * 9
    event = decode(timeless, 5, stamp, None)
    row = of_event(
        event, Origin("claimx.events.raw", 0, 5), Why("RowsRejectedError", "lake.bad_row", ""), NOW
    )
    office.bury([malformed(3), row])
    office.claimx("dlq", "replay", "--all")
    sent = {record.value(): record for record in office.records(office.topics.events_replay)}
    raw = sent[malformed(3).value]
    assert raw.key() == b"key-\xff"
    assert headers_of(raw) == {
        "traceparent": b"00-1-2-03",
        "raw": b"\xfe\xff",
        "claimx-recorded-at": str(NOW - 3_600_000_000).encode(),
        "claimx-replayed-from": headers_of(raw)["claimx-replayed-from"],
    }
    again = decode(sent[timeless].value(), 0, NOW, sent[timeless].headers())
    assert (again.event_id, again.ingested_at) == (event.event_id, event.ingested_at)


def test_a_task_that_was_buried_as_it_stood_goes_back_without_its_signature(office: Office) -> None:
    letter = download(5)
    signed = letter.value.replace(b"5.jpg", b"5.jpg?" + SIGNATURE.encode()).replace(
        b'_cut":true', b'_cut":false'
    )
    assert signed != letter.value
    office.bury([DeadLetter(letter.stage, letter.id, letter.key, signed, letter.headers)])
    office.claimx("dlq", "inspect", letter.id)
    office.claimx("dlq", "replay", letter.id)
    (sent,) = office.records(office.topics.downloads_pending)
    task = decode_task(sent.value())
    assert isinstance(task, DownloadTask)
    assert (task.url, task.is_url_cut) == ("https://files.example/5.jpg", True)


def test_a_letter_that_cannot_go_back_fails_alone_and_stays_open(office: Office) -> None:
    broken = enrichment(2)
    too_large = enrichment(3)
    reference = [*too_large.headers, ("claimx-value-bytes", b"9"), ("claimx-value-sha256", b"00")]
    office.bury(
        [
            enrichment(1),
            DeadLetter(broken.stage, broken.id, broken.key, b"{}", broken.headers),
            DeadLetter(too_large.stage, too_large.id, None, b"", reference),
            DeadLetter("enrich", "", None, b"\xff", []),  # another program's
        ]
    )
    report = office.json("dlq", "replay", "--all", code=6)
    assert (report["replayed"], report["failed"]) == (1, 3)
    assert sorted(each["reason"].partition(":")[0] for each in report["failures"]) == [
        "letter.reference",
        "task.malformed",
        "task.malformed",
    ]
    assert office.open() == 3


def test_ids_that_are_not_there_or_done_are_said(filled: Office) -> None:
    ids = [each["id"] for each in filled.json("dlq", "list", "--limit", "3")["letters"]]
    filled.claimx("dlq", "replay", ids[0][:8])
    report = filled.json("dlq", "replay", *ids, "ffffffffffff", code=6)
    assert (report["replayed"], report["already_done"], report["missing"]) == (2, 1, ["ffffffffffff"])
    filled.claimx("dlq", "replay", "ffffffffffff", code=1)
    assert filled.open() == 12


def test_a_dry_run_changes_nothing_and_max_bounds(filled: Office) -> None:
    report = filled.json("dlq", "replay", "--all", "--dry-run")
    assert (report["selected"], report["replayed"], report["to"][filled.topics.events_replay]) == (15, 0, 2)
    assert filled.open() == 15
    assert "15 dead letters would be purged" in filled.claimx("dlq", "purge", "--all", "--dry-run").stdout
    assert filled.json("dlq", "replay", "--all", "--max", "4")["replayed"] == 4
    assert filled.open() == 11


def test_a_rate_is_kept(filled: Office) -> None:
    began = time.monotonic()
    filled.claimx("dlq", "replay", "--code", "api", "--rate", "2/s")
    assert time.monotonic() - began >= 3.0


def test_more_than_a_hundred_and_every_purge_must_be_confirmed(office: Office) -> None:
    office.bury([enrichment(n) for n in range(101)])
    done = office.claimx("dlq", "replay", "--all", code=2)
    assert "hint: add --yes" in done.stderr
    office.claimx("dlq", "purge", "--all", code=2)
    for verb, answer, code, question in (
        ("replay", "n", 7, "replay 101 dead letters?"),
        ("purge", "yes", 7, f"Type {office.topics.enrichment_dlq} to confirm"),
        ("replay", "y", 0, "replay 101 dead letters?"),
    ):
        said, exit_code = on_a_terminal(office.command("dlq", verb, "--all"), answer)
        assert exit_code == code, said
        assert question in said
    assert office.open() == 0


def test_ctrl_c_at_the_question_is_a_no(office: Office) -> None:
    office.bury([enrichment(1)])
    ours, theirs = pty.openpty()
    command = office.command("dlq", "purge", "--all")
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        said = b""
        while b"to confirm" not in said:
            said += process.stdout.read1(1000)
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=60)[0]
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 7, said
    assert office.open() == 1


def test_one_of_ids_filter_or_all_must_be_given(office: Office) -> None:
    for arguments in (
        ("replay",),
        ("purge",),
        ("replay", "--all", "0123456789ab"),
        ("replay", "--all", "--rate", "0"),
    ):
        office.claimx("dlq", *arguments, code=2)
    office.claimx("dlq", "list", "--since", "yesterday", code=2)
    assert "there are: " in office.claimx("dlq", "list", "--topic", "x", code=1).stderr


def test_an_export_holds_every_byte_and_overwrites_nothing(filled: Office, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in filled.claimx("dlq", "export").stdout.splitlines()]
    assert len(lines) == 15
    raw = next(line for line in lines if line["stage"] == "ingest")
    assert raw["key"] == {"base64": "a2V5Lf8="}
    assert ["raw", {"base64": "/v8="}] in raw["headers"]
    assert raw["value"].startswith('{"projectId": 3')
    target = tmp_path / "letters.jsonl"
    filled.claimx("dlq", "export", target, "--stage", "download")
    assert len(target.read_text().splitlines()) == 3
    filled.claimx("dlq", "export", target, code=1)


def test_a_purge_exports_first_marks_and_leaves_the_rest(filled: Office, tmp_path: Path) -> None:
    file = tmp_path / "old.jsonl"
    report = filled.json("dlq", "purge", "--code", "project", "--export", file, "--yes")
    assert (report["purged"], report["exported"]) == (4, 4)
    assert len(file.read_text().splitlines()) == 4
    assert filled.open() == 11
    filled.claimx("dlq", "purge", "--code", "api", "--export", file, "--yes", code=1)
    assert filled.open() == 11
    filled.claimx("dlq", "purge", "--older-than", "36500d", "--yes")
    assert filled.open() == 11


def test_without_topics_or_broker_it_says_what_to_do(broker: Broker, tmp_path: Path) -> None:
    office = Office(broker, tmp_path)
    done = office.claimx("dlq", "list", code=1)
    assert "do not exist" in done.stderr
    assert "hint: claimx topics init makes them" in done.stderr
    done = office.claimx("dlq", "list", "--set", "kafka.bootstrap_servers=127.0.0.1:1", code=5)
    assert "error: kafka.unreachable: 127.0.0.1:1" in done.stderr


def on_a_terminal(command: list[str], answer: str) -> tuple[str, int]:
    """Run a command on a pseudo terminal and answer its first question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    said, _ = process.communicate(timeout=60)
    os.close(ours)
    return said.decode(), process.returncode
