"""Whether the process moves, and whether it is of use now: judged from what was seen, without a clock of its own."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from claimx.config.tree import Settings
from claimx.domain.tasks import Origin
from claimx.ports.health import Reason
from claimx.ports.source import KafkaVitals
from claimx.stages.progress import Doing, Held, Seen

_LOOP_S = 15.0
"""A turn of the loop takes milliseconds; the longest fsync or collection seen took less than two seconds."""
_IDLE_S = 120.0
"""No part of ours that others wait for rests so long while it has work; calls of others have limits of their own below."""
_OWN_S = 120.0
"""Between two awaits a stage computes for milliseconds, or waits for a local disk."""
_MARGIN_S = 60.0
_FLUSH_S = 1800.0
"""Inside a commit to a lake nothing tells that it moves; each of its dozen requests gives up within three minutes."""
_COMMIT_S = 300.0
"""A broker that is up answers an offset commit, or librdkafka gives it up, within a minute."""
_UPLOAD_S = 300.0
"""A small file's tries at the store end within a minute; a large one says how long it may take."""
_HOPS = 6
"""Redirects of a file host, each with its own deadline."""
_FROZEN_S = 5.0
"""Looks come each second. After a longer gap the whole process stood still, and nobody in it is to blame."""
_SLOW_FLUSH_S = 60.0
_MAX_POLL_MS = 300_000


class Patience(NamedTuple):
    """For how long what works may give no sign of life.

    Args:
        stages: seconds by stage.
        poll_s: of the consumers' threads.
    """

    stages: Mapping[str, float]
    poll_s: float


class Snapshot(NamedTuple):
    """What was seen of the engine.

    Args:
        queued: items that wait for a stage.
        live: receipts that are not settled.
        flush_due_at: when the cycle that fills is due by its age.
        circuits: dependencies whose circuit is not closed.
        failing: durable writes that are being done again.
        flood: the limit of [flood] that is reached.
        consumers: by the topics of each.
        orphans: records that nobody holds.
        kafka_trouble: what is wrong with Kafka now, as the last look at it told.
    """

    stages: Mapping[str, Seen]
    queued: Mapping[str, int]
    live: int
    flush_due_at: float | None
    circuits: Sequence[str]
    failing: Sequence[str]
    flood: str | None
    consumers: Mapping[str, KafkaVitals]
    orphans: Sequence[Origin] = ()
    kafka_trouble: str | None = None


def patience_of(settings: Settings) -> Patience:
    """What these settings allow."""
    api, download = settings.api, settings.download
    line_s = api.max_concurrent / api.rate_limit_per_s if api.rate_limit_per_s else 0.0
    stages = {
        "api": 2 * api.timeout_s
        + line_s
        + _MARGIN_S,  # a refused token is read again, and the call made again
        "download": _HOPS * download.stall_s + _MARGIN_S,
        "upload": _UPLOAD_S,
        "flush": _FLUSH_S,
        "commit": _COMMIT_S,
    }
    interval_ms = settings.kafka.client.get("max.poll.interval.ms", _MAX_POLL_MS)
    poll_ms = float(interval_ms) if isinstance(interval_ms, int | float | str) else _MAX_POLL_MS
    return Patience(stages, poll_ms / 1000 / 2)


class Judge:
    """Tells whether work is there and nothing moves. An outage of others is no stall, nor is having nothing to do."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._looked_at: float | None = None
        self._floor = 0.0
        self._kafka_bad_at = 0.0
        self._suspected: dict[tuple[str, str], float] = {}

    def look(self, now: float) -> None:
        """Begin a look. Looks come each second; where they did not, the whole process stood still."""
        if self._looked_at is None or now - self._looked_at > _FROZEN_S:
            self._floor = now
        self._looked_at = now

    def silence(self, beat_at: float, now: float, busy_in: Callable[[], str]) -> Iterator[Reason]:
        """Judge the event loop's heartbeat."""
        age = self._since(beat_at, now)
        if age > _LOOP_S:
            stage = busy_in()
            yield Reason("loop.silent", f"event loop silent for {age:.1f} s, busy in {stage}", stage)

    def stalls(self, seen: Snapshot, now: float) -> list[Reason]:
        """Judge what was seen; a suspicion must stand in every look for a while."""
        if any(not vitals.brokers_up for vitals in seen.consumers.values()):
            self._kafka_bad_at = now
        suspicions = {(reason.code, reason.about): (reason, at) for reason, at in _suspicions(seen, now)}
        self._suspected = {
            key: max(moved_at, self._suspected.get(key, now)) for key, (_, moved_at) in suspicions.items()
        }
        return [
            *self._stuck(seen, now),
            *(suspicions[key][0] for key, at in self._suspected.items() if self._since(at, now) > _IDLE_S),
            *self._silent(seen, now),
            *map(_orphaned, seen.orphans),
        ]

    def _since(self, moment: float, now: float) -> float:
        return now - max(moment, self._floor)

    def _stuck(self, seen: Snapshot, now: float) -> Iterator[Reason]:
        """Items that a stage works on, and that do not move."""
        for stage, each in seen.stages.items():
            still = [
                (self._since(item.ticked_at + item.extra_s, now), item)
                for item in each.held
                if _must_move(stage, item)
            ]
            if not still:
                continue
            age, item = max(still, key=lambda pair: pair[0])
            if stage == "commit":
                age = min(age, now - self._kafka_bad_at)
            if age > self._patience.stages.get(stage, _OWN_S):
                detail = f"{stage} has not moved {item.name} for {age + item.extra_s:.0f} s"
                yield Reason("stage.stuck", detail, stage)

    def _silent(self, seen: Snapshot, now: float) -> Iterator[Reason]:
        for topics, vitals in seen.consumers.items():
            if vitals.polled_at is None:
                continue
            age = self._since(vitals.polled_at, now)
            if age > self._patience.poll_s:
                yield Reason("consumer.silent", f"the consumer of {topics} polled {age:.0f} s ago", topics)


def hindrances(seen: Snapshot, now: float) -> Iterator[Reason]:
    """What keeps the process from being of use at the moment; none of it is its own fault."""
    yield from _of_kafka(seen)
    for name in seen.circuits:
        yield Reason("circuit.open", f"{name} fails: calls wait, a probe goes out now and then", name)
    if seen.flood is not None:
        yield Reason("flood", "too many dead letters: intake waits for a person", seen.flood)
    for failure in seen.failing:
        yield Reason("storage.failing", f"a write fails and is done again: {failure}", failure)
    flush = seen.stages.get("flush")
    for item in flush.held if flush else ():
        if _must_move("flush", item) and now - item.ticked_at > _SLOW_FLUSH_S:
            yield Reason("storage.slow", f"a flush takes {now - item.ticked_at:.0f} s already", "flush")


def _of_kafka(seen: Snapshot) -> Iterator[Reason]:
    for topics, vitals in seen.consumers.items():
        if not vitals.brokers_up:
            yield Reason("kafka.disconnected", f"the consumer of {topics} has no broker", topics)
    if seen.kafka_trouble is not None:
        yield Reason("kafka.missed", seen.kafka_trouble)


def _must_move(stage: str, item: Held) -> bool:
    return item.doing is Doing.WORKING or (stage == "commit" and item.doing is Doing.OUTSIDE)


def _suspicions(seen: Snapshot, now: float) -> Iterator[tuple[Reason, float]]:
    """What would be a stall if it lasts, and when there was movement last."""
    for stage, count in seen.queued.items():
        there, admission = seen.stages.get(stage), seen.stages.get(f"{stage}_admission")
        if count and not (there and there.held) and not (admission and admission.held):
            reason = Reason("stage.untaken", f"{count} items wait for {stage}, and none is taken", stage)
            yield reason, (there and there.ticked_at) or 0.0
    if _nothing_moves(seen, now):
        waits = Counter(
            f"{stage} waits for {item.on}" for stage, each in seen.stages.items() for item in each.held
        )
        who = ", ".join(f"{what} ({count})" for what, count in sorted(waits.items())) or "no stage has them"
        detail = f"{seen.live} records are in flight and nothing moves: {who}"
        yield Reason("engine.deadlocked", detail), max(each.ticked_at or 0.0 for each in seen.stages.values())


def _nothing_moves(seen: Snapshot, now: float) -> bool:
    """Whether everything in flight waits for another part of ours; a cycle that fills is waited for by choice."""
    is_by_choice = seen.circuits or seen.flood or (seen.flush_due_at is not None and now < seen.flush_due_at)
    held = [item for each in seen.stages.values() for item in each.held]
    return bool(
        seen.live
        and not is_by_choice
        and not any(item.doing in {Doing.WORKING, Doing.OUTSIDE} for item in held)
    )


def _orphaned(origin: Origin) -> Reason:
    where = f"{origin.topic}/{origin.partition}"
    return Reason(
        "partition.orphaned", f"{where} stands at offset {origin.offset}: no stage has that record", where
    )
