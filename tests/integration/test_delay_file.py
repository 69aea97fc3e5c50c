"""The delay queue's file: what we left is opened, anything else is refused, and nothing is taken for an empty queue."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from claimx.adapters import delay_file
from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.domain.queue_mark import QueueMark, encode, judge
from claimx.domain.tasks import encode_task
from claimx.errors import DelayFileError, TransientError
from support.delayed import STAGES, ask, row

ROWS = 500
V1 = """
CREATE TABLE delayed (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, child TEXT NOT NULL,
    stage TEXT NOT NULL, task BLOB NOT NULL, attempt INTEGER NOT NULL, code TEXT NOT NULL,
    due_at INTEGER NOT NULL, parked_at INTEGER NOT NULL, token INTEGER,
    PRIMARY KEY (topic, partition, "offset", child)
) STRICT;
CREATE INDEX delayed_due ON delayed (due_at) WHERE token IS NULL;
PRAGMA user_version = 1;
"""


def opened(path: Path) -> SqliteDelayQueue:
    queue = SqliteDelayQueue(path)
    queue.open()
    return queue


async def filled(path: Path, rows: int = ROWS) -> QueueMark:
    """Make a file with rows in it, closed."""
    queue = opened(path)
    await queue.park([row(n, n) for n in range(rows)])
    mark = await queue.mark()
    await queue.close()
    return mark


def garbage(path: Path) -> None:
    path.write_bytes(b"this is not a database, and long enough to be looked at" * 20)


def garbled_header(path: Path) -> None:
    asyncio.run(filled(path))
    with path.open("r+b") as file:
        file.write(os.urandom(100))


def broken_page(path: Path) -> None:
    asyncio.run(filled(path))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xa5" * 16_384)


def cut_short(path: Path) -> None:
    asyncio.run(filled(path))
    os.truncate(path, path.stat().st_size // 2)


def of_another_application(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE notes (text TEXT); PRAGMA application_id = 7; PRAGMA user_version = 2"
    )
    connection.close()


def of_nobody_we_know(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE notes (text TEXT)")
    connection.close()


def newer(path: Path) -> None:
    asyncio.run(filled(path))
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {delay_file.VERSION + 1}")
    connection.close()


def without_identity(path: Path) -> None:
    asyncio.run(filled(path))
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM meta")
    connection.commit()
    connection.close()


def a_log_without_its_file(path: Path) -> None:
    path.with_name(path.name + "-wal").write_bytes(os.urandom(4096))


def a_log_beside_an_empty_file(path: Path) -> None:
    path.touch()
    a_log_without_its_file(path)


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (garbage, "file is not a database"),
        (garbled_header, "file is not a database"),
        (broken_page, "damaged|malformed"),
        (cut_short, "damaged|malformed"),
        (of_another_application, "another application"),
        (of_nobody_we_know, "another application"),
        (newer, "delay queue of version 3; this claimx reads up to 2"),
        (without_identity, "0 identities"),
        (a_log_without_its_file, "missing or empty, but its delay.sqlite-wal is there"),
        (a_log_beside_an_empty_file, "missing or empty, but its delay.sqlite-wal is there"),
        (a_folder, "cannot be opened|can be used"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_is_not_what_we_left_is_refused_with_what_to_do_and_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None], text: str
) -> None:
    path = tmp_path / "delay.sqlite"
    spoil(path)
    before = {file: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    with pytest.raises(DelayFileError, match=text) as caught:
        opened(path)
    with pytest.raises(DelayFileError):
        delay_file.look_into(path)
    assert str(path) in str(caught.value)
    assert "move it away" in caught.value.hint or "run the claimx that wrote it" in caught.value.hint
    assert {file: file.read_bytes() for file in tmp_path.iterdir() if file in before} == before


def test_a_file_is_looked_into_without_making_or_changing_anything(tmp_path: Path) -> None:
    path = tmp_path / "delay.sqlite"
    assert delay_file.look_into(path) is None
    assert list(tmp_path.iterdir()) == []
    asyncio.run(filled(path))
    before = path.read_bytes()
    assert delay_file.look_into(path) == ROWS
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == {path: before}


def test_a_file_of_an_older_version_is_looked_into_and_not_brought_to_this_one(tmp_path: Path) -> None:
    path = tmp_path / "delay.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(V1)
    connection.close()
    before = path.read_bytes()
    assert delay_file.look_into(path) == 0
    assert path.read_bytes() == before


def test_a_file_that_another_process_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "delay.sqlite"
    asyncio.run(filled(path))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DelayFileError, match="locked"):
        opened(path)
    holder.close()


async def test_a_page_that_breaks_while_we_run_ends_the_run_and_is_not_tried_for_ever(tmp_path: Path) -> None:
    path, rows = tmp_path / "delay.sqlite", 20_000  # more than SQLite keeps in memory
    await filled(path, rows)
    queue = opened(path)
    with path.open("r+b") as file:
        file.seek(3 * 16_384)
        file.write(b"\xa5" * (path.stat().st_size - 3 * 16_384))
    with pytest.raises(DelayFileError, match="malformed") as caught:
        await queue.lease(rows, rows, STAGES)
    assert "move it away" in caught.value.hint
    await queue.close()


async def test_a_file_that_is_locked_for_a_while_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "delay.sqlite"
    queue = opened(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(TransientError, match="locked"):
        await queue.park([row(1, 1)])
    holder.close()
    assert await queue.park([row(1, 1)]) == 1
    await queue.close()


@pytest.mark.parametrize("restore", ["lost", "emptied"])
async def test_a_lost_or_emptied_file_is_a_new_queue_and_the_commits_tell(
    tmp_path: Path, restore: str
) -> None:
    path = tmp_path / "delay.sqlite"
    committed = encode("claimx-0", await filled(path))
    if restore == "lost":
        path.unlink()
    else:
        os.truncate(path, 0)
    queue = opened(path)
    (problem,) = judge("claimx-0", await queue.mark(), [committed])
    assert "lost, or replaced" in problem
    await queue.close()


async def test_an_older_copy_of_the_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "delay.sqlite"
    await filled(path)
    backup = path.read_bytes()
    queue = opened(path)
    await queue.park([row(9_000, 1)])
    committed = encode("claimx-0", await queue.mark())
    assert judge("claimx-0", await queue.mark(), [committed]) == []
    await queue.close()
    path.write_bytes(backup)
    queue = opened(path)
    (problem,) = judge("claimx-0", await queue.mark(), [committed])
    assert "truncated, or restored from a backup" in problem
    await queue.close()


async def test_a_log_that_was_removed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "delay.sqlite"
    await filled(path)
    queue = opened(path)
    await queue.park([row(9_000, 1)])
    committed = encode("claimx-0", await queue.mark())
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(path.read_bytes())  # what is left when only the -wal is gone
    await queue.close()
    queue = opened(copy)
    (problem,) = judge("claimx-0", await queue.mark(), [committed])
    assert "truncated" in problem
    await queue.close()


async def test_the_rows_of_version_1_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "delay.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(V1)
    for n, token in ((1, None), (2, 17), (3, None)):
        task = row(n, 10 * n).task
        values = (*task.origin, task.child, "download", encode_task(task), 1, "file.503", 10 * n, 5, token)
        connection.execute("INSERT INTO delayed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    connection.commit()
    connection.close()
    queue = opened(path)
    assert (await queue.mark()).sequence == 3
    assert await queue.recover() == 3
    taken, look_at = await queue.lease(20, 9, STAGES)
    assert [(t.row.due_at, t.crashes) for t in taken] == [(10, 0), (20, 1)]
    assert look_at == 30
    await queue.park([row(4, 40)])
    mark = await queue.mark()
    await queue.close()
    assert ask(path, "PRAGMA user_version") == [(delay_file.VERSION,)]
    assert ask(path, "PRAGMA application_id") == [(delay_file.APPLICATION_ID,)]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    again = opened(path)
    assert await again.mark() == mark
    assert [listed.row for listed in await again.list_rows(9)][3] == row(4, 40)
    await again.close()


async def test_every_file_has_an_identity_of_its_own(tmp_path: Path) -> None:
    marks = set()
    for name in "abc":
        marks.add((await filled(tmp_path / f"{name}.sqlite")).queue_id)
    assert len(marks) == 3


async def test_parks_that_come_together_are_committed_together(tmp_path: Path) -> None:
    path = tmp_path / "delay.sqlite"
    queue = opened(path)
    answered = await asyncio.gather(*(queue.park([row(n, n)]) for n in range(300)), queue.count())
    assert answered == [1] * 300 + [300]
    assert (await queue.mark()).sequence == 300
    await queue.close()


async def test_who_no_longer_waits_harms_nobody(tmp_path: Path) -> None:
    queue = opened(tmp_path / "delay.sqlite")
    parks = [asyncio.create_task(queue.park([row(n, n)])) for n in range(20)]
    await asyncio.sleep(0)
    parks[3].cancel()
    results = await asyncio.gather(*parks, return_exceptions=True)
    assert [n for n, result in enumerate(results) if result != 1] == [3]
    await queue.close()
