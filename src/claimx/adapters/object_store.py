"""The files root by obstore: local disk, S3, ADLS, OneLake."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import obstore
import obstore.store
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from claimx.adapters.fsync import fsync_path
from claimx.adapters.locations import is_panic, local_path, options
from claimx.config.tree import Lake
from claimx.errors import ConfigError, PermanentError, TransientError

if TYPE_CHECKING:
    from obstore.store import RetryConfig

_FOREIGN = (BaseError, OSError, ValueError)
_PREFIX = re.compile(r"(aws|azure_storage|azure|google)_")
_CLIENT_OPTIONS = frozenset(
    {"allow_http", "allow_invalid_certificates", "connect_timeout", "timeout", "proxy_url", "user_agent"}
)
_RETRIES: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
"""Few: the stage tries again, and its circuit must see that a store is down."""
_OF_TABLES_ONLY = re.compile(
    r"max_retries|retry_timeout|backoff_config|s3_locking_provider|s3_allow_unsafe_rename|object_store_"
)


class ObjectStore:
    """Stores files below ``files_url``; implements ``claimx.ports.files.FileStore``.

    Raises:
        ConfigError: the URL or the options cannot be used.
    """

    def __init__(self, settings: Lake) -> None:
        self._root = local_path(settings.files_url)
        self._started_at = time.time()
        try:
            self._store = (
                LocalStore(self._root, mkdir=True) if self._root else _remote(settings.files_url, settings)
            )
        except BaseException as error:
            if isinstance(error, _FOREIGN) or is_panic(error):
                raise ConfigError(f"lake.files_url: {type(error).__name__}: {error}"[:300]) from None
            raise

    async def put(self, key: str, content: bytes | Path) -> None:
        """Store content under a key; atomic, and durable when it returns.

        Raises:
            PermanentError: ``store.bad_key``, the key would leave the root.
            TransientError: ``store.<reason>``, the store did not take it.
        """
        if any(part in {"", ".", ".."} or "\\" in part or not part.isprintable() for part in key.split("/")):
            raise PermanentError("store.bad_key", "the key has an empty, dotted or unprintable part")
        try:
            await obstore.put_async(self._store, key, content)
            if self._root is not None:
                await asyncio.to_thread(_finish, self._root, self._root / key, self._started_at)
        except BaseException as error:
            if isinstance(error, _FOREIGN) or is_panic(error):
                raise TransientError(f"store.{_reason(error)}", f"{key}: {error}"[:300]) from error
            raise


def _finish(root: Path, path: Path, started_at: float) -> None:
    """Make a file durable, and remove what a put of an earlier run left beside it when it was killed.

    obstore writes to ``<name>#<n>`` and renames; work that was cut off is done again under the same key.
    """
    _make_durable(root, path)
    for other in path.parent.iterdir():
        if other.name.startswith(f"{path.name}#") and other.stat().st_mtime < started_at:
            other.unlink(missing_ok=True)


def _make_durable(root: Path, path: Path) -> None:
    """Fsync a file, and every directory from its own up to the root and the one that holds the root."""
    fsync_path(path)
    while path != root.parent:
        path = path.parent
        fsync_path(path)


def _reason(error: BaseException) -> str:
    """The error's class as a label: ``PermissionDeniedError`` is ``permission_denied``."""
    name = type(error).__name__.removesuffix("Error") or "os"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _remote(url: str, settings: Lake) -> obstore.store.ObjectStore:
    config, client = _split(options(settings.storage))
    untyped = cast(Callable[..., obstore.store.ObjectStore], from_url)
    return untyped(url, config=config, client_options=client, retry_config=_RETRIES)


def _split(storage: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Part the options that delta-rs takes in one map: those of the store, those of its HTTP client, and neither."""
    config, client = {}, {}
    for name, value in storage.items():
        bare = _PREFIX.sub("", name.lower(), count=1)
        if bare in _CLIENT_OPTIONS:
            client[bare] = value
        elif not _OF_TABLES_ONLY.match(bare):
            config[name] = value
    return config, client
