"""The lake on S3 and on Azure: one set of options, two libraries, real servers."""

import asyncio
import os
import traceback
import uuid
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from claimx.adapters.delta import DeltaLake
from claimx.adapters.object_store import ObjectStore
from claimx.config.tree import Lake, Secret
from claimx.domain.tables import EVENT_LOG, EVENTS, TABLES
from claimx.errors import AuthError, ConfigError, LakeError, TransientError
from support.lakes import DEDUP_DAYS, event, line, opened, project
from support.stores import (
    CONTAINER,
    NO_AZURITE,
    Store,
    azurite,
    file_at,
    files_of,
    has_azurite,
    rows_at,
    s3_server,
)

KEY = "5395115/96269553/kitchen.jpg"
FEW = {name: TABLES[name] for name in (EVENTS.name, "claimx_projects", EVENT_LOG.name)}
OTHER = Secret("b3RoZXIgY3JlZGVudGlhbA==")
QUICK = {"max_retries": "0", "retry_timeout": "1s"}

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def s3() -> Iterator[Store]:
    with s3_server() as store:
        yield store


@pytest.fixture(scope="module")
def azure() -> Iterator[Store]:
    if not has_azurite():
        pytest.skip(NO_AZURITE)
    with azurite() as store:
        yield store


@pytest.fixture(params=["s3", "azure"])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def lake(store: Store) -> Lake:
    return store.lake(uuid.uuid4().hex)


@pytest.fixture
def spooled(tmp_path: Path) -> Path:
    path = tmp_path / "spooled"
    path.write_bytes(os.urandom(12_000_000))
    return path


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def text_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.parametrize(
    "name",
    ["kitchen.jpg", "ü é.jpg", "e\u0301.jpg", "漢字.pdf", "100%25#a+b&c=d~.jpg", "%2e%2e.jpg", "a b (1)"],
)
async def test_a_small_file_lies_under_its_key_byte_for_byte(lake, name):
    content, key = bytes(range(256)), f"1/2/{name}"
    await ObjectStore(lake).put(key, content, digest(content))
    assert file_at(lake, key) == content
    assert list(files_of(lake)) == [key]


async def test_an_empty_file_is_stored(lake):
    await ObjectStore(lake).put(KEY, b"", digest(b""))
    assert file_at(lake, KEY) == b""


@pytest.mark.parametrize("from_spool", [True, False])
async def test_a_large_file_is_stored_in_parts(lake, spooled, from_spool):
    content = spooled.read_bytes()
    await ObjectStore(lake).put(KEY, spooled if from_spool else content, digest(content))
    assert file_at(lake, KEY) == content


async def test_another_content_replaces_what_is_there(lake, spooled):
    files = ObjectStore(lake)
    for content in (b"one", spooled, b"", b"three"):
        data = content if isinstance(content, bytes) else content.read_bytes()
        await files.put(KEY, content, digest(data))
        assert file_at(lake, KEY) == data
    assert list(files_of(lake)) == [KEY]


@pytest.mark.parametrize("is_large", [False, True])
async def test_a_content_that_is_there_is_not_uploaded_again(lake, spooled, is_large):
    content = spooled if is_large else b"once"
    data = spooled.read_bytes() if is_large else b"once"
    await ObjectStore(lake).put(KEY, content, digest(data))
    before = files_of(lake)
    await ObjectStore(lake).put(KEY, b"never sent", digest(data))
    assert files_of(lake) == before
    assert file_at(lake, KEY) == data


async def test_many_files_are_stored_at_once(lake, spooled):
    files, large = ObjectStore(lake), digest(spooled.read_bytes())
    async with asyncio.timeout(100), asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(files.put(f"1/{number}/a", b"x" * number, digest(b"x" * number)))
        for number in range(20, 26):
            group.create_task(files.put(f"1/{number}/a", spooled, large))
    assert len(files_of(lake)) == 26


async def test_a_wrong_credential_is_told_by_class_and_not_shown(store, lake):
    wrong = store.lake("x", **{store.secret: OTHER})
    with pytest.raises(AuthError) as caught:
        await ObjectStore(wrong).put(KEY, b"x", digest(b"x"))
    assert caught.value.code == "store.permission_denied"
    assert "status code: 403" in caught.value.detail
    for secret in (OTHER, store.storage[store.secret]):
        assert isinstance(secret, Secret)
        assert secret.reveal() not in text_of(caught.value)


async def test_a_bucket_that_is_not_there_is_told(store):
    root = store.url.replace(CONTAINER, "nobox").replace("bucket", "nobucket")
    lake = Lake(tables_url=f"{root}/tables", files_url=f"{root}/files", storage=dict(store.storage))
    with pytest.raises(TransientError) as caught:
        await ObjectStore(lake).put(KEY, b"x", digest(b"x"))
    assert caught.value.code == "store.file_not_found"
    assert "status code: 404" in caught.value.detail


async def test_a_store_that_went_away_is_transient():
    with s3_server() as gone:
        lake = gone.lake("x", **QUICK)
        files = ObjectStore(lake)
        await files.put(KEY, b"x", digest(b"x"))
    with pytest.raises(TransientError) as caught:
        await files.put(KEY, b"y", digest(b"y"))
    assert type(caught.value) is TransientError
    with pytest.raises(LakeError):
        await DeltaLake(lake, DEDUP_DAYS, FEW).open()


@pytest.mark.parametrize(
    ("root", "account", "path"),
    [
        (f"abfss://{CONTAINER}@onelake.dfs.fabric.microsoft.com/House.Lakehouse/Files", "onelake", "House.Lakehouse/Files"),
        (f"abfss://{CONTAINER}@devstoreaccount1.dfs.core.windows.net/a/b", "devstoreaccount1", "a/b"),
        (f"abfss://{CONTAINER}@devstoreaccount1.dfs.core.windows.net", "devstoreaccount1", ""),
        (f"az://{CONTAINER}/a/b", "devstoreaccount1", "a/b"),
    ],
)  # fmt: skip
async def test_every_form_of_an_azure_url_leads_to_its_place(azure, root, account, path):
    name = uuid.uuid4().hex
    lake = Lake(
        tables_url=f"{root}/{name}/tables",
        files_url=f"{root}/{name}/files",
        storage={**azure.storage, "azure_storage_account_name": account},
    )
    await ObjectStore(lake).put(KEY, b"here", digest(b"here"))
    await opened(tables := DeltaLake(lake, DEDUP_DAYS, {EVENT_LOG.name: EVENT_LOG}))
    await tables.close()
    whole = "/".join(part for part in (path, name) if part)
    # read at the account's root: nothing but the emulator's own address decides where that is
    direct = Lake(
        tables_url="unused",
        files_url=f"az://{CONTAINER}",
        storage={**azure.storage, "azure_storage_account_name": account},
    )
    assert file_at(direct, f"{whole}/files/{KEY}") == b"here"
    assert file_at(direct, f"{whole}/tables/{EVENT_LOG.name}/_delta_log/{0:020}.json")


async def test_tables_are_made_merged_appended_and_counted(store, lake):
    tables = await opened(DeltaLake(lake, DEDUP_DAYS, FEW))
    await tables.merge_events([event("a"), event("b")], written_at=1)
    await tables.merge_events([event("b"), event("c")], written_at=2)
    await tables.merge("claimx_projects", [project(project_id="1"), project(project_id="2")])
    await tables.merge("claimx_projects", [project(project_id="2")])
    await tables.append_log([line("a", 0), line("b", 1)])
    await tables.append_log([line("c", 2)])
    counts = await tables.row_counts()
    await tables.close()
    assert counts == {EVENTS.name: 3, "claimx_projects": 2, EVENT_LOG.name: 3}
    assert sorted(rows_at(lake, EVENTS.name, store.revealed)["event_id"]) == ["a", "b", "c"]
    again = await opened(DeltaLake(lake, DEDUP_DAYS, FEW))
    assert await again.row_counts() == counts
    await again.close()


async def test_writers_that_race_lose_no_commit(store, lake):
    writers = [DeltaLake(lake, DEDUP_DAYS, {EVENT_LOG.name: EVENT_LOG}) for _ in range(3)]
    await opened(writers[0])

    async def write(number: int) -> None:
        for n in range(6):
            await again_until_it_lands(writers[number], number * 100 + n)

    async with asyncio.timeout(100), asyncio.TaskGroup() as group:
        for number in range(len(writers)):
            group.create_task(write(number))
    offsets = sorted(rows_at(lake, EVENT_LOG.name, store.revealed)["offset"])
    assert sorted(set(offsets)) == [number * 100 + n for number in range(3) for n in range(6)]
    for writer in writers:
        await writer.close()


async def again_until_it_lands(tables: DeltaLake, offset: int) -> None:
    while True:
        try:
            await tables.append_log([line("a", offset)])
        except LakeError:
            continue
        return


async def test_tables_behind_a_wrong_credential_are_told_and_the_credential_is_not_shown(store):
    wrong = store.lake("x", **{store.secret: OTHER}, **QUICK)
    with pytest.raises(LakeError) as caught:
        await DeltaLake(wrong, DEDUP_DAYS, FEW).open()
    assert "403" in str(caught.value)
    for secret in (OTHER, store.storage[store.secret]):
        assert isinstance(secret, Secret)
        assert secret.reveal() not in text_of(caught.value)


def test_a_key_that_is_no_key_is_a_config_error_that_does_not_show_it(azure):
    broken = azure.lake("x", azure_storage_account_key=Secret("n0t-base64!"))
    with pytest.raises(ConfigError) as caught:
        ObjectStore(broken)
    assert "n0t-base64!" not in text_of(caught.value)
