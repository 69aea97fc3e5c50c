"""Run many seeds on all cores: ``python -m simulation.many FIRST LAST [--bug NAME]``; a failing seed is printed."""

import argparse
import collections
import multiprocessing
import sys
import time
from collections.abc import Iterator

from simulation.bugs import BUGS
from simulation.history import run

Result = tuple[int, str | None, int, dict[str, int]]


def one(job: tuple[int, str | None]) -> Result:
    """Run one seed in a worker."""
    sys.unraisablehook = lambda _: None  # coroutines of dead processes are closed with the world
    seed, bug = job
    problem, history = run(seed, BUGS[bug] if bug else None)
    return seed, problem, history.world.loop.steps, history.world.stats


def many(first: int, last: int, bug: str | None = None, workers: int | None = None) -> Iterator[Result]:
    """Run seeds in any order and give each result as it comes."""
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=500) as pool:
        yield from pool.imap_unordered(one, ((seed, bug) for seed in range(first, last)), chunksize=10)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("--bug", choices=sorted(BUGS))
    args = parser.parse_args()
    began, bad, steps = time.perf_counter(), collections.defaultdict(list), 0
    stats: collections.Counter[str] = collections.Counter()
    for n, (seed, problem, taken, seen) in enumerate(many(args.first, args.last, args.bug), 1):
        steps += taken
        stats.update(seen)
        if problem is not None:
            bad[problem.split(" (at ")[0][:60]].append(seed)
            if sum(map(len, bad.values())) <= 20:
                print(f"seed {seed}: {problem}", flush=True)
        if n % 1000 == 0:
            print(f"{n} seeds, {sum(map(len, bad.values()))} bad", file=sys.stderr, flush=True)
    took, number = time.perf_counter() - began, args.last - args.first
    print(
        f"{number} seeds, {sum(map(len, bad.values()))} bad, {number / took:.1f}/s, {steps // max(1, number)} steps each; {dict(stats)}"
    )
    for problem, seeds in sorted(bad.items(), key=lambda entry: -len(entry[1])):
        print(f"{len(seeds):6} {problem} seeds {sorted(seeds)[:6]}")
    return 1 if bad and args.bug is None else 0


if __name__ == "__main__":
    sys.exit(main())
