"""Every metric there is. The exposition, its zeros and the table of docs/metrics.md come from here."""

from claimx.domain.asking import KINDS
from claimx.domain.codes import AREAS, STATUSES
from claimx.domain.events import ENRICHED_TYPES
from claimx.domain.outcomes import Outcome
from claimx.domain.stage_names import STAGES
from claimx.domain.tables import TABLES
from claimx.telemetry.family import OTHER, Family, Label

SETTLED = (*(outcome.label for outcome in Outcome), "revoked")
WORKERS = (*STAGES, "api", "flush", "commit")
DOING = ("waiting", "working", "blocked")
DEPENDENCIES = ("api", "files", "store")
CIRCUIT_STATES = ("closed", "open", "half_open")
POOLS = ("intake", "api", "files", "spool")
FLOODS = ("consecutive", "per_minute", "ratio")
PROCESS_STATES = ("starting", "running", "draining")

_TOPIC = Label("topic", bound="the topics that this process consumes")
_PARTITION = Label("partition", bound="those assigned now")
_STAGE = Label("stage", STAGES)
_WORKER = Label("stage", WORKERS)
_WORKING = Label("stage", ("enrich", "download", "upload"))
_TABLE = Label("table", tuple(TABLES))
_ENDPOINT = Label("endpoint", tuple(KINDS.values()))
_CODE = Label("code_class", AREAS)
_DEPENDENCY = Label("dependency", DEPENDENCIES)
_POOL = Label("pool", POOLS)

_CALL_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_AGE_S = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0)
_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
_ROWS = (1.0, 10.0, 100.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 20_000.0, 40_000.0)
_FILE_BYTES = (1e3, 1e4, 1e5, 1e6, 4e6, 8e6, 3.2e7, 1e8, 5e8, 2e9)

# ---- the two laws of I1 ----

RECORDS_RECEIVED = Family(
    "records_received_total", "counter", "records", "Records taken in from Kafka.", (_TOPIC,)
)
RECORDS_SETTLED = Family(
    "records_settled_total",
    "counter",
    "records",
    "Records by their outcome; revoked: fenced with their partition, another process has them now.",
    (_TOPIC, Label("outcome", SETTLED)),
)
RECORDS_IN_FLIGHT = Family(
    "records_in_flight",
    "gauge",
    "records",
    "Records received and not settled: received minus settled, always.",
    (_TOPIC,),
)
DELAY_ROWS_IN = Family(
    "delay_rows_in_total",
    "counter",
    "rows",
    "Rows of the delay queue found at the start (carried_over), and inserted since (parked).",
    (Label("how", ("carried_over", "parked")),),
)
DELAY_ROWS_OUT = Family(
    "delay_rows_out_total",
    "counter",
    "rows",
    "Rows deleted from the delay queue.",
    (Label("how", ("resolved", "dead_lettered", "dropped")),),
)
DELAY_ROWS = Family(
    "delay_rows",
    "gauge",
    "rows",
    "Rows that wait in the delay queue: in minus out, always. Looked at each second.",
)
DELAY_ROWS_DUE = Family(
    "delay_rows_due", "gauge", "rows", "Rows of the delay queue whose time has come. Looked at each second."
)
LOG_LINES_SUPPRESSED = Family(
    "log_lines_suppressed_total", "counter", "", "Log lines left out, because others like them had been told."
)
LEDGER_VIOLATIONS = Family(
    "ledger_violations_total",
    "counter",
    "",
    "Looks, one each second, at which received and settled, or the rows of the delay queue, did not add up.",
)

# ---- Kafka ----

LAG = Family(
    "kafka_consumer_lag_records",
    "gauge",
    "records",
    "End of the partition, as of the last statistics, minus what is committed.",
    (_TOPIC, _PARTITION),
)
OLDEST_AGE = Family(
    "kafka_oldest_uncommitted_age_seconds",
    "gauge",
    "seconds",
    "Age, by its Kafka timestamp, of the oldest record that came and is not committed, a second more at most; 0: none.",
    (_TOPIC, _PARTITION),
)
BROKERS_UP = Family(
    "kafka_brokers_up", "gauge", "brokers", "Connections of the stage's consumer that stand.", (_STAGE,)
)
KAFKA_MISSED = Family(
    "kafka_missed",
    "gauge",
    "",
    "1 while a look at Kafka, each 15 s, fails: no answer, a refusal, a missing topic; else 0.",
)
SINCE_POLL = Family(
    "kafka_since_poll_seconds", "gauge", "seconds", "Since the stage's consumer last polled.", (_STAGE,)
)
ASSIGNED = Family("kafka_assigned_partitions", "gauge", "partitions", "Partitions assigned now.", (_TOPIC,))
PAUSED = Family(
    "kafka_paused_partitions",
    "gauge",
    "partitions",
    "Partitions not fetched because they are too far ahead of what is committed.",
    (_TOPIC,),
)
REBALANCED = Family(
    "kafka_rebalanced_partitions_total",
    "counter",
    "partitions",
    "Partitions that came, and that went.",
    (Label("change", ("assigned", "revoked")),),
)
COMMITS = Family(
    "kafka_offset_commits_total",
    "counter",
    "",
    "Commits of offsets.",
    (Label("result", ("committed", "failed")),),
)

# ---- stages ----

WORKER_SECONDS = Family(
    "stage_worker_seconds_total",
    "counter",
    "seconds",
    "What workers spend their time with: waiting for work, working, blocked: the next queue, a budget or something "
    "outside has no room.",
    (_WORKER, Label("doing", DOING)),
)
WORKERS_OF = Family("stage_workers", "gauge", "workers", "Items that the stage works on at once.", (_WORKER,))
IN_HAND = Family("stage_in_hand_items", "gauge", "items", "Items that workers have in hand.", (_WORKER,))
DONE = Family("stage_done_items_total", "counter", "items", "Items that are out of its hands.", (_WORKER,))
UNMOVED = Family(
    "stage_unmoved_seconds",
    "gauge",
    "seconds",
    "The longest time for which an item in hand, that waits for nobody, has not moved; 0: there is none.",
    (_WORKER,),
)
PASSES = Family(
    "stage_passes_total",
    "counter",
    "",
    "Passes over an item: done, or failed (then parked or given up).",
    (_WORKING, Label("result", ("done", "failed"))),
)
PASS_SECONDS = Family(
    "stage_pass_duration_seconds",
    "histogram",
    "seconds",
    "One pass, its quick tries and waits for calls included.",
    (_WORKING,),
    _CALL_S,
)
QUEUE_ITEMS = Family(
    "stage_queue_items",
    "gauge",
    "items",
    "Items that wait for the stage.",
    (_WORKING,),
)
QUEUE_CAPACITY = Family(
    "stage_queue_capacity_items",
    "gauge",
    "items",
    "Items that may wait for the stage; full, it holds the stage before it back.",
    (_WORKING,),
)
EVENT_LATENCY = Family(
    "event_latency_seconds",
    "histogram",
    "seconds",
    "From the Kafka timestamp of a record (of the first in its batch) to its settlement as committed: the rows are in "
    "the lake and the files stored. other: types that have only their row.",
    (Label("event_type", (*sorted(ENRICHED_TYPES), OTHER)),),
    _AGE_S,
)
DUPLICATES = Family(
    "duplicates_total",
    "counter",
    "",
    "Copies: joined one in flight, or skipped because this process had committed that event.",
    (Label("how", ("joined", "skipped")),),
)

# ---- enrichment ----

BATCH_EVENTS = Family("enrich_batch_events", "histogram", "events", "Events enriched together.", (), _SIZES)
BATCH_PROJECTS = Family(
    "enrich_batch_projects", "histogram", "projects", "Groups by project in such a batch.", (), _SIZES
)
PREFLIGHTS = Family(
    "enrich_preflights_total",
    "counter",
    "",
    "Projects fetched because the rows of an event refer to them.",
)
API_REQUESTS = Family(
    "api_requests_total",
    "counter",
    "",
    "Requests to the ClaimX API, quick tries included; unreadable: a 200 that is no JSON, none: no answer.",
    (_ENDPOINT, Label("status", STATUSES)),
)
API_SECONDS = Family(
    "api_request_duration_seconds",
    "histogram",
    "seconds",
    "From asking to the last byte of the answer, our own rate limit included.",
    (_ENDPOINT,),
    _CALL_S,
)
API_SAVED = Family(
    "api_calls_saved_total",
    "counter",
    "",
    "Questions that another one's request answered.",
)
CIRCUIT_STATE = Family(
    "circuit_state",
    "gauge",
    "",
    "1 for the state that the circuit of the dependency is in.",
    (_DEPENDENCY, Label("state", CIRCUIT_STATES)),
)
CIRCUIT_TRANSITIONS = Family(
    "circuit_transitions_total",
    "counter",
    "",
    "Changes of the circuit's state, by the new one.",
    (_DEPENDENCY, Label("state", CIRCUIT_STATES)),
)

# ---- files ----

DOWNLOAD_SECONDS = Family(
    "download_duration_seconds",
    "histogram",
    "seconds",
    "One transfer from a file host that came to its end.",
    (),
    _CALL_S,
)
FILE_BYTES = Family(
    "download_file_bytes", "histogram", "bytes", "Sizes of the files that were downloaded.", (), _FILE_BYTES
)
URL_REFRESHES = Family(
    "download_url_refreshes_total",
    "counter",
    "",
    "Links asked for again because they had run out, or might have.",
)
URLS_REFUSED = Family(
    "download_urls_refused_total",
    "counter",
    "",
    "Links that are not fetched: host, scheme, address or redirect are not allowed. Look at each.",
)
UPLOAD_SECONDS = Family(
    "upload_duration_seconds",
    "histogram",
    "seconds",
    "One write to the object store that was acknowledged.",
    (),
    _CALL_S,
)
FILES_STORED = Family("files_stored_total", "counter", "files", "Files in the object store.")
FILE_BYTES_STORED = Family("files_stored_bytes_total", "counter", "bytes", "Content of these.")
SPOOL_FREE = Family(
    "spool_disk_free_bytes", "gauge", "bytes", "Free on the disk of the spool, for this user."
)

# ---- lake ----

FLUSHES = Family("flushes_total", "counter", "", "Flush cycles committed.")
FLUSH_SECONDS = Family(
    "flush_duration_seconds",
    "histogram",
    "seconds",
    "One flush cycle, from the first write to the settlement.",
    (),
    _CALL_S,
)
FLUSH_ROWS = Family("flush_rows", "histogram", "rows", "Rows and log lines of a flush cycle.", (), _ROWS)
FLUSHED_AT = Family(
    "flush_last_timestamp_seconds",
    "gauge",
    "seconds",
    "When the last flush cycle was committed; 0: none yet.",
)
BUFFERED_ROWS = Family("lake_buffered_rows", "gauge", "rows", "Rows and log lines in the cycle that fills.")
LAKE_ROWS = Family(
    "lake_rows_total", "counter", "rows", "Rows written, made unique by key before.", (_TABLE,)
)
LAKE_WRITES = Family(
    "lake_writes_total",
    "counter",
    "",
    "Writes: committed, lost to another writer and done again (conflict), failed and done again, or refused for a row.",
    (_TABLE, Label("result", ("committed", "conflict", "failed", "refused"))),
)
LAKE_SECONDS = Family(
    "lake_write_duration_seconds",
    "histogram",
    "seconds",
    "One try of a write, whatever came of it.",
    (_TABLE,),
    _CALL_S,
)

# ---- what went wrong ----

PARKED = Family(
    "items_parked_total",
    "counter",
    "items",
    "Items put into the delay queue, by the stage that failed and the class of the code.",
    (_STAGE, _CODE),
)
DEAD_LETTERS = Family(
    "dead_letters_total",
    "counter",
    "",
    "Dead letters acknowledged by the broker; bug: a bug in claimx, exhausted tries count by their code.",
    (_STAGE, _CODE),
)
FLOOD = Family(
    "dead_letter_flood",
    "gauge",
    "",
    "1 for the limit on account of which a flood of dead letters pauses intake.",
    (Label("limit", FLOODS),),
)

# ---- process ----

BUDGET_USED = Family("budget_used_bytes", "gauge", "bytes", "Bytes held of a budget.", (_POOL,))
BUDGET_PEAK = Family("budget_peak_bytes", "gauge", "bytes", "Most that was held at once.", (_POOL,))
BUDGET_LIMIT = Family("budget_limit_bytes", "gauge", "bytes", "The budget.", (_POOL,))
LOOP_DELAY = Family(
    "event_loop_delay_seconds",
    "histogram",
    "seconds",
    "How much later than asked for a timer of the event loop came, looked at each second.",
    (),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0),
)
STATE = Family(
    "state", "gauge", "", "1 for the state that the process is in.", (Label("state", PROCESS_STATES),)
)
STAGE_RUNS = Family("stage_runs", "gauge", "", "1 for a stage that runs in this process, else 0.", (_STAGE,))
BUILD_INFO = Family(
    "build_info", "gauge", "", "Always 1.", (Label("version", bound="the version of claimx that runs"),)
)
METRIC_ERRORS = Family(
    "metric_errors_total",
    "counter",
    "",
    "Groups of metrics that could not be read for a bug; they are left out of the exposition.",
)

CATALOGUE: tuple[Family, ...] = tuple(each for each in globals().values() if isinstance(each, Family))
"""In the order of this file."""
