"""The commented claimx.toml and the tree agree in keys, defaults and meanings."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from claimx.config.entries import Entry, flatten
from claimx.config.leaves import LEAVES, TABLES, Leaf
from claimx.config.load import load
from claimx.config.master import init_text, meanings
from claimx.config.schema import schema
from claimx.config.tree import Secret

ROOT = Path(__file__).parents[3]
REQUIRED = {"api.token", "lake.tables_url", "lake.files_url"}
UNSET = {"api.rate_limit_per_s", "download.spool_url", "health.port"}
"""No default can be written for these: they stand with an example."""
VALUES = [leaf for leaf in LEAVES.values() if leaf.kind in {"value", "list"}]


def uncommented() -> dict[str, Entry]:
    """Every key of the file by its path, the commented ones too."""
    text = re.sub(r"^#(?=[a-z_]+ = )", "", init_text(), flags=re.MULTILINE)
    found = list(flatten(tomllib.loads(text), lambda path: path))
    assert all(isinstance(each, tuple) for each in found), found
    return dict(found)


def test_the_file_at_the_root_is_the_one_in_the_package() -> None:
    assert (ROOT / "claimx.toml").read_text() == init_text()


def test_the_file_has_every_key_and_no_other() -> None:
    maps = {leaf.path for leaf in LEAVES.values() if leaf.kind == "map"}
    assert set(uncommented()) == set(LEAVES) - maps
    tables = set(re.findall(r"^\[([a-z_.]+)\]$", init_text(), flags=re.MULTILINE))
    assert tables == {name for name in TABLES if name} | maps


@pytest.mark.parametrize("leaf", VALUES, ids=lambda leaf: leaf.path)
def test_a_key_stands_at_its_default(leaf: Leaf) -> None:
    if leaf.path not in REQUIRED | UNSET:
        assert msgspec.convert(uncommented()[leaf.path].value, leaf.type) == leaf.default


def test_only_what_is_required_is_set() -> None:
    assert {path for path, _ in flatten(tomllib.loads(init_text()), str)} == REQUIRED


@pytest.mark.parametrize("path", sorted({*LEAVES, *TABLES} - {""}))
def test_a_key_and_a_table_have_their_meaning_above_them(path: str) -> None:
    assert len(meanings()[path]) > 5


def test_the_file_works_once_the_token_is_there() -> None:
    assert load(ROOT / "claimx.toml", {"CLAIMX_API_TOKEN": "dXNlcjpwdw=="}).settings.api.token == Secret(
        "dXNlcjpwdw=="
    )


def test_the_schema_has_every_key_with_its_meaning_and_limits() -> None:
    made = schema()
    for path in LEAVES:
        *tables, key = path.split(".")
        body = made
        for table in tables:
            body = body["properties"][table]
        assert body["properties"][key]["description"] == meanings()[path]
        assert body["additionalProperties"] is False
    workers = made["properties"]["enrich"]["properties"]["workers"]
    assert (workers["minimum"], workers["default"]) == (1, 512)
    assert "default" not in made["properties"]["api"]["properties"]["token"]
