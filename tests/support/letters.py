"""Dead letters on topics of a test's own, and the claimx of an operator."""

import io
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from claimx.cli import main
from claimx.config.tree import Topics
from claimx.domain.dead_letter import DeadLetter, Failure, of_record, of_task
from claimx.domain.events import Malformed
from claimx.domain.tasks import DownloadTask, EnrichmentTask, Origin
from claimx.domain.times import SECOND
from support.kafka import Broker

PARTITIONS = 4
NOW = 1_770_000_000 * SECOND
SIGNATURE = "X-Amz-Signature=0badc0de0badc0de"
TOKEN = "dXNlcjpub3QtYS1wYXNzd29yZA=="


def enrichment(n: int, code: str = "api.5xx.exhausted") -> DeadLetter:
    """A task of project 1000 + n % 50 that the API did not answer."""
    task = EnrichmentTask(
        event_id=f"event-{n:06}",
        event_type="PROJECT_FILE_ADDED",
        project_id=str(1000 + n % 50),
        ingested_at=NOW - 60 * SECOND,
        origin=Origin("claimx.events.raw", n % 3, n),
        first_tried_at=NOW - 30 * SECOND,
        media_id=str(n + 1),
        attempt=5,
        asked=2,
    )
    return of_task("enrich", task, task.child, Failure("TransientError", code, "503"), NOW + n * SECOND)


def download(n: int) -> DeadLetter:
    """A file whose host was refused."""
    task = DownloadTask(
        event_id=f"event-{n:06}",
        event_type="PROJECT_FILE_ADDED",
        project_id=str(1000 + n % 50),
        media_id=str(n + 1),
        url=f"https://files.example/{n}.jpg?{SIGNATURE}",
        origin=Origin("claimx.events.raw", n % 3, n),
        first_tried_at=NOW - 30 * SECOND,
        refresh_count=1,
        attempt=3,
    )
    return of_task(
        "download", task, task.child, Failure("PermanentError", "url.refused", "host"), NOW + n * SECOND
    )


def malformed(n: int, value: bytes | None = None) -> DeadLetter:
    """A record that is no event."""
    record = Malformed(
        "event.not_json",
        "truncated",
        b"key-\xff",
        b'{"projectId": %d, "eventType' % n if value is None else value,
        [("traceparent", b"00-1-2-03"), ("raw", b"\xfe\xff")],
        NOW - 3600 * SECOND,
        n,
        100,
    )
    return of_record("ingest", record, Origin("claimx.events.raw", n % 3, n), NOW + n * SECOND)


class Done(NamedTuple):
    """What a command said."""

    stdout: str
    stderr: str


@dataclass
class Office:
    """Topics of one test, with their dead letters."""

    broker: Broker
    root: Path
    topics: Topics = field(init=False)
    config: Path = field(init=False)

    def __post_init__(self) -> None:
        run = uuid.uuid4().hex[:8]
        self.topics = Topics(**{name: f"{run}.{name}" for name in Topics.__struct_fields__})
        self.config = self.root / "claimx.toml"
        names = "".join(f'{n} = "{getattr(self.topics, n)}"\n' for n in Topics.__struct_fields__)
        self.config.write_text(
            f'[api]\ntoken = "{TOKEN}"\n[lake]\ntables_url = "t"\nfiles_url = "f"\n'
            f'[kafka]\nbootstrap_servers = "{self.broker.bootstrap_servers}"\n[kafka.topics]\n{names}'
        )

    def create_topics(self) -> None:
        self.broker.create_topics(*msgspec.structs.astuple(self.topics), partitions=PARTITIONS)

    def bury(self, letters: Iterable[DeadLetter]) -> None:
        topics = {
            "ingest": self.topics.events_dlq,
            "enrich": self.topics.enrichment_dlq,
            "download": self.topics.downloads_dlq,
        }
        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers, "linger.ms": 20})
        for each in letters:
            producer.produce(topics[each.stage], each.value, each.key, headers=list(each.headers))
            producer.poll(0)
        assert producer.flush(30) == 0

    def command(self, *arguments: object) -> list[str]:
        """The command as a process of its own."""
        return [sys.executable, "-m", "claimx", *map(str, arguments), "-c", str(self.config)]

    def claimx(self, *arguments: object, code: int = 0) -> Done:
        """Run a command in this process, as an operator without a terminal, and look at its exit code."""
        out, err, hook = io.StringIO(), io.StringIO(), sys.excepthook
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            main([*map(str, arguments), "-c", str(self.config)])
        sys.excepthook = hook
        done = Done(out.getvalue(), err.getvalue())
        assert (end.value.code or 0) == code, (end.value.code, done.stdout[-2000:], done.stderr[-2000:])
        assert SIGNATURE not in done.stdout + done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done

    def json(self, *arguments: object, code: int = 0) -> Any:
        return msgspec.json.decode(self.claimx(*arguments, "-o", "json", code=code).stdout)

    def open(self, *arguments: object) -> int:
        return int(self.json("dlq", "list", *arguments)["total"])

    def records(self, topic: str) -> list[Any]:
        """Every record of a topic."""
        return list(_read(self.broker.bootstrap_servers, topic))

    def watermarks(self, topic: str) -> list[tuple[int, int]]:
        consumer = _consumer(self.broker.bootstrap_servers)
        try:
            return [
                consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=10)
                for n in range(PARTITIONS)
            ]
        finally:
            consumer.close()


def headers_of(record: Any) -> dict[str, bytes]:
    return dict(record.headers() or [])


def _consumer(servers: str) -> Consumer:
    return Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.auto.commit": False})


def _read(servers: str, topic: str) -> Iterator[Any]:
    consumer = _consumer(servers)
    try:
        parts = [TopicPartition(topic, n) for n in range(PARTITIONS)]
        marks = [consumer.get_watermark_offsets(part, timeout=10) for part in parts]
        for part, (low, _) in zip(parts, marks, strict=True):
            part.offset = low
        consumer.assign(parts)
        left = sum(high - low for low, high in marks)
        until = time.monotonic() + 30
        while left > 0 and time.monotonic() < until:
            for message in consumer.consume(500, 0.2):
                assert message.error() is None
                left -= 1
                yield message
        assert left == 0
    finally:
        consumer.close()
