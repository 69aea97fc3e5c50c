"""What /metrics says of a pipeline, on memory adapters."""

import threading
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from claimx.adapters.clock import WallClock
from claimx.adapters.prometheus import Exposition
from claimx.app.metrics import Metrics, consistent
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import Receipt
from claimx.ports.source import KafkaVitals
from claimx.stages.partitions import Partitions
from claimx.stages.pipeline import Pipeline
from claimx.telemetry import catalogue
from claimx.telemetry.catalogue import CATALOGUE
from support.flows import NoSource, pipeline_of

TOPIC = "claimx.events.raw"
NOW_S = 1000.0


class Told(NoSource):
    """A consumer that knows how it is."""

    vitals = KafkaVitals(NOW_S - 3.0, 1, {(TOPIC, 0): 50})


def numbers(pipeline: Pipeline | None, spool: Path = Path("/")) -> dict[str, dict[frozenset[Any], float]]:
    metrics = Metrics(WallClock(), lambda: NOW_S)
    if pipeline is not None:
        metrics.attach(pipeline, spool)
    text = Exposition(metrics.read).render().decode()
    found: dict[str, dict[frozenset[Any], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def labelled(**labels: str) -> frozenset[Any]:
    return frozenset(labels.items())


@pytest.fixture
def pipeline() -> Pipeline:
    made = pipeline_of(make_source=lambda _, __: Told())
    made.partitions.assigned(TOPIC, 0, 10, "")
    return made


async def test_every_family_is_there_from_the_start_and_every_count_is_zero(pipeline: Pipeline) -> None:
    found = numbers(pipeline)
    for family in CATALOGUE:
        name = family.full_name + ("_count" if family.kind == "histogram" else "")
        if family is catalogue.COMMITS:
            assert found[name] == {labelled(result="committed"): 0.0, labelled(result="failed"): 0.0}
        assert found.get(name), name
        if family.kind != "gauge" and family is not catalogue.REBALANCED:
            assert set(found[name].values()) == {0.0}, name
    assert not [name for name in found if name.endswith("_created")]
    assert "process_cpu_seconds_total" in found
    assert "python_gc_collections_total" in found


def test_before_there_is_a_pipeline_the_process_is_told_of() -> None:
    found = numbers(None)
    assert found["claimx_state"][labelled(state="starting")] == 1
    assert found["claimx_flushes_total"] == {frozenset(): 0.0}


async def test_lag_and_age_are_those_of_what_is_not_committed(pipeline: Pipeline) -> None:
    place = labelled(topic=TOPIC, partition="0")
    (partition,) = pipeline.partitions.owned.values()
    assert numbers(pipeline)["claimx_kafka_consumer_lag_records"][place] == 40
    partition.ages.note(10, 12, WallClock().now() - 300_000_000, 10)
    age = numbers(pipeline)["claimx_kafka_oldest_uncommitted_age_seconds"][place]
    assert 300 <= age < 400
    partition.committed = 12
    assert numbers(pipeline)["claimx_kafka_oldest_uncommitted_age_seconds"][place] == 0
    assert numbers(pipeline)["claimx_kafka_consumer_lag_records"][place] == 38
    pipeline.partitions.revoked(partition)
    assert "claimx_kafka_consumer_lag_records" not in numbers(pipeline)
    assert numbers(pipeline)["claimx_kafka_assigned_partitions"][labelled(topic=TOPIC)] == 0


async def test_what_is_in_no_closed_set_is_counted_as_other(pipeline: Pipeline) -> None:
    parked = pipeline.flow.runtime.counters.parked
    parked["enrich", "api"], parked["enrich", "new"], parked["enrich", "newer"] = 1, 2, 3
    found = numbers(pipeline)["claimx_items_parked_total"]
    assert found[labelled(stage="enrich", code_class="api")] == 1
    assert found[labelled(stage="enrich", code_class="other")] == 5


async def test_a_bug_in_one_group_leaves_that_group_out_and_is_counted(pipeline: Pipeline) -> None:
    pipeline.laws.seen = None  # type: ignore[assignment]
    found = numbers(pipeline)
    assert found["claimx_metric_errors_total"] == {frozenset(): 1.0}
    assert "claimx_delay_rows" not in found
    assert "claimx_flushes_total" in found


def law(found: dict[str, dict[frozenset[Any], float]]) -> float:
    settled = sum(found["claimx_records_settled_total"].values())
    return (
        sum(found["claimx_records_received_total"].values())
        - settled
        - sum(found["claimx_records_in_flight"].values())
    )


async def test_a_record_that_was_settled_twice_shows_at_each_scrape(pipeline: Pipeline) -> None:
    assert law(numbers(pipeline)) == 0
    pipeline.partitions.counts[TOPIC].settled(Outcome.COMMITTED)
    assert law(numbers(pipeline)) == -1


class Slow(Receipt):
    """A receipt that is taken in slowly: half way, a reader may look."""

    __slots__ = ("asked", "go_on", "is_half_way")

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.asked, self.is_half_way, self.go_on = 0, threading.Event(), threading.Event()

    @property
    def count(self) -> int:
        self.asked += 1
        if self.asked == 2:
            self.is_half_way.set()
            assert self.go_on.wait(10)
        return 1


def test_a_reader_that_looks_while_the_loop_is_between_two_lines_looks_again() -> None:
    partitions = Partitions(20_000)
    receipt = Slow.of(partitions.assigned(TOPIC, 0, 0, ""), 0, 1, 0)
    loop = threading.Thread(target=lambda: partitions.begin(receipt))
    loop.start()
    assert receipt.is_half_way.wait(10)
    assert partitions.violation() is not None
    later = threading.Timer(0.01, receipt.go_on.set)
    later.start()
    ((counts, in_flight),) = consistent(partitions).values()
    loop.join()
    later.join()
    assert (counts.received, in_flight) == (1, 1)
