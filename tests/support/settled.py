"""A finished run with everything in it: committed, skipped, parked, retried and dead-lettered; and copies to harm."""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from confluent_kafka import Consumer, Producer, TopicPartition
from deltalake import DeltaTable, write_deltalake

from support.kafka import Broker
from support.rig import PARTITIONS, Rig, rig_on

EVENTS = 300
SEED = 7


@dataclass
class Settled:
    """The lake, files and delay queue of a run, or a copy of them, and how its config is told of them."""

    rig: Rig
    config: Path
    root: Path

    @property
    def tables(self) -> Path:
        return self.root / "tables"

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def delay(self) -> Path:
        return self.root / "state" / "claimx-0" / "delay.sqlite"

    @property
    def options(self) -> list[str]:
        """How a command finds it."""
        sets = {
            "lake.tables_url": self.tables,
            "lake.files_url": self.files,
            "process.state_dir": self.root / "state",
        }
        return [
            "-c",
            str(self.config),
            *(part for key, value in sets.items() for part in ("--set", f"{key}={value}")),
        ]

    def copy(self, root: Path) -> "Settled":
        shutil.copytree(self.root, root, ignore=shutil.ignore_patterns("*.log", "lock"))
        return Settled(self.rig, self.config, root)

    def table(self, name: str) -> pl.DataFrame:
        return pl.read_delta(str(self.tables / name))

    def delete(self, table: str, predicate: str) -> None:
        before = self.table(table).height
        delta = DeltaTable(self.tables / table)
        delta.alter.set_table_properties({"delta.appendOnly": "false"}, raise_if_not_exists=False)
        delta.delete(predicate)
        assert self.table(table).height < before, predicate

    def append(self, table: str, rows: pl.DataFrame) -> None:
        write_deltalake(str(self.tables / table), rows, mode="append")

    def delay_rows(self) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.delay)) as connection:
            return connection.execute('SELECT topic, partition, "offset", child FROM delayed').fetchall()

    def delete_delay_row(self) -> tuple[Any, ...]:
        row = self.delay_rows()[0]
        with closing(sqlite3.connect(self.delay)) as connection:
            connection.execute(
                'DELETE FROM delayed WHERE topic = ? AND partition = ? AND "offset" = ? AND child = ?', row
            )
            connection.commit()
        return row


@contextmanager
def settled_run(broker: Broker, root: Path) -> Iterator[Settled]:
    """Feed all, let some tasks be refused for long and some files for a moment, and run until idle."""
    with rig_on(broker, root, SEED, EVENTS) as rig:
        tasks = sorted(key[0] for key in rig.manifest.keys["claimx_tasks"])[:3]
        media = sorted(key[0] for key in rig.manifest.keys["claimx_attachments"])[:3]
        rig.faults(
            {"kind": "status", "at": ["task"], "ids": tasks, "status": 429, "seconds": 600},
            {"kind": "status", "at": ["file", "object"], "ids": media, "status": 503, "times": 3},
        )
        config = rig.config(retry__delays_s="[1.0, 600.0]")
        rig.feed_all()
        daemon = rig.run(config, "--exit-when-idle")
        assert daemon.wait(120) == 0, daemon.log()[-3000:]
        yield Settled(rig, config, root)


def commit_as(rig: Rig, group: str, topic: str, offsets: Mapping[int, int], metadata: str = "") -> None:
    """Commit offsets for a group that has no members."""
    consumer = Consumer({"bootstrap.servers": rig.broker.bootstrap_servers, "group.id": group})
    try:
        wanted = [TopicPartition(topic, n, offset, metadata) for n, offset in offsets.items()]
        for done in consumer.commit(offsets=wanted, asynchronous=False):
            assert done.error is None
    finally:
        consumer.close()


def produce(rig: Rig, topic: str, partition: int, value: bytes) -> None:
    """Put one record on a topic."""
    producer = Producer({"bootstrap.servers": rig.broker.bootstrap_servers})
    producer.produce(topic, value, partition=partition)
    assert producer.flush(30) == 0


def all_committed(rig: Rig) -> dict[int, int]:
    """What the run has committed of claimx.events.raw."""
    committed = rig.committed()
    assert len(committed) == PARTITIONS
    return committed
