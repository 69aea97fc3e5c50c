"""What is told of a running process, and what counts as trouble."""

from typing import Any

import msgspec
import pytest

from claimx.domain.ledger import DelayCounts, TopicCounts
from claimx.ops.status import as_json, as_text, troubles
from claimx.ports.control import DelayStatus, Queue, Status

WELL = Status(
    instance="claimx-0",
    version="1.2.3",
    pid=7,
    stages=["enrich", "ingest"],
    uptime_s=3_725.0,
    is_draining=False,
    in_flight=1_200,
    topics={"claimx.events.raw": TopicCounts(received=1_300, committed=100)},
    topics_in_flight={"claimx.events.raw": 1_200},
    delay_queue=DelayStatus(counts=DelayCounts(parked=3), waiting=3, due=1, by_stage={"enrich": 3}),
    circuits={"api": "closed", "files": "closed", "store": "closed"},
    flood=None,
    queues={"enrich": Queue(5, 512)},
    bytes={"intake": Queue(1_500_000, 64_000_000)},
    lag=9,
    ledger_violation=None,
)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"circuits": {"api": "open"}}, "circuit api is open"),
        ({"circuits": {"store": "half_open"}}, "circuit store is half_open"),
        ({"flood": "ratio"}, "a flood of dead letters (ratio) pauses intake: claimx dlq list"),
        ({"kafka_trouble": "it is gone"}, "Kafka: it is gone: claimx doctor --only kafka"),
        ({"failing": ["flush.failed"]}, "flush.failed is done again and again: see the log"),
        ({"stuck": ["upload has not moved"]}, "upload has not moved"),
        ({"ledger_violation": "2 is not 3"}, "the ledger does not add up: 2 is not 3"),
    ],
)
def test_each_trouble_is_named(changes: dict[str, Any], text: str) -> None:
    sick = msgspec.structs.replace(WELL, **changes)
    assert troubles(sick) == [text]
    assert f"TROUBLE      {text}" in as_text(sick).splitlines()
    assert troubles(WELL) == []


def test_text_has_every_number() -> None:
    assert as_text(WELL).splitlines() == [
        "claimx-0  running  claimx 1.2.3  pid 7  up 1 h 2 min",
        "stages       enrich, ingest",
        "in flight    1,200",
        "lag          9",
        "parked       3, due 1, enrich 3",
        "  this run   0 carried over, 3 parked, 0 resolved, 0 dead-lettered, 0 dropped",
        "circuits     api closed, files closed, store closed",
        "queues       enrich 5/512",
        "megabytes    intake 1.5/64",
        "topic              received  committed  forwarded  parked  dead_lettered  skipped  revoked  in_flight",
        "claimx.events.raw     1,300        100          0       0              0        0        0      1,200",
    ]


def test_transitions_of_circuits_are_told_where_there_were_any() -> None:
    moved = msgspec.structs.replace(
        WELL, circuit_transitions={"api": {"closed": 1, "half_open": 2, "open": 2}}
    )
    assert "  api        closed 1, half_open 2, open 2" in as_text(moved).splitlines()


def test_what_is_not_known_is_not_guessed() -> None:
    delay = DelayStatus(counts=DelayCounts(), waiting=None, due=None, by_stage=None)
    text = as_text(
        msgspec.structs.replace(WELL, lag=None, delay_queue=delay, topics={}, uptime_s=61, is_draining=True)
    )
    assert "lag          unknown" in text
    assert "parked       unknown, due unknown\n" in text
    assert text.endswith("no partition is assigned yet")
    assert "draining" in text
    assert "up 1 min 1 s" in text
    assert msgspec.json.decode(as_json(WELL))["schema"] == "claimx.status/1"
