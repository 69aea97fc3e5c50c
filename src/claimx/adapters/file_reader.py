"""The files root, compared with its inventory."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256

import obstore
import obstore.store
import polars as pl
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore

from claimx.adapters.lake_scan import PinnedTables
from claimx.adapters.locations import is_panic, local_path, told
from claimx.adapters.object_store import remote_store
from claimx.config.tree import Lake
from claimx.domain.tables import ATTACHMENTS
from claimx.domain.times import SECOND, Micros
from claimx.errors import AuthError, ConfigError, TransientError
from claimx.ports.inspection import Misfit

_FOREIGN = (BaseError, OSError, ValueError)
_REFUSED = (PermissionDeniedError, UnauthenticatedError)
_LISTED = 10_000
_LISTING = {"digest": pl.UInt64, "size": pl.Int64, "at": pl.Int64}


class StoredFiles:
    """Implements ports.inspection.FileAudit. Of each file it remembers 24 bytes: a hash of its name, size and time.

    Args:
        tables: where the inventory is.

    Raises:
        ConfigError: ``lake.files_url`` cannot be used.
    """

    def __init__(self, settings: Lake, tables: PinnedTables) -> None:
        self._tables = tables
        root = local_path(settings.files_url)
        self._is_empty = root is not None and not root.is_dir()  # no file was ever stored
        with _door():
            self._store: obstore.store.ObjectStore = (
                LocalStore(None if self._is_empty else root) if root is not None else _remote(settings)
            )

    def misfits(self, written_before: Micros) -> Iterator[Misfit]:
        """List everything once; and once more if there is a file without a row, for its name."""
        files = self._listing()
        rows = self._tables.scan(ATTACHMENTS.name).select(
            "media_id", "blob_path", "bytes", digest=pl.col("blob_path").hash()
        )
        joined = rows.join(files.lazy(), on="digest", how="left")
        wrong = joined.filter(pl.col("size").is_null() | (pl.col("size") != pl.col("bytes")))
        found = self._tables.collect(wrong.select("blob_path", "media_id", "size", "bytes"))
        for path, media_id, size, should in found.iter_rows():
            what = "the file is not there" if size is None else f"{size} bytes, the inventory says {should}"
            yield Misfit(path or "", media_id, what)
        yield from self._strays(files, rows, written_before)

    def digest(self, path: str) -> tuple[int, str] | None:
        """Read a file."""
        digest, size = sha256(), 0
        with _door():
            try:
                for chunk in obstore.get(self._store, path).stream():
                    digest.update(chunk)
                    size += len(chunk)
            except FileNotFoundError:
                return None
        return size, digest.hexdigest()

    def size(self, path: str) -> int | None:
        """Ask for a file's attributes."""
        with _door():
            try:
                return int(obstore.head(self._store, path)["size"])
            except FileNotFoundError:
                return None

    def _strays(self, files: pl.DataFrame, rows: pl.LazyFrame, written_before: Micros) -> Iterator[Misfit]:
        old = files.lazy().filter(pl.col("at") < written_before)
        strays = self._tables.collect(old.join(rows, on="digest", how="anti").select("digest"))["digest"]
        if strays.is_empty():
            return
        for listed in self._list():
            names = pl.DataFrame({"path": [path for path, _, _ in listed]}, schema={"path": pl.String})
            for (path,) in names.filter(pl.col("path").hash().is_in(strays.implode())).iter_rows():
                yield Misfit(path, None, "no row in claimx_attachments")

    def _listing(self) -> pl.DataFrame:
        pieces = [
            pl.DataFrame(
                {
                    "digest": pl.Series([path for path, _, _ in listed], dtype=pl.String).hash(),
                    "size": [size for _, size, _ in listed],
                    "at": [at for _, _, at in listed],
                },
                schema=_LISTING,
            )
            for listed in self._list()
        ]
        return pl.concat([pl.DataFrame(schema=_LISTING), *pieces])

    def _list(self) -> Iterator[list[tuple[str, int, Micros]]]:
        if self._is_empty:
            return
        with _door():
            listing: Iterable[list[dict[str, object]]] = obstore.list(self._store, chunk_size=_LISTED)  # type: ignore[assignment]
            for listed in listing:
                yield [
                    (str(each["path"]), int(each["size"]), int(each["last_modified"].timestamp() * SECOND))  # type: ignore[call-overload,attr-defined]
                    for each in listed
                ]


def _remote(settings: Lake) -> obstore.store.ObjectStore:
    try:
        return remote_store(settings.files_url, settings)
    except _FOREIGN as error:
        raise ConfigError(f"lake.files_url: {type(error).__name__}: {told(error)}") from None


@contextmanager
def _door() -> Iterator[None]:
    """Make obstore's errors ours, without their texts' secrets."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, _REFUSED):
            raise AuthError("store.refused", told(error)) from None
        if isinstance(error, _FOREIGN) or is_panic(error):
            raise TransientError("store.unreadable", f"{type(error).__name__}: {told(error)}") from None
        raise
