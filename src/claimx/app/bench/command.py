"""``claimx bench``: measure, print, save, compare, plot."""

import asyncio
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from claimx.app.bench.e2e import e2e
from claimx.app.bench.enrich import enrich
from claimx.app.bench.files import files
from claimx.app.bench.ingest import ingest
from claimx.app.bench.machine import load, machine
from claimx.app.bench.retry import retry
from claimx.app.bench.rig import Rig
from claimx.app.bench.turns import Turns
from claimx.app.console import INTERRUPTED
from claimx.config.options import BenchOptions
from claimx.errors import ConfigError
from claimx.ops.bench.compare import change_lines, compared, read
from claimx.ops.bench.figures import Report
from claimx.ops.bench.plot import svg
from claimx.ops.bench.text import as_json, as_text

SLOWER = 3

_UNITS = {"ingest": "events", "enrich": "events", "files": "files", "retry": "rows", "e2e": "records"}


def bench(options: BenchOptions) -> int:
    """Measure and print; 3 if a point is slower than the saved run by more than the tolerance, 130 at a signal.

    Raises:
        ClaimxError: what made the measurement impossible.
    """
    then = None if options.compare is None else read(options.compare)
    for path in (options.save, options.plot, options.dir):
        if path is not None and not (path if path is options.dir else path.absolute().parent).is_dir():
            raise ConfigError(f"{path}: there is no such directory")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # scratch and servers go as after Ctrl-C
    try:
        with tempfile.TemporaryDirectory(prefix="claimx-bench-", dir=options.dir) as scratch:
            report = _run(options, Path(scratch))
    except KeyboardInterrupt:
        return INTERRUPTED
    sys.stdout.write((as_json(report) if options.output == "json" else as_text(report)) + "\n")
    if options.save is not None:
        options.save.write_text(as_json(report) + "\n", encoding="utf-8")
    if options.plot is not None:
        options.plot.write_text(svg(report), encoding="utf-8")
    if then is None:
        return 0
    changes = compared(report, then, options.tolerance)
    sys.stderr.write("\n".join(change_lines(changes, report, then)) + "\n")
    return SLOWER if any(change.is_slower for change in changes) else 0


def _run(options: BenchOptions, scratch: Path) -> Report:
    try:
        return asyncio.run(_measured(options, scratch))
    except BaseExceptionGroup as errors:
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from errors


async def _measured(options: BenchOptions, scratch: Path) -> Report:
    load_before = load()
    turns = Turns(_UNITS[options.bench], options.rounds, options.limit_s)
    async with AsyncExitStack() as stack:
        rig = Rig(scratch, stack, options.broker)
        match options.bench:
            case "ingest":
                await ingest(options, rig, turns)
            case "enrich":
                await enrich(options, rig, turns)
            case "files":
                if not await files(options, rig, turns):
                    sys.stderr.write("bench: there is no curl to compare with\n")
            case "retry":
                await retry(options, rig, turns)
            case "e2e":
                await e2e(options, rig, turns)
    return Report(
        bench=options.bench,
        command=options.command,
        broker=_broker(options),
        unit=turns.unit,
        machine=machine(load_before),
        is_complete=turns.is_complete,
        points=turns.points,
    )


def _broker(options: BenchOptions) -> str:
    if options.bench == "retry":
        return "none"
    return "embedded" if options.broker is None else options.broker
