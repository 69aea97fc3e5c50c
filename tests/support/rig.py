"""A broker, the simulator and a feed, started by hand as a user would, and the daemon as a process."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import msgspec
import polars as pl
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from claimx.adapters.kafka_readers import topics_of
from claimx.app.tables import make_tables
from claimx.config.tree import Lake, Topics
from claimx.domain.stage_names import STAGES
from claimx.sandbox.manifest import Manifest, manifest_of, problems
from support.beside import Beside
from support.kafka import Broker

TOKEN = "dGVzdDpub3QtcmVhbA=="  # base64 of test:not-real
CLAIMX = str(Path(sys.executable).with_name("claimx"))
PARTITIONS = 6
T = TypeVar("T")
LOADING = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
}


def wait_until(is_true: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
    """Look every 50 ms until something is true; fail with its name when time is up."""
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def patiently(ask: Callable[..., T], *arguments: Any) -> T:
    """Ask again while a broker that has just begun, or was frozen, is still finding itself."""
    end = time.monotonic() + 20.0
    while True:
        try:
            return ask(*arguments, timeout=10)
        except KafkaException as error:
            if error.args[0].code() not in LOADING or time.monotonic() > end:
                raise
            time.sleep(0.1)


class Daemon:
    """``claimx run`` as a process.

    Args:
        command: what stands for ``claimx``.
        environ: variables beside ours.
    """

    def __init__(
        self,
        config: Path,
        *arguments: str,
        command: Sequence[str] = (CLAIMX,),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.summary_path = config.with_name(f"summary-{uuid.uuid4().hex[:6]}.json")
        self.log_path = self.summary_path.with_suffix(".log")
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "run", "-c", str(config), "--summary-json", str(self.summary_path), *arguments],
                stdout=subprocess.DEVNULL,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={k: v for k, v in os.environ.items() if not k.startswith("CLAIMX_")} | (environ or {}),
            )

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 120.0) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {seconds} s:\n{self.log()[-3000:]}") from None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads(self.summary_path.read_bytes())

    def log(self) -> str:
        return self.log_path.read_text()

    def assigned(self, topic: str) -> int:
        """How often a partition of the topic was assigned."""
        lines = [json.loads(line) for line in self.log().splitlines() if '"partitions.assigned"' in line]
        return sum(len(line["partitions"]) for line in lines if line["topic"] == topic)

    def rss_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000


class Rig:
    """One lake, one simulator, topics of its own on the given broker."""

    def __init__(
        self, broker: Broker, root: Path, seed: int, events: int, simulator: Mapping[str, str]
    ) -> None:
        run = uuid.uuid4().hex[:8]
        self.broker, self.root, self.seed, self.events = broker, root, seed, events
        self.group = f"claimx-{run}"
        self.topics = Topics(**{name: f"{run}.{name}" for name in Topics.__struct_fields__})
        self.tables, self.files = root / "tables", root / "files"
        self.base_url = simulator["base_url"]
        self._control = simulator["control_url"] + "/_control/"
        self._hosts = [urlsplit(simulator[name]).netloc for name in ("base_url", "object_base")]
        self._feed: subprocess.Popen[bytes] | None = None
        self._daemons: list[Daemon] = []
        asyncio.run(make_tables(Lake(tables_url=str(self.tables), files_url=str(self.files))))
        broker.create_topics(*msgspec.structs.astuple(self.topics), partitions=PARTITIONS)

    def config(self, **changes: str) -> Path:
        """Write my.toml; ``changes`` are whole lines for a section, by ``section__key``."""
        sections: dict[str, dict[str, str]] = {
            "process": {"state_dir": f'"{self.root}/state"'},
            "kafka": {
                "bootstrap_servers": f'"{self.broker.bootstrap_servers}"',
                "group_id": f'"{self.group}"',
            },
            "kafka.topics": {n: f'"{getattr(self.topics, n)}"' for n in Topics.__struct_fields__},
            "kafka.client": {'"session.timeout.ms"': "6000", '"heartbeat.interval.ms"': "1000"},
            "api": {"base_url": f'"{self.base_url}"', "token": f'"{TOKEN}"'},
            "download": {
                "allowed_hosts": '["127.0.0.1"]',
                "allow_insecure_hosts": json.dumps(self._hosts),
            },
            "lake": {
                "tables_url": f'"{self.tables}"',
                "files_url": f'"{self.files}"',
                "flush_interval_s": "1.0",
            },
            "limits": {},
            "enrich": {},
            "retry": {},
            "edges": {},
            "flood": {},
            "health": {"host": '"127.0.0.1"', "port": "0"},
            "log": {"level": '"info"', "format": '"json"'},
        }
        if changes.get("kafka__group_protocol") == '"consumer"':
            sections["kafka.client"] = {}  # the broker decides these
        for name, value in changes.items():
            section, _, key = name.partition("__")
            sections[section][key] = value
        path = self.root / f"my-{uuid.uuid4().hex[:6]}.toml"
        path.write_text(
            "\n".join(
                f"[{s}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()) for s, keys in sections.items()
            )
        )
        return path

    def faults(self, *rules: Mapping[str, object]) -> None:
        """Put these faults in force at the simulator, and no others."""
        body = json.dumps(rules).encode()
        request = Request(self._control + "faults", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=10) as answer:
            assert answer.status == HTTPStatus.OK

    def stats(self) -> dict[str, Any]:
        """What the simulator has seen and served."""
        with urlopen(self._control + "stats", timeout=10) as answer:
            told: dict[str, Any] = json.load(answer)
            return told

    def start_feed(self) -> None:
        self._feed = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "claimx.sandbox.feed",
                "--bootstrap-servers",
                self.broker.bootstrap_servers,
                "--topic",
                self.topics.events_raw,
                "--group-id",
                f"{self.group}.ingest",
                "--seed",
                str(self.seed),
                "--events",
                str(self.events),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )

    def feed_all(self) -> None:
        """Put every event on the topic before anything consumes."""
        self.start_feed()
        self.feed_ended()

    def feed_ended(self) -> None:
        assert self._feed is not None
        assert self._feed.wait(120) == 0

    def run(
        self,
        config: Path,
        *arguments: str,
        command: Sequence[str] = (CLAIMX,),
        environ: Mapping[str, str] | None = None,
    ) -> Daemon:
        """Start the daemon; it is killed with the rig if it still runs."""
        daemon = Daemon(config, *arguments, command=command, environ=environ)
        self._daemons.append(daemon)
        return daemon

    def close(self) -> None:
        for daemon in self._daemons:
            if daemon.process.poll() is None:
                daemon.kill()
        if self._feed is not None:
            if self._feed.stdin is not None:
                self._feed.stdin.close()
            self._feed.terminate()
            self._feed.wait()

    # ---- what came out ----

    @cached_property
    def manifest(self) -> Manifest:
        return manifest_of(self.seed, self.events)

    def problems(self) -> list[str]:
        return problems(self.manifest, str(self.tables), str(self.files))

    def table(self, name: str) -> pl.DataFrame:
        return pl.read_delta(str(self.tables / name))

    def committed(self) -> dict[int, int]:
        """The committed offset of each partition, as the broker has it; 0 where there is none."""
        consumer = Consumer(
            {"bootstrap.servers": self.broker.bootstrap_servers, "group.id": f"{self.group}.ingest"}
        )
        try:
            asked = [TopicPartition(self.topics.events_raw, n) for n in range(PARTITIONS)]
            return {tp.partition: max(0, tp.offset) for tp in patiently(consumer.committed, asked)}
        finally:
            consumer.close()

    def open_work(self) -> dict[str, int]:
        """Records of each stage's topics that its group has not committed; 0 for all when everything is done."""
        return {stage: self._lag(stage, topics_of(stage, self.topics)) for stage in STAGES}

    def _lag(self, stage: str, topics: Sequence[str]) -> int:
        consumer = Consumer(
            {"bootstrap.servers": self.broker.bootstrap_servers, "group.id": f"{self.group}.{stage}"}
        )
        try:
            asked = [TopicPartition(topic, n) for topic in topics for n in range(PARTITIONS)]
            done = patiently(consumer.committed, asked)
            return sum(patiently(consumer.get_watermark_offsets, p)[1] - max(0, p.offset) for p in done)
        finally:
            consumer.close()

    def unlogged(self, committed: Mapping[int, int]) -> list[str]:
        """Records below committed offsets that have no line in the event log, and so no durable outcome (I2)."""
        if not (self.tables / "claimx_event_log" / "_delta_log").exists():
            return [f"{p}: {offset} committed and no event log" for p, offset in committed.items() if offset]
        log = self.table("claimx_event_log").filter(pl.col("child").is_null())
        log = log.filter(pl.col("topic") == self.topics.events_raw)
        told = {p: set(log.filter(pl.col("partition") == p)["offset"].to_list()) for p in committed}
        return [
            f"{p}/{offset}"
            for p, end in committed.items()
            for offset in self.delivered(p)
            if offset < end and offset not in told[p]
        ]

    def delivered(self, partition: int) -> Sequence[int]:
        """Offsets of the records that the feed put there: without transactions every offset is one."""
        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap_servers, "group.id": "watch"})
        try:
            where = TopicPartition(self.topics.events_raw, partition)
            low, high = patiently(consumer.get_watermark_offsets, where)
            return range(low, high)
        finally:
            consumer.close()

    def letters(self, topic: str) -> list[Any]:
        """Every dead letter of a topic."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.broker.bootstrap_servers,
                "group.id": "letters",
                "enable.auto.commit": False,
                "enable.partition.eof": False,
            }
        )
        found: list[Any] = []
        try:
            parts = [TopicPartition(topic, n, 0) for n in range(PARTITIONS)]
            ends = sum(consumer.get_watermark_offsets(p, timeout=10)[1] for p in parts)
            consumer.assign(parts)
            while len(found) < ends:
                found += [m for m in consumer.consume(100, 0.5) if m.error() is None]
        finally:
            consumer.close()
        return found


@contextlib.contextmanager
def rig_on(broker: Broker, root: Path, seed: int, events: int, *, faults: bool = False) -> Iterator[Rig]:
    """Start the simulator and make a rig; both end with the block."""
    simulator = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "claimx.sandbox.simulator",
            "--seed",
            str(seed),
            "--token",
            TOKEN,
            *(["--faults"] * faults),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert simulator.stdout is not None
        facts = json.loads(simulator.stdout.readline())
        rig = Rig(broker, root, seed, events, facts)
        try:
            yield rig
        finally:
            rig.close()
    finally:
        simulator.terminate()
        simulator.wait()
        for pipe in (simulator.stdin, simulator.stdout):
            if pipe is not None:
                pipe.close()


class Watch(Beside):
    """Samples I2 while the daemon runs: committed offsets first, then what is durable."""

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self.samples = 0
        self.found: list[str] = []
        self._rig = rig

    def work(self) -> None:
        while not self.end.wait(0.2):
            with contextlib.suppress(KafkaException):  # a broker that does not answer gives no sample
                self.found += self._rig.unlogged(self._rig.committed())
                self.samples += 1


SIGTERM = signal.SIGTERM
