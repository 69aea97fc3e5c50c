"""The files root by obstore: local disk, S3, ADLS, OneLake."""

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import obstore
import obstore.store
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, from_url

from claimx.adapters.fsync import DurableTree
from claimx.adapters.locations import is_panic, local_path, options, told
from claimx.config.tree import Lake
from claimx.errors import AuthError, ConfigError, ItemError, PermanentError, TransientError

if TYPE_CHECKING:
    from obstore.store import RetryConfig

_FOREIGN = (BaseError, OSError, ValueError)
_REFUSED = (PermissionDeniedError, UnauthenticatedError)
_PREFIX = re.compile(r"(aws|azure_storage|azure|google)_")
_CLIENT_OPTIONS = frozenset(
    {
        "allow_http",
        "allow_invalid_certificates",
        "connect_timeout",
        "pool_idle_timeout",
        "pool_max_idle_per_host",
        "proxy_ca_certificate",
        "proxy_excludes",
        "proxy_url",
        "read_timeout",
        "timeout",
        "user_agent",
    }
)
_RETRIES: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
"""Few: the stage tries again, and its circuit must see that a store is down."""
_OF_TABLES_ONLY = re.compile(
    r"max_retries|retry_timeout|backoff_config|s3_locking_provider|s3_allow_unsafe_rename|object_store_"
)
_PART_BYTES = 5 * 1024 * 1024
"""The smallest that S3 takes."""
_MAX_PARTS = 10_000
_LARGE_AT_ONCE = 4
_DIGEST = "sha256"


class ObjectStore:
    """Stores files below ``files_url``; implements ``claimx.ports.files.FileStore``.

    Raises:
        ConfigError: the URL or the options cannot be used.
    """

    def __init__(self, settings: Lake) -> None:
        self._root = local_path(settings.files_url)
        self._started_at = time.time()
        self._tree = DurableTree()
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        try:
            self._store = (
                LocalStore(self._root, mkdir=True)
                if self._root
                else remote_store(settings.files_url, settings)
            )
        except BaseException as error:
            if isinstance(error, _FOREIGN) or is_panic(error):
                raise ConfigError(f"lake.files_url: {type(error).__name__}: {told(error)}") from None
            raise

    async def put(self, key: str, content: bytes | Path, sha256: str) -> None:
        """Store content under a key; atomic, and durable when it returns.

        A remote object that has this digest already is left as it is (docs/decisions/0014).

        Args:
            sha256: hex digest of the content; a remote store keeps it with the object.

        Raises:
            PermanentError: ``store.bad_key``, the key would leave the root.
            AuthError: ``store.permission_denied``, ``store.unauthenticated``.
            TransientError: ``store.<reason>``, the store did not take it.
        """
        if any(part in {"", ".", ".."} or "\\" in part or not part.isprintable() for part in key.split("/")):
            raise PermanentError("store.bad_key", "the key has an empty, dotted or unprintable part")
        with _door(key):
            if self._root is not None:
                if isinstance(content, bytes) or not await asyncio.to_thread(
                    _linked, content, self._root / key
                ):
                    await self._upload(key, content, None)
                await asyncio.to_thread(self._finish, self._root, self._root / key)
            elif not await self._has(key, sha256):
                await self._upload(key, content, {_DIGEST: sha256})

    def _finish(self, root: Path, path: Path) -> None:
        """Make a file durable, and remove what a put of an earlier run left beside it when it was killed.

        obstore writes to ``<name>#<n>`` and renames; work that was cut off is done again under the same key.
        """
        self._tree.make_durable(root, path)
        for other in path.parent.iterdir():
            if other.name.startswith(f"{path.name}#") and other.stat().st_mtime < self._started_at:
                other.unlink(missing_ok=True)

    async def _has(self, key: str, sha256: str) -> bool:
        """Whether an object with this digest is there; one that may not be read counts as absent."""
        try:
            found = await obstore.get_async(self._store, key, options={"head": True})
        except (FileNotFoundError, *_REFUSED):
            return False
        return found.attributes.get(_DIGEST) == sha256

    async def _upload(self, key: str, content: bytes | Path, attributes: dict[str, str] | None) -> None:
        """Store content, in parts if it is larger than one, a part at a time: an upload keeps two in memory at most."""
        if isinstance(content, bytes):
            await self._put(key, content, len(content), attributes)
            return
        async with self._large:
            size = (await asyncio.to_thread(content.stat)).st_size
            await self._put(key, content, size, attributes)

    async def _put(
        self, key: str, content: bytes | Path, size: int, attributes: dict[str, str] | None
    ) -> None:
        part = max(_PART_BYTES, -(-size // _MAX_PARTS))
        await obstore.put_async(
            self._store, key, content, attributes=attributes, chunk_size=part, max_concurrency=1
        )


def _linked(content: Path, path: Path) -> bool:
    """Give a spool file its final name as well, so that nothing is copied; False: it is on another file system.

    Whatever else stands in the way, the copy meets it again and says so.
    """
    scratch = path.with_name(f"{path.name}#{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.hardlink_to(content)
        try:
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)  # a rename onto the same file leaves it
    except OSError:
        return False
    return True


@contextmanager
def _door(key: str) -> Iterator[None]:
    """Make obstore's errors ours, without their texts' secrets."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, _FOREIGN) or is_panic(error):
            raise _ours(key, error) from None
        raise


def _ours(key: str, error: BaseException) -> ItemError:
    kind = AuthError if isinstance(error, _REFUSED) else TransientError
    return kind(f"store.{_reason(error)}", f"{key}: {told(error)}")


def _reason(error: BaseException) -> str:
    """The error's class as a label: ``PermissionDeniedError`` is ``permission_denied``."""
    name = type(error).__name__.removesuffix("Error") or "os"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def remote_store(url: str, settings: Lake) -> obstore.store.ObjectStore:
    """Make the client of a remote place; it connects when it is used.

    Raises:
        Exception: of obstore: the URL or an option cannot be used.
    """
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
