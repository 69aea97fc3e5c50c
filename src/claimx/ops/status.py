"""``claimx status``: the live numbers of a running process, and what is wrong with them."""

from collections.abc import Iterator

import msgspec

from claimx.domain.ledger import TopicCounts
from claimx.ports.control import Queue, Status

_MEGABYTE = 1_000_000
_MINUTE_S, _HOUR_S = 60, 3600
_ENDS = ("received", *TopicCounts.__struct_fields__[1:])


def troubles(status: Status) -> list[str]:
    """Name what makes a process degraded; empty when it is well."""
    found = [f"circuit {name} is {state}" for name, state in status.circuits.items() if state != "closed"]
    if status.flood is not None:
        found.append(f"a flood of dead letters ({status.flood}) pauses intake: claimx dlq list")
    if status.kafka_trouble is not None:
        found.append(f"Kafka: {status.kafka_trouble}: claimx doctor --only kafka")
    found += status.stuck
    found += [f"{what} is done again and again: see the log" for what in status.failing]
    if status.ledger_violation is not None:
        found.append(f"the ledger does not add up: {status.ledger_violation}")
    return found


def as_json(status: Status) -> str:
    """One JSON object."""
    return msgspec.json.encode(status).decode()


def as_text(status: Status) -> str:
    """Some lines for people."""
    return "\n".join(_lines(status))


def _lines(status: Status) -> Iterator[str]:
    state = "draining" if status.is_draining else "running"
    yield f"{status.instance}  {state}  claimx {status.version}  pid {status.pid}  up {_ago(status.uptime_s)}"
    yield f"stages       {', '.join(status.stages)}"
    for trouble in troubles(status):
        yield f"TROUBLE      {trouble}"
    yield f"in flight    {status.in_flight:,}"
    yield f"lag          {_told(status.lag)}"
    delay = status.delay_queue
    stages = "".join(f", {name} {rows:,}" for name, rows in sorted((delay.by_stage or {}).items()))
    yield f"parked       {_told(delay.waiting)}, due {_told(delay.due)}{stages}"
    counts = delay.counts
    yield (
        f"  this run   {counts.carried_over:,} carried over, {counts.parked:,} parked, {counts.resolved:,} resolved,"
        f" {counts.dead_lettered:,} dead-lettered, {counts.dropped:,} dropped"
    )
    yield f"circuits     {', '.join(f'{name} {state}' for name, state in status.circuits.items())}"
    for name, states in status.circuit_transitions.items():
        yield f"  {name:<10} {', '.join(f'{state} {times:,}' for state, times in states.items())}"
    yield f"queues       {', '.join(f'{name} {_share(each)}' for name, each in status.queues.items())}"
    yield f"megabytes    {', '.join(f'{name} {_megabytes(each)}' for name, each in status.bytes.items())}"
    yield from _topics(status)


def _topics(status: Status) -> Iterator[str]:
    if not status.topics:
        yield "no partition is assigned yet"
        return
    head = ("topic", *_ENDS, "in_flight")
    rows = [
        (
            topic,
            *(f"{getattr(counts, name):,}" for name in _ENDS),
            f"{status.topics_in_flight.get(topic, 0):,}",
        )
        for topic, counts in sorted(status.topics.items())
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for name, *numbers in (head, *rows):
        cells = (f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True))
        yield f"{name:<{widths[0]}}  {'  '.join(cells)}"


def _told(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _share(queue: Queue) -> str:
    return f"{queue.used:,}/{queue.limit:,}"


def _megabytes(queue: Queue) -> str:
    return f"{queue.used / _MEGABYTE:,.1f}/{queue.limit / _MEGABYTE:,.0f}"


def _ago(seconds: float) -> str:
    whole = int(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
