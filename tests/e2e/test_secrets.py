"""The API token and the signatures of links are in nothing that a run leaves or says, whatever goes wrong meanwhile."""

import base64
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import polars as pl
import pytest
from confluent_kafka import Consumer, TopicPartition

from claimx.adapters.kafka_readers import topics_of
from claimx.domain.stage_names import STAGES
from claimx.domain.tables import TABLES
from claimx.domain.tasks import CachedFile, DownloadTask, decode_task
from support.commands import claimx
from support.kafka import Broker
from support.rig import CLAIMX, PARTITIONS, TOKEN, Rig, rig_on, wait_until

pytestmark = pytest.mark.timeout(240)
SEED, EVENTS = 3, 150
WITHOUT_RESULTS = ("--stages", "ingest,enrich,download,upload")
PAIR = base64.b64decode(TOKEN)
SIGNED = re.compile(
    rb"(?i)(?<![a-z])(sign|sig|x-amz-(signature|credential|security-token))(=|%3d|\\u003d)[^\"&\s]"
)
SCHEME = re.compile(rb"(?i)\b(basic|bearer)[ :\"]+[A-Za-z0-9+/=]{8}")
TABLE_NAMES = ("claimx_events", "claimx_event_log", *TABLES)
BITS_OF_ALL = (
    {"kind": "status", "rate": 0.04, "status": 503},
    {"kind": "status", "at": ["project", "media"], "rate": 0.02, "status": 429, "seconds": 1},
    {"kind": "reset", "rate": 0.02},
    {"kind": "html", "rate": 0.03, "times": 1},
    {"kind": "login", "at": ["file"], "rate": 0.05, "times": 1},
    {"kind": "expired_link", "at": ["media"], "rate": 0.1, "times": 1},
    {"kind": "truncated", "at": ["object"], "rate": 0.05, "times": 1},
    {"kind": "half", "at": ["project", "media"], "rate": 0.03, "times": 1},
    {"kind": "needs_token", "at": ["file"]},
    {"kind": "latency", "at": ["object"], "seconds": 0.05},
)  # fmt: skip


@dataclass
class Left:
    """All that the run has left or said, by where it was found, and the signatures that were handed out."""

    said: dict[str, bytes]
    signatures: set[bytes]

    def places(self, *needles: bytes) -> list[str]:
        return [
            f"{place}: {needle!r}"
            for place, text in self.said.items()
            for needle in needles
            if needle in text
        ]

    def matches(self, pattern: re.Pattern[bytes]) -> list[str]:
        return [
            f"{place}: {found[0]!r}" for place, text in self.said.items() if (found := pattern.search(text))
        ]


@pytest.fixture(scope="module")
def left(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    """Kill the daemon under load, run it again to its end, and ask every command about it."""
    root = tmp_path_factory.mktemp("secrets")
    with rig_on(broker, root, SEED, EVENTS) as rig:
        rig.faults(*_hopeless(rig), *BITS_OF_ALL)
        config = rig.config(
            download__spool_url=f'"file://{root}/spool"',
            download__auth_hosts='["127.0.0.1"]',
            retry__delays_s="[1.0, 600.0]",
            **dict.fromkeys(("edges__enrich", "edges__download", "edges__upload"), '"topic"'),
        )
        config.write_text(config.read_text().replace('level = "info"', 'level = "debug"'))
        rig.feed_all()
        killed = rig.run(config, *WITHOUT_RESULTS)
        wait_until(
            lambda: killed.log().count('"item.parked"') > 2 and any((root / "spool").iterdir()), "work"
        )
        killed.send(signal.SIGKILL)
        killed.wait()
        said = {"log of the killed run": killed.log_path.read_bytes(), **_state(root, "killed")}
        summary = root / "summary.json"
        done = subprocess.run(
            [CLAIMX, "run", "-c", config, *WITHOUT_RESULTS, "--exit-when-idle", "--summary-json", summary],
            capture_output=True, timeout=150, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        said |= {"stdout": done.stdout, "stderr": done.stderr, "summary": summary.read_bytes()}
        said |= {**_state(root, "ended"), **_lake(rig), **_kafka(rig), **_commands(rig, config)}
        yield Left(said, _handed_out(rig))


def _hopeless(rig: Rig) -> list[dict[str, object]]:
    tasks = sorted(key[0] for key in rig.manifest.keys["claimx_tasks"])[:6]
    media = sorted(key[0] for key in rig.manifest.keys["claimx_attachments"])[:6]
    return [
        {"kind": "status", "at": ["task"], "ids": tasks[:3], "status": 403},
        {"kind": "status", "at": ["task"], "ids": tasks[3:], "status": 429, "seconds": 600},
        {"kind": "status", "at": ["file", "object"], "ids": media[:3], "status": 403},
        {"kind": "status", "at": ["file", "object"], "ids": media[3:], "status": 503},
    ]


def _state(root: Path, when: str) -> dict[str, bytes]:
    """Every byte of the state directory, the write-ahead log of the delay queue included; names of spool and files."""
    found = {
        f"{when}: {path.name}": path.read_bytes() for path in (root / "state").rglob("*") if path.is_file()
    }
    assert any("delay.sqlite" in place and b'"kind"' in text for place, text in found.items()), (
        "something is parked"
    )
    names = [str(path) for name in ("spool", "files", "state") for path in (root / name).rglob("*")]
    return found | {f"{when}: names": "\n".join(names).encode()}


def _lake(rig: Rig) -> dict[str, bytes]:
    """The text columns of every table, and the bytes of every commit and data file."""
    found: dict[str, bytes] = {}
    for name in TABLE_NAMES:
        for column in rig.table(name).select(pl.selectors.string()).iter_columns():
            found[f"{name}.{column.name}"] = "\n".join(column.drop_nulls()).encode()
    for path in rig.tables.rglob("*"):
        if path.is_file():
            found[str(path.relative_to(rig.tables))] = path.read_bytes()
    return found


def _kafka(rig: Rig) -> dict[str, bytes]:
    """Dead letters, reports, and what is committed with the offsets."""
    topics, found = rig.topics, {}
    for topic in (topics.events_dlq, topics.enrichment_dlq, topics.downloads_dlq, topics.downloads_results):
        records = rig.letters(topic)
        assert records, f"nothing on {topic}"
        parts = [part for m in records for part in (m.key(), m.value(), repr(m.headers()).encode())]
        found[topic] = b"\n".join(part for part in parts if part)
    for stage in STAGES:
        found[f"metadata of {stage}"] = "\n".join(_metadata(rig, stage)).encode()
    return found


def _metadata(rig: Rig, stage: str) -> Iterator[str]:
    consumer = Consumer(
        {"bootstrap.servers": rig.broker.bootstrap_servers, "group.id": f"{rig.group}.{stage}"}
    )
    try:
        asked = [TopicPartition(t, n) for t in topics_of(stage, rig.topics) for n in range(PARTITIONS)]
        yield from (found.metadata or "" for found in consumer.committed(asked, timeout=10))
    finally:
        consumer.close()


def _commands(rig: Rig, config: Path) -> dict[str, bytes]:
    """Every command that reads, in every form that it has."""
    letters = [json.loads(line) for line in _said("dlq", "list", "-o", "jsonl", config=config).splitlines()]
    stages = {letter["stage"]: letter["id"] for letter in letters}
    assert stages.keys() >= {"ingest", "enrich", "download"}
    log = rig.table("claimx_event_log").filter(pl.col("event_id").is_not_null())
    events = log.group_by("outcome").agg(pl.col("event_id").first())["event_id"]
    asked: list[tuple[Any, ...]] = [
        *(("dlq", "list", "-o", form) for form in ("text", "json", "jsonl")),
        ("dlq", "list", "--group-by", "code"),
        *(("dlq", "inspect", id_, "-o", form) for id_ in stages.values() for form in ("text", "json")),
        ("dlq", "export", "-"),
        ("dlq", "replay", "--all", "--dry-run"),
        *(("trace", id_, "-o", "json") for id_ in events),
        ("trace", events[0]),
        *(("config", name, "-o", form) for name in ("show", "check") for form in ("text", "json")),
        ("verify", "-o", "json"),
        ("tables", "status"),
    ]  # fmt: skip
    found = {" ".join(arguments): _said(*arguments, config=config).encode() for arguments in asked}
    assert b'"api.token"' in found["config show -o json"]
    return found


def _said(*arguments: str, config: Path) -> str:
    done = claimx(*arguments, "-c", config)
    return done.stdout + done.stderr


def _handed_out(rig: Rig) -> set[bytes]:
    """The signatures of the links in tasks: topics between stages are where they may be."""
    found: set[bytes] = set()
    for topic in (rig.topics.downloads_pending, rig.topics.downloads_cached):
        for message in rig.letters(topic):
            task = decode_task(message.value())
            task = task.download if isinstance(task, CachedFile) else task
            assert isinstance(task, DownloadTask)
            query = dict(parse_qsl(urlsplit(task.url).query))
            found |= {query[name].encode() for name in ("sign", "X-Amz-Signature") if name in query}
    return found


def test_the_run_went_wrong_in_every_way(left: Left) -> None:
    log = left.said["log of the killed run"] + left.said["stderr"]
    for told in (
        b'"item.parked"',
        b'"item.dead_lettered"',
        b"api.403",
        b"api.429",
        b"file.stale",
        b"file.5xx",
    ):
        assert told in log, told
    assert len(left.signatures) > 50


def test_the_token_is_nowhere(left: Left) -> None:
    user, _, password = PAIR.partition(b":")
    again = base64.b64encode(TOKEN.encode())
    needles = (
        TOKEN.encode(),
        TOKEN.rstrip("=").encode(),
        quote(TOKEN).encode(),
        PAIR,
        password,
        again.rstrip(b"="),
    )
    assert user
    assert left.places(*needles) == []
    assert left.matches(SCHEME) == []


def test_no_signature_is_anywhere(left: Left) -> None:
    assert left.places(*left.signatures) == []
    assert left.matches(SIGNED) == []
