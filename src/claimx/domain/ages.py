"""How old the oldest record is that is not committed."""

from collections import deque

from claimx.domain.times import SECOND, Micros


class Ages:
    """Kafka timestamps of one partition, batch by batch: written on the event loop, read from any thread."""

    __slots__ = ("_end", "_marks")

    def __init__(self) -> None:
        self._marks: deque[tuple[int, Micros]] = deque()
        self._end = 0

    def note(self, first: int, end: int, recorded_at: Micros, committed: int) -> None:
        """Note a batch that came.

        Args:
            first: its first offset; ``end`` the one after its last.
            recorded_at: the Kafka timestamp of its first record.
            committed: what is below is forgotten.
        """
        marks = self._marks
        while len(marks) > 1 and marks[1][0] <= committed:
            marks.popleft()
        if not marks or recorded_at - marks[-1][1] >= SECOND:
            marks.append((first, recorded_at))
        self._end = end

    def oldest(self, committed: int) -> Micros | None:
        """The timestamp of the oldest record that is not committed, a second less at most; None when there is none."""
        if committed >= self._end:
            return None
        marks = list(self._marks)
        below = [recorded_at for first, recorded_at in marks if first <= committed]
        return below[-1] if below else marks[0][1]

    def newest(self, committed: int) -> Micros | None:
        """The timestamp of the newest record that is committed, its batch and a second less at most; None: none came."""
        below = [recorded_at for first, recorded_at in list(self._marks) if first < committed]
        return below[-1] if below else None
