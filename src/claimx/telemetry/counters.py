"""What a process run counts, beside the ledgers."""

from collections import Counter
from dataclasses import dataclass, field

from claimx.telemetry.log import suppressed_lines


@dataclass(slots=True)
class Counters:
    """Plain totals since the start.

    Args:
        files: uploads that were stored.
        file_bytes: their content.
        flushes: cycles committed.
        flushed_rows: rows and log lines in them.
        api_calls: requests sent, quick tries included.
        api_calls_saved: questions that were answered by another one's request.
        batches: batches of events that were enriched together; ``batched_events`` events in them, of
            ``batched_projects`` projects, batch by batch.
        preflights: projects that were fetched because the rows of an event refer to them.
        ledger_violations: looks at the laws of I1 that found one broken.
        circuit_transitions: by dependency and new state; a probe that fails makes it open once more.
        passes_begun: passes over one item, by stage, and ``passes_ended``, those that are over; ingest has none.
    """

    files: int = 0
    file_bytes: int = 0
    flushes: int = 0
    flushed_rows: int = 0
    api_calls: int = 0
    api_calls_saved: int = 0
    batches: int = 0
    batched_events: int = 0
    batched_projects: int = 0
    preflights: int = 0
    ledger_violations: int = 0
    circuit_transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    passes_begun: Counter[str] = field(default_factory=Counter)
    passes_ended: Counter[str] = field(default_factory=Counter)

    @property
    def log_lines_suppressed(self) -> int:
        """Lines that were left out of the log, because others like them had been told."""
        return suppressed_lines()
