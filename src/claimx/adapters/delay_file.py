"""The file of the delay queue: opened, checked, brought to the schema of this version.

A file that is not what we left is never taken for an empty queue: what was parked there would be lost in silence.
"""

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from claimx.errors import DelayFileError

VERSION = 2
APPLICATION_ID = 0x636C6D78
"""``clmx``, in the header of every file since version 2."""

_PAGE_BYTES = 16_384
"""A row is about 600 bytes: pages of 4096 would stay an eighth empty (1M rows: 770 MB against 691)."""
_WAL_HEADER_BYTES = 32

_STEPS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE delayed (
            topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, child TEXT NOT NULL,
            stage TEXT NOT NULL, task BLOB NOT NULL, attempt INTEGER NOT NULL, code TEXT NOT NULL,
            due_at INTEGER NOT NULL, parked_at INTEGER NOT NULL, token INTEGER,
            PRIMARY KEY (topic, partition, "offset", child)
        ) STRICT
        """,
    ),
    (
        "ALTER TABLE delayed ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0",
        "DROP INDEX IF EXISTS delayed_due",
        "CREATE INDEX delayed_due ON delayed (crashes, due_at, stage) WHERE token IS NULL",
        "CREATE INDEX delayed_held ON delayed (crashes) WHERE token IS NOT NULL",
        "CREATE TABLE meta (queue_id TEXT NOT NULL, sequence INTEGER NOT NULL) STRICT",
        f"PRAGMA application_id = {APPLICATION_ID}",
    ),
)
"""What leads from each version to the next; a new file goes through all."""


def open_file(path: Path) -> sqlite3.Connection:
    """Open or create the file: WAL, every commit synced, at this version's schema.

    Raises:
        DelayFileError: it is not a delay queue, or one that is damaged, newer, or in another process's hands.
    """
    _check_names(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise DelayFileError(f"{path}: the delay queue cannot be opened: {error}") from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise translated(error, path) from error
    except DelayFileError:
        connection.close()
        raise
    return connection


def look_into(path: Path) -> int | None:
    """Read every page of a file that no process holds, and count its rows; None: there is no file, or nothing in it yet.

    Nothing is made and nothing is brought to this version.

    Raises:
        DelayFileError: as ``open_file``.
    """
    _check_names(path)
    if not path.exists():
        return None
    try:
        # rw, for the last reader of a WAL must be able to close it; SQLite falls back where the file may only be read
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            version = _version_of(connection, path)
            if not version:
                return None
            _check_pages(connection, path)
            if version == VERSION:
                _check_identity(connection, path)
            (rows,) = connection.execute("SELECT count(*) FROM delayed").fetchone()
            return int(rows)
    except sqlite3.Error as error:
        raise translated(error, path) from error


def translated(error: sqlite3.Error, path: Path) -> DelayFileError:
    """Say what SQLite found wrong with the file."""
    return DelayFileError(f"{path}: not a delay queue that can be used: {error}")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken: trying again would find it so for ever."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _check_names(path: Path) -> None:
    """Refuse a log without its database: SQLite would begin a new one and delete the log, and what is parked in it."""
    wal = path.with_name(path.name + "-wal")
    is_empty = not path.exists() or path.stat().st_size == 0
    if is_empty and wal.exists() and wal.stat().st_size > _WAL_HEADER_BYTES:
        raise DelayFileError(f"{path}: the delay queue is missing or empty, but its {wal.name} is there")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _version_of(connection, path)
    if version:
        _check_pages(connection, path)
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise DelayFileError(f"{path}: this file system cannot hold a delay queue: journal mode {mode}")
    connection.execute("PRAGMA synchronous = FULL")
    _migrate(connection, version)
    _check_identity(connection, path)


def _check_identity(connection: sqlite3.Connection, path: Path) -> None:
    (rows,) = connection.execute("SELECT count(*) FROM meta").fetchone()
    if rows != 1:
        raise DelayFileError(f"{path}: the delay queue is damaged: {rows} identities")


def _version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version; 0: there is nothing in the file yet."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if application == 0 and version == 0 and not tables:
        return 0
    is_ours = application == APPLICATION_ID or (application == 0 and version == 1)
    if not is_ours or version == 0 or "delayed" not in tables:
        raise DelayFileError(f"{path}: not a delay queue, but a file of another application")
    if version > VERSION:
        raise DelayFileError(
            f"{path}: delay queue of version {version}; this claimx reads up to {VERSION}",
            "run the claimx that wrote it, or a newer one",
        )
    return int(version)


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Read every page: a broken one would else be found when its rows are due. About a second for 1M rows."""
    (problem,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if problem != "ok":
        raise DelayFileError(f"{path}: the delay queue is damaged: {' '.join(problem.split())[:200]}")


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    for step in _STEPS[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute("INSERT INTO meta SELECT ?, count(*) FROM delayed", (secrets.token_hex(8),))
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
