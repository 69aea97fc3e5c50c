"""``claimx run`` and ``claimx sandbox``: what keeps going until it is done or told to stop."""

from pathlib import Path
from typing import Annotated

import typer

from claimx.cli import completing
from claimx.cli.failures import UsageError
from claimx.cli.options import (
    BrokerOption,
    ConfigOption,
    EventsOption,
    FaultsOption,
    SeedOption,
    SetOption,
    SettingsSource,
)
from claimx.cli.words import stage_named
from claimx.config.options import RunOptions, SandboxOptions
from claimx.domain.stage_names import STAGES

RUN_HELP = """\b
Run the pipeline: events from Kafka into tables and files.

\b
  claimx run -c claimx.toml
      run until SIGTERM, then drain: stop intake, finish, commit, exit 0
  claimx run --stages download,upload -c claimx.toml
      one role of several processes; topics join them to the others
  claimx run --sandbox --events 500 --exit-when-idle
      try it with nothing installed: an embedded broker, a simulated ClaimX API
  claimx run --sandbox --faults --seed 7 --summary-json summary.json
      the same with a failing API; what happened goes to a file

Logs are on stderr, the summary on stdout. The first SIGINT or SIGTERM drains, the second one ends at once.

\b
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the sandbox's lake is not what it
should be, 4 Kafka refuses us, 5 Kafka was gone for longer than kafka.outage_s,
75 work left at the drain deadline, 78 configuration error, 130 or 143 ended at
once by a second signal.
"""
SANDBOX_HELP = """\b
Start the embedded broker, the simulated ClaimX API and the event feed, without a pipeline.

\b
  claimx sandbox --events 2000 > sandbox.toml
      prints the settings to reach it, and stays until SIGINT;
      elsewhere: claimx run -c sandbox.toml
  claimx sandbox --broker 127.0.0.1:9092 --dir ./trial
      feeds a broker of your own; tables and files would go below ./trial
"""


def stages_of(text: str) -> tuple[str, ...]:
    """Read ``--stages``.

    Raises:
        UsageError: an unknown stage, or none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        stage_named("--stages", name, ("all", *STAGES))
    if not names:
        raise UsageError("--stages: no stage is named", "known: all, " + ", ".join(STAGES))
    return STAGES if "all" in names else tuple(name for name in STAGES if name in names)


def run(
    stages: Annotated[
        str,
        typer.Option(
            "--stages",
            autocompletion=completing.stages,
            metavar="LIST",
            help="all, or a comma list of stages.",
        ),
    ] = "all",
    config: ConfigOption = None,
    set_: SetOption = None,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox", help="With an embedded broker and a simulated API; reads a file only with -c."
        ),
    ] = False,
    events: EventsOption = None,
    seed: SeedOption = None,
    faults: FaultsOption = False,
    exit_when_idle: Annotated[
        bool, typer.Option("--exit-when-idle", help="Drain and exit once nothing is left to do.")
    ] = False,
    summary_json: Annotated[
        Path | None, typer.Option("--summary-json", metavar="PATH", help="Write the summary here as JSON.")
    ] = None,
) -> int:
    """Run the pipeline."""
    chosen = stages_of(stages)
    if not sandbox and (events is not None or seed is not None or faults):
        raise UsageError("--events, --seed and --faults shape the sandbox's feed", "add --sandbox")
    if sandbox and chosen != STAGES:
        raise UsageError("--sandbox runs all stages in one process", "leave --stages out")
    options = RunOptions(
        stages=chosen,
        sandbox=_sandbox_options(events, seed, faults=faults) if sandbox else None,
        exit_when_idle=exit_when_idle,
        summary_json=summary_json,
    )
    from claimx.app import running as app

    return app.run(SettingsSource(config, set_, search=not sandbox), options)


def sandbox(
    events: EventsOption = None,
    seed: SeedOption = None,
    faults: FaultsOption = False,
    broker: BrokerOption = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Keep everything here, not in a temporary directory."),
    ] = None,
) -> int:
    """Start what ``run --sandbox`` starts, without a pipeline."""
    from claimx.app import running as app

    return app.sandbox(_sandbox_options(events, seed, faults=faults, broker=broker, directory=directory))


def _sandbox_options(
    events: int | None,
    seed: int | None,
    *,
    faults: bool,
    broker: str | None = None,
    directory: Path | None = None,
) -> SandboxOptions:
    defaults = SandboxOptions()
    return SandboxOptions(
        events=defaults.events if events is None else events,
        seed=defaults.seed if seed is None else seed,
        faults=faults,
        broker=broker,
        dir=directory,
    )
