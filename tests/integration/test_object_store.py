"""The files root on a local disk."""

import asyncio
import os
import tempfile
import traceback
from pathlib import Path

import pytest

from claimx.adapters.fsync import DurableTree
from claimx.adapters.object_store import ObjectStore
from claimx.config.tree import Lake, Secret
from claimx.errors import AuthError, ConfigError, PermanentError, TransientError
from support.http import Seen, answer, serving

KEY = "5395115/96269553/kitchen.jpg"
DIGEST = "0" * 64
"""A local store does not keep it."""


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def store_at(url: str, **storage: str | Secret) -> ObjectStore:
    return ObjectStore(Lake(tables_url="unused", files_url=url, storage=storage))


@pytest.fixture
def spooled(tmp_path: Path) -> Path:
    path = tmp_path / "spooled"
    path.write_bytes(os.urandom(12_000_000))
    return path


@pytest.mark.parametrize("name", ["files", "with blank", "100%25#x", "größe"])
@pytest.mark.parametrize("as_url", [False, True])
async def test_a_file_lies_under_its_key(tmp_path, name, as_url):
    root = tmp_path / name
    store = store_at(root.as_uri() if as_url else str(root))
    await store.put(KEY, b"picture", DIGEST)
    assert (root / KEY).read_bytes() == b"picture"


async def test_a_large_file_comes_from_the_spool(tmp_path, spooled):
    await store_at(str(tmp_path / "files")).put(KEY, spooled, DIGEST)
    assert (tmp_path / "files" / KEY).read_bytes() == spooled.read_bytes()


async def test_a_file_of_the_same_disk_is_linked_and_stays_when_the_spool_lets_go(tmp_path, spooled):
    content = spooled.read_bytes()
    store = store_at(str(tmp_path / "files"))
    for _ in range(2):  # the second time both names are of the same file
        await store.put(KEY, spooled, DIGEST)
        assert (tmp_path / "files" / KEY).stat().st_ino == spooled.stat().st_ino
        assert names((tmp_path / "files" / KEY).parent) == ["kitchen.jpg"]
    spooled.unlink()
    assert (tmp_path / "files" / KEY).read_bytes() == content


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no second file system")
async def test_a_file_of_another_disk_is_copied(spooled):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        await store_at(f"{other}/files").put(KEY, spooled, DIGEST)
        assert (Path(other) / "files" / KEY).read_bytes() == spooled.read_bytes()
        assert names((Path(other) / "files" / KEY).parent) == ["kitchen.jpg"]


def test_directories_above_a_file_are_made_durable_once(tmp_path):
    root, synced = tmp_path / "files", []
    tree = DurableTree(synced.append)

    def durable(key: str) -> list[str]:
        synced.clear()
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(b"x")
        tree.make_durable(root, root / key)
        return [path.relative_to(tmp_path).as_posix() for path in synced]

    assert durable("1/2/a") == ["files/1/2/a", "files/1/2", "files/1", "files", "."]
    assert durable("1/3/b") == ["files/1/3/b", "files/1/3", "files/1"]
    assert durable("4/5/c") == ["files/4/5/c", "files/4/5", "files/4", "files"]
    (root / "new").mkdir()
    (root / "1").rename(root / "old")
    (root / "new").rename(root / "1")
    assert durable("1/3/b") == ["files/1/3/b", "files/1/3", "files/1", "files"]


async def test_doing_it_again_overwrites_and_leaves_nothing_beside(tmp_path):
    store = store_at(str(tmp_path / "files"))
    for content in (b"one", b"", b"three"):
        await store.put(KEY, content, DIGEST)
    assert (tmp_path / "files" / KEY).read_bytes() == b"three"
    assert names((tmp_path / "files" / KEY).parent) == ["kitchen.jpg"]


async def test_many_files_are_stored_at_once(tmp_path):
    store = store_at(str(tmp_path / "files"))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(store.put(f"1/{number}/a.jpg", b"x" * number, DIGEST))
    assert all((tmp_path / f"files/1/{number}/a.jpg").stat().st_size == number for number in range(100))


@pytest.mark.parametrize(
    "name", ["ü é.jpg", "e\u0301.jpg", "a b (1).jpg", "..hidden", "a+b&c=d.jpg", "~x", "漢字.pdf"]
)
async def test_a_name_is_kept_as_it_is(tmp_path, name):
    await store_at(str(tmp_path / "files")).put(f"1/2/{name}", b"x", DIGEST)
    assert names(tmp_path / "files/1/2") == [name]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../x",
        "1/../../x",
        "1/2/..",
        "1//x",
        "1/./x",
        "1/2/",
        "1/2\\..\\x",
        "1/2/x\0y",
        "1/2/x\n",
    ],
)
async def test_a_key_that_could_leave_the_root_is_refused(tmp_path, key):
    store = store_at(str(tmp_path / "files"))
    with pytest.raises(PermanentError) as caught:
        await store.put(key, b"x", DIGEST)
    assert caught.value.code == "store.bad_key"
    assert names(tmp_path) == ["files"]
    assert names(tmp_path / "files") == []


async def test_a_file_in_the_way_is_transient(tmp_path):
    store = store_at(str(tmp_path / "files"))
    (tmp_path / "files/5395115").write_bytes(b"not a directory")
    with pytest.raises(TransientError) as caught:
        await store.put(KEY, b"x", DIGEST)
    assert caught.value.code.startswith("store.")


async def test_a_lost_spool_file_is_transient(tmp_path):
    with pytest.raises(TransientError) as caught:
        await store_at(str(tmp_path / "files")).put(KEY, tmp_path / "gone", DIGEST)
    assert caught.value.code == "store.file_not_found"


async def test_a_store_that_does_not_answer_is_transient_and_names_no_secret(unused_tcp_port):
    store = store_at(
        "s3://bucket/files",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{unused_tcp_port}",
        AWS_ALLOW_HTTP="true",
        AWS_TIMEOUT="1s",
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="key-id",
        AWS_SECRET_ACCESS_KEY=Secret("s3cr3t"),
        AWS_S3_ALLOW_UNSAFE_RENAME="false",
        max_retries="0",
        retry_timeout="1s",
    )
    with pytest.raises(TransientError) as caught:
        async with asyncio.timeout(30):
            await store.put(KEY, b"x", DIGEST)
    assert caught.value.code == "store.generic"
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


ECHO = b"""<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>no</Message>
<CanonicalRequest>x-amz-security-token:f4ke-s3ssion</CanonicalRequest></Error>"""


async def test_a_store_that_repeats_the_request_it_refused_gives_no_token_away():
    async def refuse(seen: Seen, writer: asyncio.StreamWriter) -> None:
        body = b"" if seen.method == "HEAD" else ECHO
        writer.write(answer(403, body, content_length=str(len(ECHO))))

    async with serving({f"/bucket/files/{KEY}": refuse}) as server:
        store = store_at(
            "s3://bucket/files",
            aws_endpoint_url=server.url,
            aws_allow_http="true",
            aws_region="us-east-1",
            aws_access_key_id="key-id",
            aws_secret_access_key=Secret("s3cr3t"),
            aws_session_token=Secret("f4ke-s3ssion"),
        )
        with pytest.raises(AuthError) as caught:
            await store.put(KEY, b"x", DIGEST)
    assert caught.value.detail.endswith("status code: 403 Forbidden, SignatureDoesNotMatch")
    text = "".join(traceback.format_exception(caught.value))
    assert "f4ke-s3ssion" not in text
    assert "s3cr3t" not in text


async def test_one_set_of_options_names_what_either_library_knows():
    store_at(
        "s3://bucket/files",
        AWS_REGION="us-east-1",
        aws_conditional_put="etag",
        aws_s3_locking_provider="",
        timeout="60s",
        connect_timeout="5s",
        aws_read_timeout="60s",
        proxy_url="http://127.0.0.1:1",
        max_retries="3",
        retry_timeout="60s",
        **{"backoff_config.init_backoff": "1s"},
        OBJECT_STORE_CONCURRENCY_LIMIT="8",
    )


@pytest.mark.parametrize(
    ("url", "storage"),
    [
        ("s3://bucket/x", {"bogus": "1"}),
        ("ftp://host/x", {}),
        ("abfss://ws@onelake.dfs.fabric.microsoft.com/x", {"nope": "1"}),
    ],
)
def test_a_url_or_an_option_that_cannot_be_used_is_a_config_error(url, storage):
    with pytest.raises(ConfigError, match="files_url"):
        store_at(url, **storage)


def test_a_root_that_is_a_file_is_a_config_error(tmp_path):
    (tmp_path / "files").write_bytes(b"")
    with pytest.raises(ConfigError, match="files_url"):
        store_at(str(tmp_path / "files"))


@pytest.mark.parametrize("option", ["azure_storage_client_id", "use_fabric_endpoint"])
def test_onelake_can_be_named(option):
    store_at("abfss://ws@onelake.dfs.fabric.microsoft.com/house.Lakehouse/Files", **{option: "true"})


async def test_what_a_killed_put_left_beside_a_file_goes_with_the_next_put(tmp_path: Path) -> None:
    store = ObjectStore(Lake(tables_url=str(tmp_path), files_url=str(tmp_path / "files")))
    folder = tmp_path / "files" / "1" / "2"
    folder.mkdir(parents=True)
    old, other, young = folder / "a.jpg#1", folder / "b.jpg#1", folder / "a.jpg#2"
    for path in (old, other, young):
        path.write_bytes(b"cut off")
    os.utime(old, (0, 0))
    os.utime(other, (0, 0))
    os.utime(young, (4e9, 4e9))
    await store.put("1/2/a.jpg", b"whole", DIGEST)
    assert sorted(path.name for path in folder.iterdir()) == ["a.jpg", "a.jpg#2", "b.jpg#1"]
