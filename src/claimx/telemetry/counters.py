"""What a process run counts, beside the ledgers."""

from collections import Counter
from dataclasses import dataclass, field

from claimx.domain.times import Micros
from claimx.telemetry.log import suppressed_lines
from claimx.telemetry.measures import Measures


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
        flushed_at: when the last cycle was committed, microseconds UTC.
        passes: by stage and how they ended.
        api_requests: by kind of request and how the API answered.
        duplicates: copies, by what became of them.
        url_refreshes: links that were asked for again; ``urls_refused`` links that may not be fetched.
        lake_rows: rows written, by table; ``lake_writes`` tries, by table and how they ended.
        parked: by stage and class of code; ``dead_letters`` likewise.
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
    flushed_at: Micros = 0
    passes: Counter[tuple[str, str]] = field(default_factory=Counter)
    api_requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    url_refreshes: int = 0
    urls_refused: int = 0
    lake_rows: Counter[str] = field(default_factory=Counter)
    lake_writes: Counter[tuple[str, str]] = field(default_factory=Counter)
    parked: Counter[tuple[str, str]] = field(default_factory=Counter)
    dead_letters: Counter[tuple[str, str]] = field(default_factory=Counter)
    measures: Measures = field(default_factory=Measures)

    @property
    def log_lines_suppressed(self) -> int:
        """Lines that were left out of the log, because others like them had been told."""
        return suppressed_lines()
