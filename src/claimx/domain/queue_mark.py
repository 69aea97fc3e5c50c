"""What offset commits carry of the delay queue, so that a lost, replaced or restored file is noticed at start.

Offsets are committed after the rows that they rely on are parked. So a commit's metadata never tells of more rows than
the file has seen; where it does, or tells of another file, what was parked there is missing. An entry that another
instance has overwritten since tells nothing.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_FORM = "claimx-delay/1"
_ENTRY = re.compile(_FORM + r" ([!-~]+) ([0-9a-f]+) ([0-9]{1,18})", re.ASCII)


class QueueMark(NamedTuple):
    """The identity of a delay queue, as of its last commit.

    Args:
        queue_id: made once, with the file: lower-case hex.
        sequence: rows ever inserted into it.
    """

    queue_id: str
    sequence: int


def encode(instance: str, mark: QueueMark) -> str:
    """Write the metadata of an offset commit: ASCII, at most 120 bytes.

    Args:
        instance: ``process.instance``: it has no blanks.
    """
    return f"{_FORM} {instance} {mark.queue_id} {mark.sequence}"


def judge(instance: str, mark: QueueMark, metadata: Iterable[str]) -> list[str]:
    """Compare the queue that is there with what offset commits tell of; returns a text for each problem.

    Args:
        mark: of the queue that is there.
        metadata: of all committed partitions; what is not ours, or not of this instance, is ignored.
    """
    told: dict[str, int] = {}
    for text in metadata:
        entry = _ENTRY.fullmatch(text)
        if entry is not None and entry[1] == instance:
            told[entry[2]] = max(told.get(entry[2], 0), int(entry[3]))
    problems = [  # where nothing was ever parked, nothing is missing
        f"the delay queue of {instance} is not the one that its offset commits tell of: they name {queue_id}, "
        f"with {sequence} rows inserted; the file is {mark.queue_id}: lost, or replaced"
        for queue_id, sequence in sorted(told.items())
        if queue_id != mark.queue_id and sequence
    ]
    sequence = told.get(mark.queue_id, 0)
    if sequence > mark.sequence:
        problems.append(
            f"the delay queue of {instance} has seen {mark.sequence} rows inserted, but its offset commits tell of "
            f"{sequence}: truncated, or restored from a backup"
        )
    return problems


def read(metadata: str) -> tuple[str, QueueMark] | None:
    """The instance and the mark that an entry tells of; None if it is not ours."""
    entry = _ENTRY.fullmatch(metadata)
    return None if entry is None else (entry[1], QueueMark(entry[2], int(entry[3])))
