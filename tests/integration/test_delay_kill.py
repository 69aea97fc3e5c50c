"""The delay queue survives kill -9: at any moment, and before any statement."""

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.domain.queue_mark import judge
from support.delay_child import name_of
from support.delayed import ask

TESTS = Path(__file__).parents[1]
KILLS = 20
SEED = 20_261_124


class Told:
    """What processes were promised, over all their lives."""

    def __init__(self) -> None:
        self.parked: set[str] = set()
        self.under_way: Counter[str] = Counter()
        self.gone: set[str] = set()
        self.may_be_gone: set[str] = set()
        self.marks: list[str] = []

    def hear(self, lines: list[str]) -> None:
        """Take the lines of one life."""
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "parking":
                self.under_way[rest] += 1
            elif word == "parked":
                self.under_way[rest] -= 1
                self.parked.add(rest)
                self.gone.discard(rest)
            elif word == "will":
                self.may_be_gone.add(rest)
            elif word == "deleted":
                self.gone.add(rest)
            elif word == "mark":
                self.marks.append(rest)


async def look(path: Path, told: Told) -> int:
    """Open the file as the next process would, and compare; returns the rows that it has."""
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    queue = SqliteDelayQueue(path)
    queue.open()
    rows = {name_of(listed.row.key) for listed in await queue.list_rows(1_000_000)}
    assert await queue.recover() == len(rows)
    lost = told.parked - told.may_be_gone - rows
    assert not lost, "acknowledged, never deleted, and not there"
    back = {name for name in told.gone & rows if not told.under_way[name]}
    assert not back, "deleted, and there again"
    assert judge("claimx-0", await queue.mark(), told.marks) == []
    await queue.close()
    return len(rows)


def killed(path: Path, seed: int, after_s: float) -> list[str]:
    """Let a process work, kill it, and return the whole lines that it has said."""
    command = [sys.executable, "-m", "support.delay_child", str(path), str(seed)]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "opening\n"
        time.sleep(after_s)
        child.kill()
        said = child.stdout.read()
    return said[: said.rfind("\n") + 1].splitlines()


@pytest.mark.timeout(120)
def test_a_queue_that_is_killed_twenty_times_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    rng, told, path = random.Random(SEED), Told(), tmp_path / "delay.sqlite"
    rows = 0
    for life in range(KILLS):
        after_s = rng.choice((rng.uniform(0, 0.01), rng.uniform(0, 0.3)))
        told.hear(killed(path, life + 1, after_s))
        rows = asyncio.run(look(path, told))
    assert rows > 0
    assert len(told.parked) > 100, "they have worked"
    assert len(told.gone) > 20


@pytest.mark.timeout(120)
def test_a_queue_that_is_killed_before_any_statement_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "support.delay_child", str(tmp_path)], cwd=TESTS, check=True, timeout=100
    )
    places = sorted(place for place in tmp_path.iterdir() if place.is_dir())
    assert len(places) > 40, "as many deaths as there are statements"
    rows = []
    for place in places:
        told, said = Told(), place / "told"
        told.hear(said.read_text().splitlines() if said.exists() else [])
        rows.append(asyncio.run(look(place / "delay.sqlite", told)))
    assert rows[0] == 0
    assert max(rows) == 4
    assert rows[-1] == 2
