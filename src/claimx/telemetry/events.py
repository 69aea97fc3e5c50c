"""Every log event: ``<noun>.<past verb>``, its level and meaning. Values are fields, never part of the name.

docs/logs.md is written from here.
"""

from typing import Literal, NamedTuple

Event = Literal[
    "process.started",
    "process.progressed",
    "process.draining",
    "process.stopped",
    "process.failed",
    "delay_queue.recovered",
    "delay_queue.failed",
    "delay_queue.lost",
    "delay_queue.foreign_stage",
    "delay_queue.hurried",
    "partitions.assigned",
    "partitions.revoked",
    "ledger.violated",
    "offsets.committed",
    "offsets.failed",
    "flush.failed",
    "flush.committed",
    "row.rejected",
    "record.skipped",
    "record.joined",
    "item.parked",
    "item.retried",
    "item.forwarded",
    "item.dead_lettered",
    "item.dropped",
    "call.failed",
    "project.requested",
    "link.refreshed",
    "file.stored",
    "file.failed",
    "dead_letter.failed",
    "flood.began",
    "flood.ended",
    "handover.failed",
    "preflight.failed",
    "results.counted",
    "circuit.opened",
    "circuit.half_opened",
    "circuit.reopened",
    "circuit.closed",
    "control.asked",
    "control.failed",
    "health.listening",
    "health.failed",
    "health.recovered",
    "kafka.logged",
    "kafka.abandoned",
    "kafka.missed",
    "kafka.returned",
    "kafka.failed",
    "library.logged",
]
"""What the typed log takes."""

Repeats = Literal["always", "limited", "noisy"]
"""How often a line that repeats is told: each time; 100 at once and then one a second; 5 and then one in ten seconds."""


class Declared(NamedTuple):
    """What stands behind a name.

    Args:
        levels: that it comes at.
        fields: beside the ids of what is being worked on.
    """

    levels: str
    meaning: str
    fields: str = ""
    repeats: Repeats = "limited"


EVENTS: dict[str, Declared] = {
    "process.started": Declared(
        "info", "All is connected, work begins.", "version instance stages", "always"
    ),
    "process.progressed": Declared(
        "info",
        "What was done since the last such line, and how things stand; each 30 s, each 5 min while nothing changes.",
        "window_s records_per_s settled_per_s files bytes_per_s stages in_flight parked parked_due dead_letters lag"
        " oldest_uncommitted_s newest_committed_s circuits flood lines_suppressed",
        "always",
    ),
    "process.draining": Declared(
        "info", "Intake has ended; what is in flight is finished.", "live", "always"
    ),
    "process.stopped": Declared(
        "info", "The end of a run.", "exit_code in_flight lines_suppressed", "always"
    ),
    "process.failed": Declared(
        "error", "A promise cannot be kept, or the process does not end by itself.", "error", "always"
    ),
    "delay_queue.recovered": Declared("info", "Rows of earlier runs that wait for their retry.", "rows"),
    "delay_queue.failed": Declared(
        "warning",
        "The state directory's disk does not do it; it is tried until it does.",
        "error tries",
        "noisy",
    ),
    "delay_queue.lost": Declared(
        "error",
        "Committed offsets rely on another delay queue than the one that is there.",
        "problem",
        "always",
    ),
    "delay_queue.foreign_stage": Declared(
        "warning", "Rows that an earlier version left for a stage that nobody knows: they stay.", "rows"
    ),
    "delay_queue.hurried": Declared("info", "Rows that an operator made due now.", "rows"),
    "partitions.assigned": Declared("info", "Partitions of a topic are this process's now.", "partitions"),
    "partitions.revoked": Declared(
        "info",
        "They are not any more; what of them is in flight settles nothing. Lost: the broker has not waited.",
        "partitions is_lost",
    ),
    "ledger.violated": Declared(
        "error",
        "Records or delay rows do not add up (I1): a bug. Told once each.",
        "ledger problem",
        "always",
    ),
    "offsets.committed": Declared("debug", "Frontiers are committed.", "partitions"),
    "offsets.failed": Declared(
        "warning", "A commit was not acknowledged; the next one covers it.", "error partitions", "noisy"
    ),
    "flush.failed": Declared(
        "warning",
        "The lake did not take rows, or nobody knows; it is done again.",
        "error tries table rows",
        "noisy",
    ),
    "flush.committed": Declared(
        "debug", "A cycle is in the lake and its receipts are settled.", "rows receipts seconds"
    ),
    "row.rejected": Declared(
        "error", "The lake can never take this row: it alone is a dead letter.", "code table key detail"
    ),
    "record.skipped": Declared(
        "debug", "A tombstone, or a copy of work that this process has committed.", "reason"
    ),
    "record.joined": Declared("debug", "A copy of work in flight shares its outcome."),
    "item.parked": Declared(
        "info", "A pass failed; the item waits in the delay queue.", "code detail delay_s"
    ),
    "item.retried": Declared("debug", "Its time has come: it enters its stage again.", "code crashes"),
    "item.forwarded": Declared("debug", "The stage's topic has it; another process works on it."),
    "item.dead_lettered": Declared("warning", "Given up and kept: claimx dlq list.", "code detail"),
    "item.dropped": Declared("debug", "Left undone: its partition is another process's now."),
    "call.failed": Declared(
        "debug", "One try of a call failed; a pass has up to three.", "dependency code detail is_probe"
    ),
    "project.requested": Declared("debug", "A project is fetched because an event's rows refer to it."),
    "link.refreshed": Declared(
        "debug", "A file's link had run out, or was refused: the API gave a new one.", "count"
    ),
    "file.stored": Declared("debug", "A file is in the files root; its row follows.", "bytes"),
    "file.failed": Declared("warning", "A download or upload failed, here or elsewhere.", "status code"),
    "dead_letter.failed": Declared(
        "warning",
        "Kafka did not acknowledge a dead letter; it is tried until it does.",
        "error tries",
        "noisy",
    ),
    "flood.began": Declared(
        "error", "Too many dead letters: intake pauses.", "reason in_a_row in_a_minute", "always"
    ),
    "flood.ended": Declared("info", "Intake goes on.", "", "always"),
    "handover.failed": Declared(
        "warning",
        "Kafka did not acknowledge a task or report; it is tried until it does.",
        "error tries",
        "noisy",
    ),
    "preflight.failed": Declared(
        "warning", "The projects' table could not be read: all are fetched.", "projects error", "noisy"
    ),
    "results.counted": Declared(
        "info",
        "What became of files, at the end of a run.",
        "completed failed failed_permanent file_bytes success_rate failure_rate per_s",
    ),
    "circuit.opened": Declared(
        "warning",
        "A dependency does not answer, or refuses our credential: its stages wait.",
        "dependency reason count",
        "always",
    ),
    "circuit.half_opened": Declared("info", "One call probes it.", "dependency open_s", "noisy"),
    "circuit.reopened": Declared("warning", "The probe failed.", "dependency reason open_s", "noisy"),
    "circuit.closed": Declared("info", "It has answered.", "dependency open_s probes", "always"),
    "control.asked": Declared("info", "An operator's command on the control socket.", "command pid uid"),
    "control.failed": Declared(
        "warning error", "The control socket cannot be served; work goes on.", "error", "noisy"
    ),
    "health.listening": Declared("info", "Probes and metrics are answered.", "host port", "always"),
    "health.failed": Declared(
        "error",
        "Liveness has turned red: work is there and nothing moves. All stacks follow, once.",
        "reasons",
        "always",
    ),
    "health.recovered": Declared("info", "Liveness is green again.", "", "always"),
    "kafka.logged": Declared(
        "debug info warning error", "A line of librdkafka's own log.", "client code detail", "noisy"
    ),
    "kafka.abandoned": Declared(
        "warning",
        "Consumers have not left their groups in time: the process ends without them.",
        "topics after_s",
    ),
    "kafka.missed": Declared(
        "error",
        "No broker answers, one refuses us, or a topic is missing; the run ends if that lasts.",
        "reason ends_after_s",
        "always",
    ),
    "kafka.returned": Declared("info", "Brokers answer again.", "gone_s", "always"),
    "kafka.failed": Declared(
        "warning",
        "librdkafka reports an error that it retries by itself.",
        "client code detail",
        "noisy",
    ),
    "library.logged": Declared(
        "warning error",
        "A line of another library's log, or an error that ended a thread.",
        "code detail",
        "noisy",
    ),
}
