"""What the deaths of the process say about the rows that it was working on."""

SUSPECT = 3
"""A row that was being worked on when the process died so often in a row is not worked on again."""

_TOGETHER = {1: 100, 2: 1}
"""Rows with so many crashes that are worked on at once: the last death must blame one row, not all in flight."""


def is_suspect(crashes: int) -> bool:
    """Whether working on the row is taken for what kills the process."""
    return crashes >= SUSPECT


def room(crashes: int, held: int, limit: int) -> int:
    """How many more rows with so many crashes may be taken, ``limit`` at most, while ``held`` of them are."""
    together = _TOGETHER.get(crashes)
    return limit if together is None else max(0, min(limit, together - held))
