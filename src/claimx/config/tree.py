"""The settings tree: every key, its type, limits, default and meaning. ``claimx.toml`` lists them all.

Units are suffixes: ``_s`` seconds, ``_ms`` milliseconds, ``_bytes``. A stage's constructor takes its slice.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Bytes = Annotated[int, Meta(ge=1)]


class Secret:
    """A text that is never printed: ``str`` and ``repr`` show ``***``; only ``reveal`` gives it.

    Args:
        source: where it came from, for messages: ``env NAME``, ``file PATH``, or ``literal``.
    """

    __slots__ = ("_text", "source")

    def __init__(self, text: str, source: str = "literal") -> None:
        self._text = text
        self.source = source

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class Process(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """This process."""

    instance: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "claimx-0"
    """Names this process; two processes on a host have two names."""
    state_dir: str = ".claimx"
    """Delay queue, spool and lock live under ``<state_dir>/<instance>/``."""
    lost_queue: Literal["stop", "go_on"] = "stop"
    """When the committed offsets rely on another delay queue than the one that is there."""


class Topics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every topic name."""

    events_raw: str = "claimx.events.raw"
    events_replay: str = "claimx.events.replay"
    enrichment_pending: str = "claimx.enrichment.pending"
    downloads_pending: str = "claimx.downloads.pending"
    downloads_cached: str = "claimx.downloads.cached"
    downloads_results: str = "claimx.downloads.results"
    events_dlq: str = "claimx.events.dlq"
    enrichment_dlq: str = "claimx.enrichment.dlq"
    downloads_dlq: str = "claimx.downloads.dlq"

    @property
    def pending(self) -> Mapping[str, str]:
        """By stage, the topic from which it takes what other processes hand to it."""
        return {
            "enrich": self.enrichment_pending,
            "download": self.downloads_pending,
            "upload": self.downloads_cached,
            "results": self.downloads_results,
        }

    @property
    def dead_letters(self) -> Mapping[str, str]:
        """By stage, the topic of what it gives up."""
        return {
            "ingest": self.events_dlq,
            "enrich": self.enrichment_dlq,
            "download": self.downloads_dlq,
            "upload": self.downloads_dlq,
            "results": self.downloads_dlq,
        }


class Kafka(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker."""

    bootstrap_servers: str = "127.0.0.1:9092"
    """``host:port``, comma separated."""
    group_id: str = "claimx"
    """Each stage consumes with its own group ``<group_id>.<stage>``."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = ""
    sasl_username: str = ""
    sasl_password: Secret | None = None
    group_protocol: Literal["classic", "consumer"] = "classic"
    """``consumer`` is KIP-848, for brokers from Kafka 4.0 on."""
    outage_s: Annotated[float, Meta(ge=0)] = 600.0
    """How long Kafka may be gone, or refuse us, until the process drains and ends; 0 waits for ever."""
    max_partition_ahead: Annotated[int, Meta(ge=1, le=20_000)] = 20_000
    """Offsets that one partition may run ahead of its frontier."""
    commit_interval_s: Seconds = 1.0
    topics: Topics = field(default_factory=Topics)
    client: dict[str, str | int | float | bool | Secret] = field(default_factory=dict)
    """Passed to librdkafka; what would break a promise (``enable.auto.commit`` and its like) is refused."""


class Circuit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The breaker of one dependency."""

    failures: Count = 5
    """Distinct items that fail without a success between them until it opens."""
    reset_s: Seconds = 60.0


class Api(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ClaimX REST API."""

    base_url: str = "https://www.claimxperience.com/service/cxedirest"
    token: Secret
    """base64(user:password), without the word Basic."""
    timeout_s: Seconds = 30.0
    max_concurrent: Count = 20
    rate_limit_per_s: Annotated[float, Meta(gt=0, le=10_000)] | None = None
    """Requests begun in a second, on average; a pause saves up one second's worth. None sets no limit."""
    sender_username: str = "user@example.com"
    """A valid ClaimX user, named in report requests."""
    max_answer_bytes: Bytes = 16 * 1024 * 1024
    circuit: Circuit = field(default_factory=Circuit)


class Ingest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ingest stage."""

    dedup_days: Annotated[int, Meta(ge=0, le=400)] = 7
    """Days around an event's own date in which a given id is looked for."""


class Enrich(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The enrich stage."""

    workers: Count = 512
    """Events in work at once."""
    queue_items: Count = 512
    batch_items: Count = 256
    """Events that are begun together, so that those of one project share their calls."""
    batch_wait_ms: Annotated[int, Meta(ge=0, le=10_000)] = 50
    """How long a batch that is not full waits for more."""
    project_ttl_s: Seconds = 3600.0
    """A project whose answer in the lake is older is fetched again by the next event whose rows refer to it."""
    visibility_s: Seconds = 300.0
    """How long what the API does not show yet is asked for again, and files by a young event that names none."""


class Download(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The download stage."""

    workers: Count = 16
    queue_items: Count = 256
    allowed_hosts: tuple[str, ...] = (
        "www.claimxperience.com",
        "claimxperience.com",
        "claimxperience.s3.amazonaws.com",
        "claimxperience.s3.us-east-1.amazonaws.com",
        "usw2-prod-xn-exportreceiver-publish.s3.us-west-2.amazonaws.com",
        "xactware-claimx-us-prod.s3.us-west-1.amazonaws.com",
    )
    """Exact host names, or ``*.suffix``."""
    allow_insecure_hosts: tuple[str, ...] = ()
    """``host`` or ``host:port`` for which http and private addresses are fine."""
    auth_hosts: tuple[str, ...] = ()
    """Hosts that get the Basic token; it never goes along a redirect."""
    max_bytes: Bytes = 2 * 1024**3
    memory_file_bytes: Bytes = 8 * 1024**2
    """Files up to this size pass as bytes; larger ones through the spool."""
    stall_s: Seconds = 60.0
    """A transfer that brings less than 16 KiB a second for so long has failed; in all it may take as long as it likes."""
    spool_bytes: Bytes = 10 * 1024**3
    """Disk that files between download and upload may take."""
    spool_url: str | None = None
    """``file://`` directory that the processes of download and upload share, where the topic is between them."""


class Upload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The upload stage."""

    workers: Count = 16
    queue_items: Count = 64


Edge = Literal["auto", "topic"]


class Edges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How work reaches a stage: ``auto`` is in memory where both stages run in this process, else its topic."""

    enrich: Edge = "auto"
    download: Edge = "auto"
    upload: Edge = "auto"


class Lake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Delta tables and the files root."""

    tables_url: str
    """Path, ``file://``, ``s3://``, ``abfss://`` or ``az://``; on OneLake
    ``abfss://<workspace>@onelake.dfs.fabric.microsoft.com/<lakehouse>.Lakehouse/Tables/...``."""
    files_url: str
    storage: dict[str, str | Secret] = field(default_factory=dict)
    """Options of the object store, by the names of the object_store crate: one set for tables and files."""
    flush_rows: Count = 20_000
    flush_bytes: Bytes = 64 * 1024**2
    flush_interval_s: Seconds = 5.0


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The delay queue."""

    delays_s: Annotated[tuple[Seconds, ...], Meta(min_length=1)] = (300.0, 600.0, 1200.0, 2400.0)
    """One delay for each counted failure: four delays are five tries."""
    max_age_s: Seconds = 604_800.0


class Flood(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many dead letters are too many: at any of these intake pauses, and nothing is dropped or passed."""

    max_consecutive: Count = 1000
    """In a row, with no record settled otherwise between."""
    max_per_minute: Count = 5000
    max_ratio: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Of the last 1,000 records that were settled."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of the process."""

    memory_bytes: Annotated[int, Meta(ge=64 * 1024**2)] = 512 * 1024**2
    """Prefetch, events in flight, API answers and small files together."""
    drain_s: Seconds = 30.0
    """From SIGTERM to the last commit."""


class Health(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where probes are answered: read-only, and without a secret."""

    host: str = "0.0.0.0"  # noqa: S104  # probes come from outside
    port: Annotated[int, Meta(ge=0, le=65_535)] | None = None
    """None: 8080 with several stages in one process, else by the stage; 0: any that is free, told in the log."""


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Logs on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole tree."""

    process: Process = field(default_factory=Process)
    kafka: Kafka = field(default_factory=Kafka)
    api: Api
    ingest: Ingest = field(default_factory=Ingest)
    enrich: Enrich = field(default_factory=Enrich)
    download: Download = field(default_factory=Download)
    upload: Upload = field(default_factory=Upload)
    edges: Edges = field(default_factory=Edges)
    lake: Lake
    retry: Retry = field(default_factory=Retry)
    flood: Flood = field(default_factory=Flood)
    limits: Limits = field(default_factory=Limits)
    health: Health = field(default_factory=Health)
    log: Log = field(default_factory=Log)
