"""The object by which the doctor tries a root: written, read, deleted, and never left."""

from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest

from claimx.adapters.object_store import remote_store
from claimx.adapters.probe_store import FOLDER, StoreProbe
from claimx.config.tree import Lake, Secret
from claimx.errors import AuthError, OperationError, TransientError
from support.stores import Store, files_of, s3_server

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def s3() -> Iterator[Store]:
    with s3_server() as store:
        yield store


def probe(lake: Lake) -> StoreProbe:
    return StoreProbe(lake.files_url, lake)


def test_a_bucket_is_as_it_was(s3: Store) -> None:
    lake = s3.lake("tried")
    assert probe(lake).missing() is None
    probe(lake).round_trip()
    assert files_of(lake) == {}
    obstore.put(remote_store(lake.files_url, lake), f"{FOLDER}/other", b"of another doctor")
    probe(lake).round_trip()
    assert set(files_of(lake)) == {f"{FOLDER}/other"}


def test_a_refused_credential_is_told_from_a_store_that_is_not_there(s3: Store) -> None:
    with pytest.raises(AuthError, match=r"store\.refused") as caught:
        probe(s3.lake("refused", **{s3.secret: Secret("wrong-secret")})).round_trip()
    assert "wrong-secret" not in str(caught.value)
    with pytest.raises(TransientError, match=r"store\.failed"):
        probe(s3.lake("gone", aws_endpoint_url="http://127.0.0.1:9")).round_trip()


def test_a_folder_is_as_it_was(tmp_path: Path) -> None:
    root = tmp_path / "root"
    lake = Lake(tables_url=str(root), files_url=str(root))
    assert probe(lake).missing() == str(root)
    assert list(tmp_path.iterdir()) == []
    root.mkdir()
    assert probe(lake).missing() is None
    probe(lake).round_trip()
    assert list(root.iterdir()) == []


def test_a_root_that_is_a_file_or_lies_below_one_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "root"):
        lake = Lake(tables_url=str(place), files_url=str(place))
        with pytest.raises(OperationError, match="is no directory"):
            probe(lake).missing()
