"""The rows of the delay queue and what is done to them, in SQL, within one transaction."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence

from claimx.domain.crashes import SUSPECT, room
from claimx.domain.queue_mark import QueueMark
from claimx.domain.receipts import Lease
from claimx.domain.tasks import decode_task, encode_task
from claimx.domain.times import Micros
from claimx.errors import DelayFileError, PoisonError
from claimx.ports.delay import LOOK_AGAIN, DelayRow, Leased, Listed, RowKey

_INSERT = "INSERT INTO delayed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0) ON CONFLICT DO NOTHING"
_AT = 'topic = ? AND partition = ? AND "offset" = ? AND child = ?'
_UPDATE = f"""
UPDATE delayed SET token = NULL, crashes = 0, stage = ?, task = CASE WHEN ? >= attempt THEN ? ELSE task END,
    attempt = max(attempt, ?), code = ?, due_at = max(due_at, ?) WHERE {_AT}
"""  # noqa: S608  # made of constants
_ROW = 'topic, partition, "offset", child, stage, task, code, due_at, parked_at'
_DUE = """
SELECT due_at, rowid FROM delayed
WHERE token IS NULL AND crashes = ? AND due_at <= ? AND stage IN ({stages}) ORDER BY due_at LIMIT ?
"""
_NEXT = """
SELECT due_at FROM delayed WHERE token IS NULL AND crashes = ? AND stage IN ({stages}) ORDER BY due_at LIMIT 1
"""
_HELD = "SELECT count(*) FROM delayed WHERE token IS NOT NULL AND crashes = ?"
_ANY_CRASHED = """
SELECT EXISTS (SELECT 1 FROM delayed WHERE token IS NULL AND crashes > 0)
    OR EXISTS (SELECT 1 FROM delayed WHERE token IS NOT NULL AND crashes > 0)
"""
_TAKE = f"UPDATE delayed SET token = ? WHERE rowid = ? RETURNING {_ROW}"  # noqa: S608  # made of constants
_DELETE = f"DELETE FROM delayed WHERE {_AT} AND token = ?"  # noqa: S608  # made of constants
_DROP = f"DELETE FROM delayed WHERE {_AT} AND token IS NULL"  # noqa: S608  # made of constants
_HURRY = f"UPDATE delayed SET due_at = ? WHERE {_AT} AND due_at > ? AND token IS NULL"  # noqa: S608  # made of constants
_LIST = f"""
SELECT {_ROW}, token IS NOT NULL, crashes FROM delayed
WHERE (topic, partition, "offset", child) > (?, ?, ?, ?)
ORDER BY topic, partition, "offset", child LIMIT ?
"""  # noqa: S608  # made of constants
_STAGES = """
SELECT stage, count(*) FROM delayed WHERE token IS NULL GROUP BY stage
UNION ALL SELECT stage, count(*) FROM delayed WHERE token IS NOT NULL GROUP BY stage
"""
_DUE_BEFORE = """
SELECT (SELECT count(*) FROM delayed WHERE token IS NULL AND due_at < ?1)
    + (SELECT count(*) FROM delayed WHERE token IS NOT NULL AND due_at < ?1)
"""
_BEFORE_ALL = ("", -1, -1, "")
_ROW_BYTES = 1024

_Columns = tuple[str, int, int, str, str, bytes, str, int, int]


class DelayTable:
    """The rows; its owner calls it from one thread, between ``begin`` and ``commit`` or ``rollback``.

    Args:
        connection: of an opened file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.mark = QueueMark(*connection.execute("SELECT queue_id, sequence FROM meta").fetchone())
        """As of the last commit."""
        self._sequence = self.mark.sequence
        self._token = 0
        self._has_crashed = True

    def begin(self) -> None:
        """Begin a transaction."""
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commit, durably, with the sequence of what was inserted."""
        if self._sequence != self.mark.sequence:
            self._connection.execute("UPDATE meta SET sequence = ?", (self._sequence,))
        self._connection.execute("COMMIT")
        self.mark = self.mark._replace(sequence=self._sequence)

    def rollback(self) -> None:
        """Undo what was done since ``begin``."""
        self._sequence = self.mark.sequence
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def recover(self) -> int:
        """Void all tokens, count a crash for each; return the number of rows."""
        self._has_crashed = True
        self._connection.execute(
            "UPDATE delayed SET token = NULL, crashes = min(crashes + 1, ?) WHERE token IS NOT NULL",
            (SUSPECT,),
        )
        return self.count()

    def release(self) -> None:
        """Void all tokens at the end of a run: that is no crash."""
        self._connection.execute("UPDATE delayed SET token = NULL WHERE token IS NOT NULL")

    def park(self, rows: Sequence[DelayRow]) -> int:
        """Insert or update rows; return the number inserted."""
        inserted = 0
        for row in rows:
            task, encoded = row.task, encode_task(row.task)
            key = (*task.origin, task.child)
            new = (*key, row.stage, encoded, task.attempt, row.code, row.due_at, row.parked_at)
            if self._connection.execute(_INSERT, new).rowcount:
                inserted += 1
            else:
                changed = (row.stage, task.attempt, encoded, task.attempt, row.code, row.due_at, *key)
                self._connection.execute(_UPDATE, changed)
        self._sequence += inserted
        return inserted

    def lease(self, now: Micros, limit: int, stages: Collection[str]) -> tuple[list[Leased], Micros | None]:
        """Take due rows, oldest due first; those with crashes a few at a time."""
        marks = ", ".join("?" * len(stages))
        due, following = _DUE.format(stages=marks), _NEXT.format(stages=marks)
        free = self._room(limit)
        found = [
            (*row, crashes)
            for crashes, places in free.items()
            for row in self._connection.execute(due, (crashes, now, *stages, places))
        ]
        taken = [self._take(rowid, crashes) for _, rowid, crashes in sorted(found)[:limit]]
        for each in taken:
            free[each.crashes] -= 1
        nexts = []
        for crashes, places in free.items():
            for (due_at,) in self._connection.execute(following, (crashes, *stages)):
                nexts.append(due_at if places or crashes == 0 else max(due_at, now + LOOK_AGAIN))
        if self._has_crashed:
            self._has_crashed = bool(self._number(_ANY_CRASHED))
        return taken, min(nexts, default=None)

    def delete(self, leases: Sequence[Lease]) -> list[Lease]:
        """Delete the rows that still carry these tokens."""
        return [
            lease
            for lease in leases
            if self._connection.execute(_DELETE, (*lease.origin, lease.child, lease.token)).rowcount
        ]

    def drop(self, keys: Sequence[RowKey]) -> list[RowKey]:
        """Delete rows that are not leased."""
        return [key for key in keys if self._connection.execute(_DROP, (*key.origin, key.child)).rowcount]

    def make_due(self, keys: Sequence[RowKey], now: Micros) -> list[RowKey]:
        """Let rows be due that are not leased."""
        return [
            key
            for key in keys
            if self._connection.execute(_HURRY, (now, *key.origin, key.child, now)).rowcount
        ]

    def list_rows(self, limit: int, after: RowKey | None) -> list[Listed]:
        """Rows in the order of their keys."""
        start = _BEFORE_ALL if after is None else (*after.origin, after.child)
        return [
            Listed(_row(tuple(columns)), bool(is_leased), crashes)
            for *columns, is_leased, crashes in self._connection.execute(_LIST, (*start, limit))
        ]

    def count(self) -> int:
        """Rows that are there."""
        return self._number("SELECT count(*) FROM delayed")

    def stages(self) -> Mapping[str, int]:
        """Rows that are there, by stage."""
        by_stage: dict[str, int] = {}
        for stage, rows in self._connection.execute(_STAGES):
            by_stage[stage] = by_stage.get(stage, 0) + rows
        return by_stage

    def due_before(self, when: Micros) -> int:
        """Rows that are due before ``when``."""
        return self._number(_DUE_BEFORE, when)

    def _room(self, limit: int) -> dict[int, int]:
        """How many rows may be taken now, by their crashes."""
        if not self._has_crashed:
            return {0: limit}
        return {
            crashes: room(crashes, self._number(_HELD, crashes) if crashes else 0, limit)
            for crashes in range(SUSPECT + 1)
        }

    def _take(self, rowid: int, crashes: int) -> Leased:
        self._token += 1
        (columns,) = self._connection.execute(_TAKE, (self._token, rowid)).fetchall()
        row = _row(columns)
        lease = Lease(row.task.origin, row.task.child, self._token)
        return Leased(row, lease, len(columns[5]) + _ROW_BYTES, crashes)

    def _number(self, query: str, *values: object) -> int:
        (number,) = self._connection.execute(query, values).fetchone()
        return int(number)


def _row(columns: _Columns) -> DelayRow:
    topic, partition, offset, child, stage, task, code, due_at, parked_at = columns
    try:
        return DelayRow(stage, decode_task(task), code, due_at, parked_at)
    except PoisonError as error:
        key = f"{topic}/{partition}/{offset} {child}"
        raise DelayFileError(
            f"the row {key} of the delay queue cannot be read: {error.code}",
            "run the claimx that parked it, or a newer one",
        ) from error
