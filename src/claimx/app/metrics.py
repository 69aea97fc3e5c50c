"""The numbers of a running process, read from any thread: nothing here waits for the event loop or calls it."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from time import sleep
from typing import NamedTuple

import msgspec

from claimx import __version__
from claimx.adapters.prometheus import CONTENT_TYPE, Exposition
from claimx.domain.ledger import TopicCounts
from claimx.domain.stage_names import STAGES
from claimx.domain.times import SECOND, Micros
from claimx.ports.clock import Clock
from claimx.ports.health import Answer
from claimx.stages.guard import attempted
from claimx.stages.partitions import Partitions
from claimx.stages.pipeline import Pipeline
from claimx.stages.progress import Doing
from claimx.telemetry import catalogue as c
from claimx.telemetry.family import Family, Sample
from claimx.telemetry.log import suppressed_lines

_LOOKS = 100
_BETWEEN_S = 0.005


class Metrics:
    """Reads the engine's plain numbers.

    Args:
        loop_time: the clock of the event loop.
    """

    def __init__(self, clock: Clock, loop_time: Callable[[], float]) -> None:
        self._clock = clock
        self._loop_time = loop_time
        self._run: tuple[Pipeline, Path] | None = None
        self._errors = 0
        self._exposition = Exposition(self.read)

    def attach(self, pipeline: Pipeline, spool: Path) -> None:
        """Read this pipeline from now on; before, only the process is told of.

        Args:
            spool: the directory of its spool.
        """
        self._run = pipeline, spool

    def answer(self) -> Answer:
        """The exposition, over HTTP. A bug in it harms nobody but who asks."""
        text = attempted(self._exposition.render)
        if isinstance(text, Exception):
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", b"a bug in claimx\n")
        return Answer(HTTPStatus.OK, CONTENT_TYPE, text)

    def read(self) -> Iterator[Sample]:
        """Every number of this moment. A bug in one group leaves that group out, and is counted."""
        groups: list[Callable[[], Iterator[Sample]]] = [lambda: _process(self._run)]
        if self._run is not None:
            moment = Moment(*self._run, self._clock.now(), self._loop_time())
            groups += [partial(group, moment) for group in _GROUPS]
        for group in groups:
            found = _whole(group)
            if isinstance(found, Exception):
                self._errors += 1
            else:
                yield from found
        yield c.METRIC_ERRORS, (), self._errors


class Moment(NamedTuple):
    """What is read, and when.

    Args:
        now: microseconds UTC; ``loop_now`` by the clock of the event loop.
    """

    pipeline: Pipeline
    spool: Path
    now: Micros
    loop_now: float


def consistent(partitions: Partitions) -> Mapping[str, tuple[TopicCounts, int]]:
    """Ledger and records in flight by topic, as of one moment.

    Another thread may look while the loop is between two lines that belong together: then look again, a moment later.
    What stays broken is broken.
    """
    seen: dict[str, tuple[TopicCounts, int]] = {}
    for _ in range(_LOOKS):
        seen = {
            topic: (msgspec.structs.replace(counts), partitions.in_flight(topic))
            for topic, counts in partitions.counts.copy().items()
        }
        if all(counts.violation(in_flight) is None for counts, in_flight in seen.values()):
            break
        sleep(_BETWEEN_S)
    return seen


def _whole(group: Callable[[], Iterator[Sample]]) -> list[Sample] | Exception:
    return attempted(lambda: list(group()))


def _records(moment: Moment) -> Iterator[Sample]:
    pipeline = moment.pipeline
    seen = consistent(pipeline.partitions)
    for topic in (name for source in pipeline.sources for name in source.topics):
        counts, in_flight = seen.get(topic, (TopicCounts(), 0))
        yield c.RECORDS_RECEIVED, (topic,), counts.received
        for outcome in c.SETTLED:
            yield c.RECORDS_SETTLED, (topic, outcome), getattr(counts, outcome)
        yield c.RECORDS_IN_FLIGHT, (topic,), in_flight
    yield c.LEDGER_VIOLATIONS, (), pipeline.flow.runtime.counters.ledger_violations


def _delay_queue(moment: Moment) -> Iterator[Sample]:
    pipeline = moment.pipeline
    counts, waiting, due = pipeline.laws.seen
    for how in ("carried_over", "parked"):
        yield c.DELAY_ROWS_IN, (how,), getattr(counts, how)
    for how in ("resolved", "dead_lettered", "dropped"):
        yield c.DELAY_ROWS_OUT, (how,), getattr(counts, how)
    yield c.DELAY_ROWS, (), waiting
    yield c.DELAY_ROWS_DUE, (), due


def _kafka(moment: Moment) -> Iterator[Sample]:
    pipeline = moment.pipeline
    yield c.KAFKA_MISSED, (), pipeline.kafka_trouble is not None
    owned, paused = list(pipeline.partitions.owned.values()), pipeline.paused
    for topic in (name for source in pipeline.sources for name in source.topics):
        yield c.ASSIGNED, (topic,), sum(p.topic == topic for p in owned)
        yield c.PAUSED, (topic,), sum(p.topic == topic for p in paused)
    for partition in owned:
        oldest = partition.ages.oldest(partition.committed)
        age_s = 0.0 if oldest is None else max(0, moment.now - oldest) / SECOND
        yield c.OLDEST_AGE, (partition.topic, str(partition.number)), age_s
    for change in ("assigned", "revoked"):
        yield c.REBALANCED, (change,), pipeline.partitions.changes[change]
    for result, times in dict(pipeline.commits).items():
        yield c.COMMITS, (result,), times


def _consumers(moment: Moment) -> Iterator[Sample]:
    pipeline = moment.pipeline
    committed = {(p.topic, p.number): p.committed for p in list(pipeline.partitions.owned.values())}
    for stage, source in zip(
        (name for name in STAGES if name in pipeline.stages), pipeline.sources, strict=True
    ):
        vitals = source.vitals
        for (topic, number), end in vitals.ends.items():
            if (topic, number) in committed:
                yield c.LAG, (topic, str(number)), max(0, end - committed[topic, number])
        if vitals.brokers_up is not None:
            yield c.BROKERS_UP, (stage,), vitals.brokers_up
        if vitals.polled_at is not None:
            yield c.SINCE_POLL, (stage,), max(0.0, moment.loop_now - vitals.polled_at)


def _workers(moment: Moment) -> Iterator[Sample]:
    pipeline = moment.pipeline
    board = pipeline.flow.runtime.board
    for stage, seen in board.seen(moment.loop_now).items():
        yield c.WORKER_SECONDS, (stage, "waiting"), seen.waiting_s
        yield c.WORKER_SECONDS, (stage, "working"), seen.working_s
        yield c.WORKER_SECONDS, (stage, "blocked"), seen.blocked_s
        yield c.WORKERS_OF, (stage,), board[stage].workers
        yield c.IN_HAND, (stage,), seen.in_flight
        yield c.DONE, (stage,), seen.done
        unmoved = (
            moment.loop_now - held.ticked_at - held.extra_s
            for held in seen.held
            if held.doing is Doing.WORKING
        )
        yield c.UNMOVED, (stage,), max(0.0, *unmoved, 0.0)


def _stages(moment: Moment) -> Iterator[Sample]:
    pipeline = moment.pipeline
    counters = pipeline.flow.runtime.counters
    for stage in STAGES:
        yield c.STAGE_RUNS, (stage,), stage in pipeline.stages
    for stage, (items, capacity) in pipeline.queues.items():
        yield c.QUEUE_ITEMS, (stage,), items
        yield c.QUEUE_CAPACITY, (stage,), capacity
    yield from _each(c.PASSES, counters.passes)
    for how, copies in counters.duplicates.copy().items():
        yield c.DUPLICATES, (how,), copies
    yield from counters.measures.shapes()


def _enrichment(moment: Moment) -> Iterator[Sample]:
    counters, circuits = moment.pipeline.flow.runtime.counters, moment.pipeline.flow.circuits
    yield c.PREFLIGHTS, (), counters.preflights
    yield from _each(c.API_REQUESTS, counters.api_requests)
    yield c.API_SAVED, (), counters.api_calls_saved
    for circuit in (circuits.api, circuits.files, circuits.store):
        now = circuit.state.value
        for state in c.CIRCUIT_STATES:
            yield c.CIRCUIT_STATE, (circuit.name, state), state == now
    yield from _each(c.CIRCUIT_TRANSITIONS, counters.circuit_transitions)


def _files(moment: Moment) -> Iterator[Sample]:
    pipeline = moment.pipeline
    counters = pipeline.flow.runtime.counters
    yield c.URL_REFRESHES, (), counters.url_refreshes
    yield c.URLS_REFUSED, (), counters.urls_refused
    yield c.FILES_STORED, (), counters.files
    yield c.FILE_BYTES_STORED, (), counters.file_bytes


def _disk(moment: Moment) -> Iterator[Sample]:
    with suppress(OSError):
        yield c.SPOOL_FREE, (), shutil.disk_usage(moment.spool).free


def _lake(moment: Moment) -> Iterator[Sample]:
    pipeline = moment.pipeline
    counters = pipeline.flow.runtime.counters
    yield c.FLUSHES, (), counters.flushes
    yield c.FLUSHED_AT, (), counters.flushed_at / SECOND
    yield c.BUFFERED_ROWS, (), pipeline.flow.buffer.rows
    for table, rows in counters.lake_rows.copy().items():
        yield c.LAKE_ROWS, (table,), rows
    yield from _each(c.LAKE_WRITES, counters.lake_writes)


def _failures(moment: Moment) -> Iterator[Sample]:
    pipeline = moment.pipeline
    counters, told = pipeline.flow.runtime.counters, pipeline.flow.flood.told
    yield from _each(c.PARKED, counters.parked)
    yield from _each(c.DEAD_LETTERS, counters.dead_letters)
    for limit in c.FLOODS:
        yield c.FLOOD, (limit,), limit == told


def _budgets(moment: Moment) -> Iterator[Sample]:
    pools = moment.pipeline.flow.pools
    for name in c.POOLS:
        pool = getattr(pools, name)
        yield c.BUDGET_USED, (name,), pool.used
        yield c.BUDGET_PEAK, (name,), pool.peak
        yield c.BUDGET_LIMIT, (name,), pool.limit


def _process(run: tuple[Pipeline, Path] | None) -> Iterator[Sample]:
    now = "starting" if run is None else "draining" if run[0].is_draining else "running"
    for state in c.PROCESS_STATES:
        yield c.STATE, (state,), state == now
    yield c.BUILD_INFO, (__version__,), 1
    yield c.LOG_LINES_SUPPRESSED, (), suppressed_lines()


_GROUPS = (
    _records,
    _delay_queue,
    _kafka,
    _consumers,
    _workers,
    _stages,
    _enrichment,
    _files,
    _disk,
    _lake,
    _failures,
    _budgets,
)


def _each(family: Family, counts: Mapping[tuple[str, str], int]) -> list[Sample]:
    """A copy, made in one step: the loop may add a key meanwhile."""
    return [(family, labels, count) for labels, count in dict(counts).items()]
