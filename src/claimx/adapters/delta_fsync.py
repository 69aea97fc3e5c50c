"""Make commits of a local table durable: delta-rs calls fsync nowhere (reference/lake.md 0.5)."""

from pathlib import Path
from urllib.parse import unquote

import msgspec

from claimx.adapters.fsync import fsync_path

LOOK_BACK = 100
"""Commits that are looked at when it is not known what is durable. Every writer makes what it skips over durable too,
so that only the last commit of a process that died can be in doubt."""


class _Add(msgspec.Struct):
    path: str


class _Action(msgspec.Struct):
    add: _Add | None = None


_action = msgspec.json.Decoder(_Action)


def make_durable(root: Path, after: int, upto: int) -> None:
    """Fsync the commits ``after < version <= upto``: data files, then log files, then the directories of both.

    A file that is gone (compacted and vacuumed, or a log that was cleaned up) has nothing to lose.

    Raises:
        OSError: the disk did not take it.
    """
    log = root / "_delta_log"
    files: list[Path] = []
    commits: list[Path] = []
    for version in range(max(after + 1, upto - LOOK_BACK, 0), upto + 1):
        commit = log / f"{version:020}.json"
        files += [root / name for name in _added(commit)]
        commits += [commit, log / f"{version:020}.checkpoint.parquet"]
    for path in [*files, *commits, log / "_last_checkpoint"]:
        _fsync_if_there(path)
    for path in sorted(_directories(files, root) | {log, root}, reverse=True):
        _fsync_if_there(path)


def _fsync_if_there(path: Path) -> None:
    try:
        fsync_path(path)
    except FileNotFoundError:
        return


def _added(commit: Path) -> list[str]:
    try:
        lines = commit.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    adds = [action.add for action in map(_action.decode, lines) if action.add is not None]
    return [unquote(add.path) for add in adds if "://" not in add.path]


def _directories(files: list[Path], root: Path) -> set[Path]:
    found: set[Path] = set()
    for path in files:
        parent = path.parent
        while parent not in found and parent.is_relative_to(root):
            found.add(parent)
            parent = parent.parent
    return found
