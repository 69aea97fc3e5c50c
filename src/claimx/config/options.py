"""What a command asks of ``claimx.app`` beside the settings: how to run, never what to connect to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """The embedded broker, the simulated ClaimX API and the event feed."""

    events: int = 500
    seed: int = 1
    """Same seed, same events and same faults."""
    faults: bool = False
    """The simulator answers some requests late, wrongly or not at all."""
    broker: str | None = None
    """``host:port`` of a broker to use in place of the embedded one."""
    dir: Path | None = None
    """Where tables, files and state go; a temporary directory when None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """``claimx run``."""

    sandbox: SandboxOptions | None = None
    exit_when_idle: bool = False
    summary_json: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """``claimx bench ingest``."""

    events: int = 200_000
    broker: str | None = None
    """``host:port`` of a broker to use in place of the embedded one."""
    output: Literal["text", "json"] = "text"
