"""``claimx`` with a fuse or a bug in it: ``python -P crash_points.py NAME N -- run -c my.toml``.

A fuse kills the process, as ``kill -9`` does, at the Nth time that it comes to a named point. A bug strikes at every
Nth call. Both are put around methods from outside: the product has no hooks for them.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

from claimx.adapters.claimx_api import HttpClaimxApi
from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.adapters.delta import DeltaLake
from claimx.adapters.dlq_kafka import KafkaDeadLetters
from claimx.adapters.dlq_replay import KafkaReplayer
from claimx.adapters.http_files import HttpFile
from claimx.adapters.kafka import KafkaSource
from claimx.adapters.object_store import ObjectStore
from claimx.adapters.spool import LocalSpoolFile
from claimx.cli import main
from claimx.domain.events import Event
from claimx.domain.receipts import Receipt
from claimx.domain.rows import Row
from claimx.stages.ingest import Ingest

Method = Callable[..., Awaitable[Any]]
Reached = Callable[[], None]
KILLED_AT = "killed at"
BUGGY_TABLES = (
    "claimx_projects",
    "claimx_tasks",
    "claimx_attachment_metadata",
    "claimx_video_collab",
    "claimx_attachments",
)
"""Whose rows ``drop_a_row`` drops: those that a line of the log owes by itself."""


def command(name: str, n: int = 1) -> list[str]:
    """What stands for ``claimx``."""
    return [sys.executable, "-P", __file__, name, str(n), "--"]


# ---- where a process dies ----


def after_the_events_flush(reached: Reached) -> None:
    """claimx_events has the rows, nothing else has."""
    _after(DeltaLake, "merge_events", reached)


def after_an_api_answer(reached: Reached) -> None:
    """The API has answered, and nobody has heard of it."""
    _after(HttpClaimxApi, "send", reached)


def in_the_middle_of_a_download(reached: Reached) -> None:
    """A part of a body is there."""
    chunks = HttpFile.chunks

    async def some(file: HttpFile) -> AsyncGenerator[bytes, None]:
        got = 0
        async for chunk in chunks(file):
            got += len(chunk)
            yield chunk
            if got < (file.length or 0):
                reached()

    HttpFile.chunks = some


def after_the_fsync_of_a_spool_file(reached: Reached) -> None:
    """The file is whole and has its name; its task has not moved."""
    _after(LocalSpoolFile, "finish", reached)


def after_an_upload_before_its_row(reached: Reached) -> None:
    """The file is in the files root, its row in no table."""
    _after(ObjectStore, "put", reached)


def between_the_phases_of_a_flush(reached: Reached) -> None:
    """Events, contacts and projects are durable, what refers to them is not."""
    _after(DeltaLake, "merge", reached, lambda _, table, __: table == "claimx_projects")


def between_the_rows_and_the_log_line(reached: Reached) -> None:
    """Every row is durable, no line tells of it."""
    _before(DeltaLake, "append_log", reached)


def between_the_flush_and_the_commit(reached: Reached) -> None:
    """Everything of a flush is durable, its offsets are not committed."""
    _before(KafkaSource, "commit", reached)


def after_a_park(reached: Reached) -> None:
    """The delay row is durable, its child has not closed."""
    _after(SqliteDelayQueue, "park", reached)


def before_a_leased_row_is_deleted(reached: Reached) -> None:
    """The retry is done and its line is written, its delay row is still there."""
    _before(SqliteDelayQueue, "delete", reached)


def while_a_dead_letter_is_produced(reached: Reached) -> None:
    """The client has the letter; whether the broker has it, nobody knows."""
    put = KafkaDeadLetters.put

    async def begun(*arguments: Any) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(put(*arguments))
            await asyncio.sleep(0)  # the task hands the letter over, and waits
            reached()

    KafkaDeadLetters.put = begun


def after_the_acknowledgement_of_a_dead_letter(reached: Reached) -> None:
    """The letter is on its topic, its record has not settled."""
    _after(KafkaDeadLetters, "put", reached)


def between_the_letters_of_a_replay_and_their_marks(reached: Reached) -> None:
    """The letters are back on their topic, and not marked as replayed."""
    send = KafkaReplayer.send

    def sent(*arguments: Any) -> Sequence[str | None]:
        answers = send(*arguments)
        reached()
        return answers

    KafkaReplayer.send = sent


OF_A_REPLAY = between_the_letters_of_a_replay_and_their_marks.__name__
"""The one point of ``claimx dlq replay``; the others are the daemon's."""
POINTS = {
    point.__name__: point
    for point in (
        after_the_events_flush,
        after_an_api_answer,
        in_the_middle_of_a_download,
        after_the_fsync_of_a_spool_file,
        after_an_upload_before_its_row,
        between_the_phases_of_a_flush,
        between_the_rows_and_the_log_line,
        between_the_flush_and_the_commit,
        after_a_park,
        before_a_leased_row_is_deleted,
        while_a_dead_letter_is_produced,
        after_the_acknowledgement_of_a_dead_letter,
        between_the_letters_of_a_replay_and_their_marks,
    )
}


def _after(owner: Any, name: str, reached: Reached, when: Callable[..., bool] = lambda *_: True) -> None:
    original: Method = getattr(owner, name)

    async def wrapped(*arguments: Any) -> Any:
        result = await original(*arguments)
        if when(*arguments):
            reached()
        return result

    setattr(owner, name, wrapped)


def _before(owner: Any, name: str, reached: Reached) -> None:
    original: Method = getattr(owner, name)

    async def wrapped(*arguments: Any) -> Any:
        reached()
        return await original(*arguments)

    setattr(owner, name, wrapped)


def _fuse(name: str, n: int) -> Reached:
    left = n

    def reached() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.write(2, f"{KILLED_AT} {name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


# ---- what a bug does ----


def settle_without_the_work(strikes: Callable[[], bool]) -> None:
    """Now and then ingest takes an event for done: its offset settles, without row, enrichment or log line."""
    begin_event = Ingest._begin_event

    def begin(ingest: Ingest, intake: Any, event: Event, receipt: Receipt) -> None:
        if not strikes():
            begin_event(ingest, intake, event, receipt)
            return
        settlement = ingest._settlement
        settlement._partitions.settle(receipt)
        settlement._finish(receipt)

    Ingest._begin_event = begin


def drop_a_row(strikes: Callable[[], bool]) -> None:
    """Now and then the last row of a MERGE is left out."""
    merge = DeltaLake.merge

    async def most(lake: DeltaLake, table: str, rows: Sequence[Row]) -> None:
        kept = rows[:-1] if table in BUGGY_TABLES and strikes() else rows
        if kept:
            await merge(lake, table, kept)

    DeltaLake.merge = most


BUGS = {bug.__name__: bug for bug in (settle_without_the_work, drop_a_row)}


def _every(n: int) -> Callable[[], bool]:
    calls = 0

    def strikes() -> bool:
        nonlocal calls
        calls += 1
        return calls % n == 0

    return strikes


def _seed(name: str, n: int) -> None:
    if name in BUGS:
        BUGS[name](_every(n))
    else:
        POINTS[name](_fuse(name, n))


if __name__ == "__main__":
    _, its_name, number, _, *given = sys.argv
    _seed(its_name, int(number))
    main(given)
