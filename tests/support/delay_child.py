"""Processes that work on a delay queue until they are killed, and say what they were promised.

What a line says is written at once: ``will KEY`` before a row may go, ``parking KEY``
before it may come, ``parked KEY``, ``deleted KEY``, ``mark TEXT``.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.domain.queue_mark import encode
from claimx.ports.delay import RowKey
from support.delayed import STAGES, key, row

Say = Callable[[str], None]


def name_of(row_key: RowKey) -> str:
    """A key in one word."""
    return f"{row_key.origin.offset}:{row_key.child}"


async def _park(queue: SqliteDelayQueue, say: Say, offset: int, due_at: int) -> None:
    parked = row(offset, due_at, attempt=1 + due_at % 3)
    say(f"parking {name_of(parked.key)}")
    await queue.park([parked])
    say(f"parked {name_of(parked.key)}")
    say(f"mark {encode('claimx-0', await queue.mark())}")


async def _work_off(queue: SqliteDelayQueue, say: Say, now: int, limit: int) -> None:
    taken, _ = await queue.lease(now, limit, STAGES)
    for each in taken:
        say(f"will {name_of(each.row.key)}")
    for lease in await queue.delete([each.lease for each in taken]):
        say(f"deleted {name_of(RowKey(lease.origin, lease.child))}")


async def work_for_ever(path: Path, seed: int, say: Say) -> None:
    """Park, park over, lease and delete, several at once."""
    rng = random.Random(seed)
    say("opening")
    queue = SqliteDelayQueue(path)
    queue.open()
    await queue.recover()
    offset = seed * 1_000_000
    while True:
        async with asyncio.TaskGroup() as group:
            for _ in range(rng.randint(1, 12)):
                offset += 1
                group.create_task(_park(queue, say, offset, rng.randrange(100)))
                if rng.random() < 0.3:
                    group.create_task(_park(queue, say, offset - rng.randrange(5), rng.randrange(100)))
            group.create_task(_work_off(queue, say, rng.randrange(100), rng.randint(1, 10)))


async def work_once(path: Path, say: Say) -> None:
    """Everything that is ever done to a queue, once."""
    queue = SqliteDelayQueue(path)
    queue.open()
    await queue.recover()
    for offset in (1, 2, 3, 4):
        await _park(queue, say, offset, 10 * offset)
    await _park(queue, say, 3, 15)
    await _work_off(queue, say, 12, 1)
    await queue.lease(25, 1, STAGES)
    await queue.make_due([key(4)], 5)
    say(f"will {name_of(key(4))}")
    await queue.drop([key(4)])
    say(f"deleted {name_of(key(4))}")
    await queue.close()


def die_at(statement: int) -> None:
    """Kill this process before SQLite begins its so manieth statement."""
    begun = [0]

    def count(_: str) -> None:
        begun[0] += 1
        if begun[0] == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    def arm(_: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ == "execute":
            sys.setprofile(None)
            called.__self__.set_trace_callback(count)

    sys.setprofile(arm)


def die_everywhere(folder: Path) -> None:
    """Run ``work_once`` in a process of its own for each statement, killed there; the last one lives and ends."""
    statement, status = 0, -1
    while status not in {0, 256}:
        statement += 1
        place = folder / f"{statement:03}"
        place.mkdir()
        child = os.fork()
        if child == 0:
            _die_once(place, statement)
        status = os.waitpid(child, 0)[1]
    if status:
        sys.exit("a run ended by itself, but not well")


def _die_once(place: Path, statement: int) -> None:
    code = 1
    try:
        told = os.open(place / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        die_at(statement)
        asyncio.run(work_once(place / "delay.sqlite", lambda line: _write(told, line)))
        code = 0
    finally:
        os._exit(code)


def _write(descriptor: int, line: str) -> None:
    os.write(descriptor, f"{line}\n".encode())


if __name__ == "__main__":
    if len(sys.argv) == 2:
        die_everywhere(Path(sys.argv[1]))
    else:
        asyncio.run(work_for_ever(Path(sys.argv[1]), int(sys.argv[2]), lambda line: _write(1, line)))
