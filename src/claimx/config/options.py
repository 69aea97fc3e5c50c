"""What a command asks of ``claimx.app`` beside the settings: how to run, never what to connect to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from claimx.domain.stage_names import STAGES

Format = Literal["text", "json", "jsonl"]
"""How a command prints its data."""


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

    stages: tuple[str, ...] = STAGES
    sandbox: SandboxOptions | None = None
    exit_when_idle: bool = False
    summary_json: Path | None = None


Bench = Literal["ingest", "enrich", "files", "retry", "e2e"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """``claimx bench``."""

    bench: Bench
    items: int
    """Of each measurement at most: a slow one takes fewer."""
    rounds: int
    concurrency: tuple[int, ...] = ()
    latency_ms: tuple[float, ...] = ()
    sizes: tuple[int, ...] = ()
    """Bytes of a file."""
    is_alone_rival: bool = False
    """``enrich``: bursts, against one event at a time in place of a bare client."""
    seed: int = 1
    broker: str | None = None
    """``host:port`` of a broker to use in place of the embedded one."""
    dir: Path | None = None
    """Where scratch goes; its disk is measured. A temporary directory when None."""
    limit_s: float = 900.0
    """After so long no further measurement begins."""
    save: Path | None = None
    compare: Path | None = None
    tolerance: float = 0.25
    plot: Path | None = None
    output: Literal["text", "json"] = "text"
    command: str = "claimx bench"
    """As it was typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicsOptions:
    """``claimx topics init``: how new topics are made; None leaves it to claimx."""

    partitions: int | None = None
    replication_factor: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepOptions:
    """``claimx tables optimize`` and ``vacuum``."""

    tables: tuple[str, ...] = ()
    """Their names; none means all."""
    retain_hours: int = 168
    full: bool = False
    dry_run: bool = False
    output: Format = "text"


class Moment(NamedTuple):
    """A point in time: microseconds since 1970 UTC, or before now."""

    micros: int
    is_ago: bool

    def at(self, now: int) -> int:
        """The point in time itself."""
        return now - self.micros if self.is_ago else self.micros


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which dead letters; None takes all."""

    ids: tuple[str, ...] = ()
    """Whole ids, or their first 8 characters or more; so is ``event``."""
    event: str | None = None
    media: str | None = None
    project: str | None = None
    error_class: str | None = None
    code: str | None = None
    """A whole code, or its first words: ``api`` takes ``api.5xx.exhausted``."""
    stage: str | None = None
    topic: str | None = None
    since: Moment | None = None
    until: Moment | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it takes every letter."""
        return self == LetterFilter()


GroupBy = Literal["class", "code", "stage", "project"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """``claimx dlq list``."""

    include_done: bool = False
    """Those that were replayed or purged, too."""
    limit: int | None = None
    group_by: GroupBy | None = None
    fail_if_any: bool = False
    output: Format = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """``claimx dlq replay``."""

    rate_per_s: float | None = None
    limit: int | None = None
    dry_run: bool = False
    output: Format = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeOptions:
    """``claimx dlq purge``."""

    export: Path | None = None
    dry_run: bool = False
    output: Format = "text"


@dataclass(frozen=True, slots=True)
class Question:
    """What a person must answer before something is done.

    Args:
        expected: what must be typed; empty asks for y.
    """

    text: str
    expected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """``claimx verify``."""

    since: Moment | None = None
    until: Moment | None = None
    files: bool = False
    """Compare the files root with the inventory."""
    sample: int = 0
    """Read so many files and compare their digests."""


TraceKind = Literal["event", "media", "project"]
"""What an id names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReenrichOptions:
    """``claimx reenrich``."""

    projects: tuple[str, ...]
    claims: tuple[str, ...] = ()
    """Claim numbers: the API knows their projects."""
    rate_per_s: float | None = None
    """Projects in a second at most."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryFilter:
    """Which rows of the delay queue; None takes all."""

    stage: str | None = None
    code: str | None = None
    """A whole code, or its first words."""
    project: str | None = None
    event: str | None = None
    """A whole id, or its first 8 characters or more."""
    due: Moment | None = None
    """Due at that time or before; an age is from now on, and negative."""

    @property
    def is_empty(self) -> bool:
        """Whether it takes every row."""
        return self == RetryFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOptions:
    """``claimx retries run`` and ``drop``."""

    dry_run: bool = False
    output: Format = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetsGoal:
    """``claimx offsets set``: which partitions, and where to."""

    stage: str
    topic: str | None = None
    """None: the stage has one topic."""
    partition: int | None = None
    to: "Literal['earliest', 'latest'] | int | Moment" = "latest"
    """An offset, or the first record of a time."""
    dry_run: bool = False


DOCTOR_GROUPS = ("config", "kafka", "api", "hosts", "tables", "files", "state", "limits")
"""The checks of ``claimx doctor`` by what they are about, in the order of the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """``claimx doctor``."""

    stages: tuple[str, ...] = STAGES
    """Only what these need is looked at."""
    only: tuple[str, ...]
    """Groups of checks."""
    timeout_s: float = 10.0
    """For each check."""
    strict: bool = False
