"""What keeps a table quick: small files made one, what no version needs deleted, the log cut (reference/lake.md 5)."""

from contextlib import suppress
from datetime import timedelta

import polars as pl
from deltalake import DeltaTable, PostCommitHookProperties, WriterProperties
from deltalake.exceptions import CommitFailedError

from claimx.ports.tables import Compacted, Vacuumed

_TRIES = 10
"""A MERGE that commits meanwhile makes a compaction fail, and nothing is changed: two of three did beside a busy writer."""
_COMMIT_EVERY = timedelta(minutes=5)
_DEFAULT_TARGET_BYTES = 100 * 1024 * 1024
_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


def compact(table: DeltaTable, writer: WriterProperties) -> Compacted:
    """Make small files one, partition by partition, then cut the log.

    Raises:
        CommitFailedError: other writers were always faster.
    """
    for _ in range(_TRIES - 1):
        with suppress(CommitFailedError):
            return _compact_once(table, writer)
    return _compact_once(table, writer)


def to_compact(table: DeltaTable) -> int:
    """Files that a compaction would take: those below the target size that do not stand alone in their partition."""
    table.update_incremental()
    files = pl.DataFrame(table.get_add_actions(flatten=True))
    if files.is_empty():
        return 0
    small = files.filter(pl.col("size_bytes") < _target_bytes(table))
    parts = [name for name in files.columns if name.startswith("partition.")]
    if not parts:
        return small.height if small.height > 1 else 0
    counts = small.group_by(parts).len()["len"]
    return int(counts.filter(counts > 1).sum())


def vacuum(table: DeltaTable, retain_hours: int, *, full: bool, dry_run: bool) -> Vacuumed:
    """Delete data files that no version of the last ``retain_hours`` needs.

    Args:
        full: lists the whole directory, and takes along what killed writers have left.
    """
    table.update_incremental()
    gone = table.vacuum(
        retain_hours,
        dry_run=dry_run,
        enforce_retention_duration=False,
        full=full,
        post_commithook_properties=_HOOKS,
    )
    return Vacuumed(files=len(gone))


def _compact_once(table: DeltaTable, writer: WriterProperties) -> Compacted:
    table.update_incremental()
    done = table.optimize.compact(
        min_commit_interval=_COMMIT_EVERY, writer_properties=writer, post_commithook_properties=_HOOKS
    )
    table.create_checkpoint()
    table.cleanup_metadata()
    return Compacted(files_removed=done["numFilesRemoved"], files_added=done["numFilesAdded"])


def _target_bytes(table: DeltaTable) -> int:
    return int(table.metadata().configuration.get("delta.targetFileSize") or _DEFAULT_TARGET_BYTES)
