"""A hundred kills: ``python -m chaos.many --seed 7``. Every round ends with a proof, and a line of its own in the log."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random, SystemRandom

import msgspec

from claimx.sandbox.simulator.faults import MODERATE
from support.deaths import Proof, Team, config_of, finished, kill_one, proven
from support.kafka import Broker, apache_broker
from support.rig import Rig, rig_on

ONE, FOUR = 2000, 5000
KILLS = 10
SLOW = ({"kind": "latency", "at": ["project", "media", "task", "report"], "seconds": 0.0, "up_to": 0.4},)
"""Keeps a process at work for longer than it lives."""
FAULTY = tuple(msgspec.to_builtins(rule) for rule in MODERATE)


def one_process(rig: Rig, luck: Random, *, keeps_its_place: bool) -> tuple[int, Proof]:
    """Kill the whole pipeline."""
    config = config_of(rig, keeps_its_place=keeps_its_place)
    rig.start_feed()
    killed = kill_one(rig, config, luck, KILLS)
    rig.feed_ended()
    finished(rig, config)
    return killed, proven(rig, config)


def four_processes(rig: Rig, luck: Random, *, keeps_its_place: bool) -> tuple[int, Proof]:
    """Kill one role, then another."""
    team = Team(rig, keeps_its_place=keeps_its_place)
    rig.start_feed()
    killed = team.kill_in_turn(luck, 2 * KILLS)
    rig.feed_ended()
    team.end()
    return killed, proven(rig, next(iter(team.configs.values())))


def rounds(broker: Broker, seed: int, kills: int, tell: Callable[[str], None]) -> None:
    """Go on until so many processes were killed at work: every fourth round in four processes, the others in one."""
    total = number = 0
    while total < kills:
        number += 1
        luck = Random(f"{seed}:{number}")
        is_four, has_faults, keeps_its_place = number % 4 == 1, number % 3 == 1, luck.random() < 0.5
        events, work = (FOUR, four_processes) if is_four else (ONE, one_process)
        what = (
            f"  round {number:2}: {'four processes' if is_four else 'one process   '} {events:,} events,"
            f" API {'faulty' if has_faults else 'slow  '},"
            f" killed members {'keep' if keeps_its_place else 'lose'} their places,"
        )
        began = time.monotonic()
        root = Path(tempfile.mkdtemp(prefix="claimx-chaos-"))
        try:
            with rig_on(broker, root, luck.randrange(1 << 16), events) as rig:
                rig.faults(*(FAULTY if has_faults else SLOW))
                killed, proof = work(rig, luck, keeps_its_place=keeps_its_place)
        except BaseException:
            tell(f"{what} not clean: what is left of it lies in {root}")
            raise
        shutil.rmtree(root)
        total += killed
        tell(
            f"{what} {killed:2} kills, {time.monotonic() - began:3.0f} s; verify: clean"
            f" ({proof.records:,} records, {proof.rows:,} rows, {proof.files:,} files)"
        )
    tell(f"  {total} kills, {number} rounds, all clean")


def main() -> int:
    """Run them on an Apache Kafka of their own; a round that is not clean ends it with its traceback."""
    parser = argparse.ArgumentParser(prog="chaos.many")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--log", type=Path, required=True, help="a file to append to")
    options = parser.parse_args()
    seed = SystemRandom().randrange(1 << 32) if options.seed is None else options.seed

    def tell(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        with options.log.open("a") as log:
            log.write(line + "\n")

    tell(f"{time.strftime('%Y-%m-%d')} make chaos SEED={seed}, {options.kills} kills, Apache Kafka")
    with (
        tempfile.TemporaryDirectory(prefix="claimx-kafka-") as directory,
        apache_broker(Path(directory)) as broker,
    ):
        rounds(broker, seed, options.kills, tell)
    return 0


if __name__ == "__main__":
    sys.exit(main())
