"""Object stores for tests: Azurite (npm) and moto's S3 (PyPI), each a process of its own on loopback."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import obstore
import polars as pl
from deltalake import DeltaTable, QueryBuilder

from claimx.adapters.object_store import remote_store
from claimx.config.tree import Lake, Secret

AZURITE = (
    Path(__file__).parents[1] / "stores" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
)
NO_AZURITE = "needs node and Azurite: make azurite"
AZURITE_KEY = base64.b64encode(b"a key that is good for tests only").decode()
AZURITE_ACCOUNTS = ("devstoreaccount1", "onelake")
CONTAINER = "box"
STOP_S = 20.0


@dataclass
class Store:
    """A running store.

    Args:
        url: a root; what stands below it is for each test to name.
        storage: what ``[lake.storage]`` would say.
        secret: the name of the option that holds the credential.
    """

    url: str
    storage: Mapping[str, str | Secret]
    secret: str
    process: subprocess.Popen[str] = field(repr=False)

    def lake(self, below: str, **changes: str | Secret) -> Lake:
        """Settings whose roots are ``<url>/<below>/tables`` and ``/files``."""
        root = f"{self.url}/{below}"
        storage = {**self.storage, **changes}
        return Lake(tables_url=f"{root}/tables", files_url=f"{root}/files", storage=storage)

    @property
    def revealed(self) -> dict[str, str]:
        """The options as the libraries take them."""
        return {
            name: text.reveal() if isinstance(text, Secret) else text for name, text in self.storage.items()
        }


def file_at(lake: Lake, key: str) -> bytes:
    """What lies under a key of the files root, read by a client of its own."""
    return bytes(obstore.get(remote_store(lake.files_url, lake), key).bytes())


def files_of(lake: Lake) -> dict[str, str]:
    """The keys below the files root, and the ETag of each: it changes with every upload that is not the same."""
    pages = obstore.list(remote_store(lake.files_url, lake))
    return {
        str(found["path"]): f"{found['e_tag']} {found['last_modified']}" for page in pages for found in page
    }


def rows_at(lake: Lake, table: str, storage: Mapping[str, str]) -> pl.DataFrame:
    """A table, read without our code."""
    found = DeltaTable(f"{lake.tables_url}/{table}", storage_options=dict(storage))
    return pl.DataFrame(QueryBuilder().register("t", found).execute("select * from t"))


@contextlib.contextmanager
def s3_server() -> Iterator[Store]:
    """Run an S3 server with one bucket and one user."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("s3_server.py"))]
    with _running(command, {}) as process:
        about = json.loads(_line(process.stdout))
        storage = {
            "aws_endpoint_url": f"http://127.0.0.1:{about['port']}",
            "aws_allow_http": "true",
            "aws_region": "us-east-1",
            "aws_access_key_id": about["key_id"],
            "aws_secret_access_key": Secret(about["secret"]),
        }
        yield Store("s3://bucket", storage, "aws_secret_access_key", process)


@contextlib.contextmanager
def azurite() -> Iterator[Store]:
    """Run Azurite in memory, with the accounts ``AZURITE_ACCOUNTS`` and a container in each.

    Its port reaches the libraries by a variable alone (object_store knows no option for the emulator's address).
    """
    accounts = ";".join(f"{account}:{AZURITE_KEY}" for account in AZURITE_ACCOUNTS)
    options = ("--blobPort", "0", "--inMemoryPersistence", "--extentMemoryLimit", "512")
    flags = ("--silent", "--disableTelemetry", "--skipApiVersionCheck")
    with _running(["node", str(AZURITE), *options, *flags], {"AZURITE_ACCOUNTS": accounts}) as process:
        address = ""
        while not address:
            found = re.search(r"listens on (http://127\.0\.0\.1:\d+)", _line(process.stdout))
            address = found[1] if found else ""
        for account in AZURITE_ACCOUNTS:
            _make_container(address, account)
        os.environ["AZURITE_BLOB_STORAGE_URL"] = address
        storage = {
            "azure_storage_use_emulator": "true",
            "azure_storage_allow_http": "true",
            "azure_storage_account_name": AZURITE_ACCOUNTS[0],
            "azure_storage_account_key": Secret(AZURITE_KEY),
        }
        url = f"abfss://{CONTAINER}@{AZURITE_ACCOUNTS[0]}.dfs.core.windows.net"
        try:
            yield Store(url, storage, "azure_storage_account_key", process)
        finally:
            os.environ.pop("AZURITE_BLOB_STORAGE_URL")


def has_azurite() -> bool:
    """Whether Azurite can be started here."""
    return AZURITE.exists() and shutil.which("node") is not None


@contextlib.contextmanager
def _running(command: list[str], environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environ},
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=STOP_S)


def _line(stream: IO[str] | None) -> str:
    line = "" if stream is None else stream.readline()
    if not line:
        raise RuntimeError("the store ended before it was up")
    return line


def _make_container(address: str, account: str) -> None:
    """Make a container: no library of ours can (Put Container, signed with the account's key)."""
    date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = {"x-ms-date": date, "x-ms-version": "2021-12-02"}
    signed = "\n".join(f"{name}:{value}" for name, value in headers.items())
    text = f"PUT{chr(10) * 12}{signed}\n/{account}/{account}/{CONTAINER}\nrestype:container"
    digest = hmac.new(base64.b64decode(AZURITE_KEY), text.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {account}:{base64.b64encode(digest).decode()}"
    url = f"{address}/{account}/{CONTAINER}?restype=container"
    with urllib.request.urlopen(urllib.request.Request(url, method="PUT", headers=headers), timeout=20):
        return
