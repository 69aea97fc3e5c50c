"""What a process run counts, beside the ledgers."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Plain totals since the start.

    Args:
        files: uploads that were stored.
        file_bytes: their content.
        flushes: cycles committed.
        flushed_rows: rows and log lines in them.
        api_calls: requests sent.
    """

    files: int = 0
    file_bytes: int = 0
    flushes: int = 0
    flushed_rows: int = 0
    api_calls: int = 0
