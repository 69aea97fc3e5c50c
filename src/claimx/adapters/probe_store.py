"""A root of the lake, tried with one small object."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

import obstore
import obstore.store
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore

from claimx.adapters.locations import is_panic, local_path, told
from claimx.adapters.object_store import remote_store
from claimx.config.tree import Lake
from claimx.errors import AuthError, ClaimxError, ConfigError, OperationError, TransientError

FOLDER = "_claimx_doctor"
"""No table and no project is called so."""

_FOREIGN = (BaseError, OSError, ValueError)
_REFUSED = (PermissionDeniedError, UnauthenticatedError)
_CONTENT = b"claimx doctor: may be deleted\n"
_PERMISSION = "this user must be allowed to write there"


class StoreProbe:
    """Implements ports.probes.RootProbe.

    Args:
        url: ``tables_url`` or ``files_url``.
    """

    def __init__(self, url: str, settings: Lake) -> None:
        self._url = url
        self._settings = settings
        self._root = local_path(url)

    def missing(self) -> str | None:
        """Look at the local directory; a remote root has none."""
        if self._root is None or self._root.is_dir():
            return None
        nearest(self._root)
        return str(self._root)

    def round_trip(self) -> None:
        """Put, get and delete one object; the folder that a local disk makes for it goes as well."""
        key = f"{FOLDER}/{secrets.token_hex(8)}"
        try:
            self._go_round(key)
        except BaseException as error:
            if isinstance(error, _FOREIGN) or is_panic(error):
                raise self._ours(error) from None
            raise
        finally:
            if self._root is not None:
                _clean(self._root / key)

    def _go_round(self, key: str) -> None:
        store = self._store()
        obstore.put(store, key, _CONTENT)
        try:
            read = bytes(obstore.get(store, key).bytes())
        finally:
            obstore.delete(store, key)
        if read != _CONTENT:
            raise TransientError("store.changed", "what was read is not what was written")

    def _store(self) -> obstore.store.ObjectStore:
        if self._root is not None:
            return LocalStore(self._root)
        try:
            return remote_store(self._url, self._settings)
        except BaseException as error:
            if isinstance(error, _FOREIGN) or is_panic(error):
                raise ConfigError(f"[lake.storage]: {type(error).__name__}: {told(error)}") from None
            raise

    def _ours(self, error: BaseException) -> ClaimxError:
        said = f"{type(error).__name__}: {told(error)}"
        if self._root is not None:
            return OperationError(said, _PERMISSION)
        if isinstance(error, _REFUSED):
            return AuthError("store.refused", said)
        return TransientError("store.failed", said)


def nearest(path: Path) -> Path:
    """The nearest directory that is there, in which a path can be made.

    Raises:
        OperationError: something is in the way, or this user may not write there.
    """
    found = path
    while not found.exists():
        found = found.parent
    if not found.is_dir():
        raise OperationError(f"{found} is no directory", "name another place, or move that file away")
    if not os.access(found, os.W_OK | os.X_OK):
        raise OperationError(f"{path} is not there, and {found} may not be written", _PERMISSION)
    return found


def _clean(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
    with suppress(OSError):  # others may be looking as well
        path.parent.rmdir()
