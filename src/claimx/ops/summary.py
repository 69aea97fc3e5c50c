"""What a run did, for people and for programs."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from claimx.domain.ledger import DelayCounts, TopicCounts


class Summary(msgspec.Struct, kw_only=True):
    """The end of a run. Record counts are of this process run; ``tables`` are rows in the lake now.

    Args:
        in_flight: received and not settled: they are delivered again.
        delayed: rows that wait in the delay queue.
        results: what became of files, here and in other processes: totals, and rates of the last 100 reports; None where
            the results stage does not run.
        api_calls: requests sent to the ClaimX API; ``api_calls_saved`` questions that another one's request answered.
        batches: batches of events enriched together, ``batched_events`` in all, of ``batched_projects`` projects, batch by
            batch.
        preflights: projects fetched because the rows of an event refer to them.
        circuit_transitions: by dependency, how often its circuit came into each state.
        log_lines_suppressed: lines left out of the log because others like them had been told.
        lag: records of the assigned partitions that are not committed; None if the broker did not tell.
        exit_code: what the process exits with.
    """

    schema: str = "claimx.run.summary/1"
    received: int
    committed: int
    forwarded: int
    parked: int
    dead_lettered: int
    skipped: int
    revoked: int
    in_flight: int
    delayed: int
    delay_queue: DelayCounts
    tables: dict[str, int]
    results: dict[str, int | float | None] | None
    files: int
    file_bytes: int
    api_calls: int
    api_calls_saved: int
    batches: int
    batched_events: int
    batched_projects: int
    preflights: int
    flushes: int
    circuit_transitions: dict[str, dict[str, int]]
    log_lines_suppressed: int
    duration_s: float
    lag: int | None
    ledger_violation: str | None
    exit_code: int


def totals(counts: Mapping[str, TopicCounts]) -> TopicCounts:
    """Add the ledgers of all source topics up."""
    total = TopicCounts()
    for count in counts.values():
        for name in TopicCounts.__struct_fields__:
            setattr(total, name, getattr(total, name) + getattr(count, name))
    return total


def by_circuit(transitions: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """How often each dependency's circuit came into each state; those that never moved are left out."""
    found: dict[str, dict[str, int]] = {}
    for (name, state), times in sorted(transitions.items()):
        found.setdefault(name, {})[state] = times
    return found


def write_json(summary: Summary, path: Path) -> None:
    """Write the summary as JSON; replaced in one step, so that nobody reads half of it."""
    scratch = path.with_name(f".{path.name}.tmp")
    scratch.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    scratch.replace(path)


def as_text(summary: Summary) -> str:
    """Write the summary as a table of plain text."""
    ends = ("committed", "forwarded", "parked", "dead_lettered", "skipped", "revoked", "in_flight")
    rows: list[tuple[str, str]] = [("received", f"{summary.received:,}")]
    rows += [(f"  {name}", f"{getattr(summary, name):,}") for name in ends]
    rows += [(name, f"{count:,}") for name, count in sorted(summary.tables.items())]
    rows += [
        ("files stored", f"{summary.files:,} ({summary.file_bytes / 1e6:,.1f} MB)"),
        ("API calls", f"{summary.api_calls:,}"),
        ("  saved", f"{summary.api_calls_saved:,}"),
        ("events enriched", f"{summary.batched_events:,}"),
        ("  batches", f"{summary.batches:,}"),
        ("  groups by project", f"{summary.batched_projects:,}"),
        ("  projects fetched for", f"{summary.preflights:,}"),
        ("flushes", f"{summary.flushes:,}"),
        *(
            (f"circuit {name}", ", ".join(f"{state} {times:,}" for state, times in states.items()))
            for name, states in sorted(summary.circuit_transitions.items())
        ),
        ("log lines suppressed", f"{summary.log_lines_suppressed:,}"),
        ("still delayed", f"{summary.delayed:,}"),
        ("lag", "unknown" if summary.lag is None else f"{summary.lag:,}"),
        ("duration", f"{summary.duration_s:,.1f} s"),
    ]
    if summary.ledger_violation:
        rows.append(("LEDGER VIOLATION", summary.ledger_violation))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value:>12}" for name, value in rows)
