"""``claimx bench``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from claimx.cli.failures import UsageError
from claimx.cli.options import BrokerOption, Output, OutputOption, SeedOption, help_alone
from claimx.config.options import Bench, BenchOptions

_COMMON = """\b
Every measurement is a process of its own; claimx and what it is compared with take turns.
--save FILE keeps the run as JSON, --compare FILE puts this run beside a kept one, --plot FILE draws it as SVG.

\b
Exit codes: 0 measured, 1 failed, 2 wrong usage, 3 slower than the kept run by
more than --tolerance, 78 a file that cannot be used, 130 ended by a signal.
"""
INGEST_HELP = f"""\b
Measure the ingest path: Kafka to claimx_events, no API; and consume and decode alone.

\b
  claimx bench ingest
      200,000 events through the embedded broker
  claimx bench ingest --events 1000000 --broker 127.0.0.1:9092 -o json
      against Apache Kafka, for a program to read

{_COMMON}"""
ENRICH_HELP = f"""\b
Measure enrichment against a simulated API, beside a bare aiohttp client that makes the very same calls.

\b
  claimx bench enrich
  claimx bench enrich --concurrency 1,5,20,50,100 --latency-ms 0,5,20,100 --plot enrich.svg
      sweep the calls under way and what an answer takes
  claimx bench enrich --against-alone --concurrency 20 --latency-ms 0,20
      bursts of one project, beside one event at a time

{_COMMON}"""
FILES_HELP = f"""\b
Measure downloads and uploads to a local directory, beside aiohttp and curl that only write a file.

\b
  claimx bench files
  claimx bench files --sizes 100KB --concurrency 1,4,16,64 --dir /mnt/data
      the directory decides what an fsync costs

{_COMMON}"""
RETRY_HELP = f"""\b
Measure the delay queue: parking by so many producers beside one-row transactions, leasing, and rest.

\b
  claimx bench retry
  claimx bench retry --rows 1000000 --dir /var/lib/claimx
      on the disk that process.state_dir will be on

{_COMMON}"""
E2E_HELP = f"""\b
Measure all stages over the sandbox's feed; every row and file is checked after each round.

\b
  claimx bench e2e
  claimx bench e2e --events 5000 --latency-ms 0,20

{_COMMON}"""

_UNITS = {"KB": 1000, "MB": 1_000_000, "B": 1}

RoundsOption = Annotated[
    int, typer.Option("--rounds", min=1, metavar="N", help="Measure everything so often; the median is told.")
]
LatencyOption = Annotated[
    str,
    typer.Option("--latency-ms", metavar="LIST", help="What an answer of the API takes, comma separated."),
]
CallsOption = Annotated[
    str, typer.Option("--concurrency", metavar="LIST", help="Calls under way at once, comma separated.")
]
DirOption = Annotated[
    Path | None, typer.Option("--dir", metavar="DIR", help="Where scratch goes; its disk is measured.")
]
LimitOption = Annotated[
    float, typer.Option("--limit-s", min=1, metavar="SECONDS", help="Begin no measurement after so long.")
]
SaveOption = Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Keep the run as JSON.")]
CompareOption = Annotated[
    Path | None, typer.Option("--compare", metavar="FILE", help="Put this run beside a kept one.")
]
ToleranceOption = Annotated[
    float,
    typer.Option("--tolerance", min=0, max=1, metavar="SHARE", help="A median lower by more is slower."),
]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw throughput over what was swept, as SVG.")
]
ItemsOption = typer.Option("--events", min=1, metavar="N", help="Events of a measurement, at most.")

bench = typer.Typer(invoke_without_command=True)


@bench.callback()
def bench_group(context: typer.Context) -> None:
    """Measure one path of the pipeline."""
    help_alone(context)


@bench.command(help=INGEST_HELP)
def ingest(
    events: Annotated[int, ItemsOption] = 200_000,
    rounds: RoundsOption = 3,
    broker: BrokerOption = None,
    directory: DirOption = None,
    limit: LimitOption = 900,
    save: SaveOption = None,
    compare: CompareOption = None,
    tolerance: ToleranceOption = 0.25,
    plot: PlotOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Measure the ingest path."""
    return _measured(
        "ingest",
        items=events,
        rounds=rounds,
        broker=broker,
        dir=directory,
        limit_s=limit,
        save=save,
        compare=compare,
        tolerance=tolerance,
        plot=plot,
        output=output.value,
    )


@bench.command(help=ENRICH_HELP)
def enrich(
    events: Annotated[int, ItemsOption] = 2000,
    concurrency: CallsOption = "20",
    latency_ms: LatencyOption = "0,20",
    against_alone: Annotated[
        bool, typer.Option("--against-alone", help="Bursts of one project, beside one event at a time.")
    ] = False,
    rounds: RoundsOption = 3,
    seed: SeedOption = None,
    broker: BrokerOption = None,
    directory: DirOption = None,
    limit: LimitOption = 900,
    save: SaveOption = None,
    compare: CompareOption = None,
    tolerance: ToleranceOption = 0.25,
    plot: PlotOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Measure enrichment."""
    return _measured(
        "enrich",
        items=events,
        concurrency=counts_of("--concurrency", concurrency),
        latency_ms=latencies_of(latency_ms),
        is_alone_rival=against_alone,
        rounds=rounds,
        seed=1 if seed is None else seed,
        broker=broker,
        dir=directory,
        limit_s=limit,
        save=save,
        compare=compare,
        tolerance=tolerance,
        plot=plot,
        output=output.value,
    )


@bench.command(help=FILES_HELP)
def files(
    count: Annotated[
        int, typer.Option("--files", min=1, metavar="N", help="Files of a measurement, at most.")
    ] = 2000,
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="LIST", help="Of a file, as in 100KB,10MB.")
    ] = "100KB,10MB",
    concurrency: Annotated[
        str, typer.Option("--concurrency", metavar="LIST", help="Transfers at once, comma separated.")
    ] = "16",
    rounds: RoundsOption = 3,
    broker: BrokerOption = None,
    directory: DirOption = None,
    limit: LimitOption = 900,
    save: SaveOption = None,
    compare: CompareOption = None,
    tolerance: ToleranceOption = 0.25,
    plot: PlotOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Measure downloads and uploads."""
    return _measured(
        "files",
        items=count,
        sizes=sizes_of(sizes),
        concurrency=counts_of("--concurrency", concurrency),
        rounds=rounds,
        broker=broker,
        dir=directory,
        limit_s=limit,
        save=save,
        compare=compare,
        tolerance=tolerance,
        plot=plot,
        output=output.value,
    )


@bench.command(help=RETRY_HELP)
def retry(
    rows: Annotated[
        int, typer.Option("--rows", min=1, metavar="N", help="Rows of a measurement, at most.")
    ] = 100_000,
    producers: Annotated[
        str, typer.Option("--producers", metavar="LIST", help="Producers at once, comma separated.")
    ] = "1,8,64,512",
    rounds: RoundsOption = 3,
    directory: DirOption = None,
    limit: LimitOption = 900,
    save: SaveOption = None,
    compare: CompareOption = None,
    tolerance: ToleranceOption = 0.25,
    plot: PlotOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Measure the delay queue."""
    return _measured(
        "retry",
        items=rows,
        concurrency=counts_of("--producers", producers),
        rounds=rounds,
        dir=directory,
        limit_s=limit,
        save=save,
        compare=compare,
        tolerance=tolerance,
        plot=plot,
        output=output.value,
    )


@bench.command(help=E2E_HELP)
def e2e(
    events: Annotated[int, ItemsOption] = 2000,
    concurrency: CallsOption = "20",
    latency_ms: LatencyOption = "0,20",
    rounds: RoundsOption = 3,
    seed: SeedOption = None,
    broker: BrokerOption = None,
    directory: DirOption = None,
    limit: LimitOption = 900,
    save: SaveOption = None,
    compare: CompareOption = None,
    tolerance: ToleranceOption = 0.25,
    plot: PlotOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Measure all stages."""
    return _measured(
        "e2e",
        items=events,
        concurrency=counts_of("--concurrency", concurrency),
        latency_ms=latencies_of(latency_ms),
        rounds=rounds,
        seed=1 if seed is None else seed,
        broker=broker,
        dir=directory,
        limit_s=limit,
        save=save,
        compare=compare,
        tolerance=tolerance,
        plot=plot,
        output=output.value,
    )


def counts_of(option: str, text: str) -> tuple[int, ...]:
    """Read a list of numbers from 1 on.

    Raises:
        UsageError: it is none.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise UsageError(f"{option}: {text!r} is no list of numbers from 1 on", "as in 1,5,20")
    return tuple(dict.fromkeys(int(part) for part in parts))


def latencies_of(text: str) -> tuple[float, ...]:
    """Read a list of milliseconds.

    Raises:
        UsageError: it is none.
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = [-1.0]
    if not all(0 <= value <= 600_000 for value in values):  # noqa: PLR2004  # what the simulator takes
        raise UsageError(f"--latency-ms: {text!r} is no list of milliseconds", "as in 0,5,20,100")
    return tuple(dict.fromkeys(values))


def sizes_of(text: str) -> tuple[int, ...]:
    """Read a list of sizes.

    Raises:
        UsageError: it is none, or one is above 64 MB.
    """
    sizes = []
    for part in text.split(","):
        bare = part.strip().upper()
        unit = next((unit for unit in _UNITS if bare.endswith(unit)), "")
        number = bare.removesuffix(unit).strip()
        if not unit or not number.isdigit() or not 0 < int(number) * _UNITS[unit] <= 64 * _UNITS["MB"]:
            raise UsageError(f"--sizes: {part!r} is no size from 1B to 64MB", "as in 100KB,10MB")
        sizes.append(int(number) * _UNITS[unit])
    return tuple(dict.fromkeys(sizes))


def _measured(name: Bench, **options: Any) -> int:  # noqa: ANN401  # the fields of BenchOptions
    from claimx.app.bench import command as app

    return app.bench(BenchOptions(bench=name, command=shlex.join(["claimx", *sys.argv[1:]]), **options))
