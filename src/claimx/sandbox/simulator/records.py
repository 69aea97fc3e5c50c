"""The feed: the first N events of the world as Kafka records, with what a real topic has besides. Pure.

Besides: copies (exact ones, and the same event spelled in another way), up to eleven of one event; events before the
creation of their project; and now and then a record that is no event.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import NamedTuple

from claimx.domain.times import SECOND, Micros
from claimx.sandbox.simulator.happenings import Happening, happenings
from claimx.sandbox.simulator.spellings import spell
from claimx.sandbox.simulator.world import BEGINNING, World, chance

_ACTIVE_PROJECTS = 12
_MILLISECOND = SECOND // 1000
_NOISE_FIRST, _NOISE_EVERY = 7, 40
_TIMELESS_FIRST, _TIMELESS_EVERY = 30, 150
_MANY_FIRST, _MANY_EVERY = 60, 700
_MANY_COPIES, _FARTHEST_COPY = 10, 60


class Record(NamedTuple):
    """One record of claimx.events.raw.

    Args:
        value: None is a tombstone.
        timestamp_ms: the record's Kafka timestamp where it matters (no time in the event), else the producer's own.
    """

    key: bytes | None
    value: bytes | None
    timestamp_ms: int | None = None


NOISE: tuple[bytes | None, ...] = (
    b'{"eventType":"PROJECT_CREATED","projectId":53951',
    b'{"eventType":"PROJECT_FILE_ADDED","projectId":5395115,"masterFileName":"\xff\xfe"}',
    b'{"eventType":"PROJECT_CREATED","ingestedAt":"2026-01-11T15:30:00Z"}',
    b'{"eventType":"PROJECT_CREATED","projectId":"  "}',
    b'{"eventType":"PROJECT_CREATED","projectId":"P-5395115"}',
    b'{"eventType":"  ","projectId":5395115}',
    None,
    b"[1,2,3]",
    b"",
    b"<html>503 Service Unavailable</html>",
)
"""Records that are no events: a tombstone, and others that end in the dead letters, byte for byte."""


def records(world: World, events: int) -> Iterator[Record]:
    """Make the records of the first ``events`` distinct events, in the order in which they are to be produced."""
    rng = world.draws("records")
    copies: list[tuple[int, int, Record]] = []
    serial = count()
    when = BEGINNING
    for number, happening in enumerate(_interleaved(rng, world, events)):
        while copies and copies[0][0] <= number:
            yield heappop(copies)[2]
        when += rng.randrange(200, 4000) * _MILLISECOND
        if number % _NOISE_EVERY == _NOISE_FIRST:
            yield Record(b"5395115", NOISE[number // _NOISE_EVERY % len(NOISE)])
        original, again = _spelled(rng, number, happening, when)
        yield original
        for record in again:
            heappush(copies, (number + rng.randint(1, _FARTHEST_COPY), next(serial), record))
    while copies:
        yield heappop(copies)[2]


def _interleaved(rng: Random, world: World, events: int) -> Iterator[Happening]:
    indexes = count()
    active: list[Iterator[Happening]] = []
    made = 0
    while made < events:
        while len(active) < _ACTIVE_PROJECTS:
            active.append(iter(happenings(world, next(indexes))))
        project = rng.choice(active)
        happening = next(project, None)
        if happening is None:
            active.remove(project)
        else:
            made += 1
            yield happening


def _spelled(rng: Random, number: int, happening: Happening, when: Micros) -> tuple[Record, list[Record]]:
    """Write an event and its copies."""
    key = str(happening.project_id).encode()
    copies = _MANY_COPIES if number % _MANY_EVERY == _MANY_FIRST else int(chance(rng, 0.05))
    if happening.is_hopeless:
        return Record(key, spell(rng, happening, when)), []
    if number % _TIMELESS_EVERY == _TIMELESS_FIRST:
        original = Record(key, spell(rng, happening, None), when // _MILLISECOND)
        return original, [original] * copies
    given_id = f"evt_{rng.getrandbits(64):016x}" if chance(rng, 0.08) else None
    original = Record(key, spell(rng, happening, when, given_id))
    later = (
        when if given_id is None else when + 5 * SECOND
    )  # an id that is given may come back with another time
    again = [
        original if chance(rng, 0.5) else Record(key, spell(rng, happening, later, given_id))
        for _ in range(copies)
    ]
    return original, again
