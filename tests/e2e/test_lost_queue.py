"""The delay queue's file is lost, truncated or another one between two runs: noticed, reported, never taken for empty."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from support.kafka import Broker
from support.rig import Rig, rig_on, wait_until

PARKS = {"kind": "hidden", "at": ["media"], "seconds": 600}


def queue_of(rig: Rig) -> Path:
    return rig.root / "state" / "claimx-0" / "delay.sqlite"


def parked(rig: Rig) -> int:
    """Run until something is parked and its offset is committed; rows that wait."""
    rig.faults(PARKS)
    rig.feed_all()
    daemon = rig.run(rig.config())
    wait_until(lambda: sum(rig.committed().values()) == rig.manifest.records, "all committed", 90)
    daemon.send(signal.SIGTERM)
    assert daemon.wait(40) == 0, daemon.log()[-2000:]
    assert daemon.summary["delayed"] > 0
    return int(daemon.summary["delayed"])


def deleted(path: Path, _: Path) -> None:
    for file in path.parent.glob("delay.sqlite*"):
        file.unlink()


def truncated(path: Path, _: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def of_another_host(path: Path, other: Path) -> None:
    deleted(path, other)
    shutil.copy(other, path)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("harm", [deleted, truncated, cut, of_another_host])
def test_a_delay_queue_that_is_not_the_one_left_is_noticed(
    broker: Broker, tmp_path: Path, harm: Callable[[Path, Path], None]
) -> None:
    with rig_on(broker, tmp_path, 41, 120) as rig:
        waiting = parked(rig)
        foreign = rig.run(rig.config(process__instance='"other"'), "--exit-when-idle")
        assert foreign.wait(60) == 0, foreign.log()[-2000:]
        path = queue_of(rig)
        untouched = path.with_name("kept")
        shutil.copy(path, untouched)
        harm(path, path.parents[1] / "other" / "delay.sqlite")
        again = rig.run(rig.config())
        assert again.wait(60) == 1, again.log()[-2000:]
        assert "delay queue" in again.log() or "delay.sqlite" in again.log()
        assert "hint:" in again.log()
        assert "claimx reenrich" in again.log()
        for file in path.parent.glob("delay.sqlite*"):
            file.unlink()
        shutil.copy(untouched, path)
        rig.faults()
        back = rig.run(rig.config())
        wait_until(lambda: '"delay_queue.recovered"' in back.log(), "the right file is taken back")
        back.send(signal.SIGTERM)
        assert back.wait(40) == 0, back.log()[-2000:]
        assert back.summary["delay_queue"]["carried_over"] == waiting


@pytest.mark.timeout(240)
def test_a_person_may_go_on_without_what_was_parked(broker: Broker, tmp_path: Path) -> None:
    with rig_on(broker, tmp_path, 41, 120) as rig:
        parked(rig)
        deleted(queue_of(rig), Path())
        daemon = rig.run(rig.config(process__lost_queue='"go_on"'), "--exit-when-idle")
        assert daemon.wait(60) == 0, daemon.log()[-2000:]
        assert '"delay_queue.lost"' in daemon.log()
        next_day = rig.run(rig.config(), "--exit-when-idle")
        assert next_day.wait(60) == 0, next_day.log()[-2000:]
        assert '"delay_queue.lost"' not in next_day.log()
