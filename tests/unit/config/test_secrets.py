"""A secret from a file, as editors and mounts leave it, and as it is read again."""

from pathlib import Path

import pytest

from claimx.config.load import load
from claimx.config.secrets import reread
from claimx.config.tree import Secret

TOKEN = "dXNlcjpub3Qtc2VjcmV0"
NEW = "dXNlcjpuZXdlcg=="
SPELLINGS = [TOKEN, f"{TOKEN}\n", f"{TOKEN}\r\n", f"\ufeff{TOKEN}", f"\ufeff{TOKEN}\r\n"]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_token_from_a_file_is_taken_without_a_bom_and_without_the_end_of_its_line(
    tmp_path: Path, text: str
):
    file = tmp_path / "token"
    file.write_bytes(text.encode())
    config = tmp_path / "claimx.toml"
    config.write_text(
        f'[api]\ntoken = {{ file = "{file}" }}\n[lake]\ntables_url = "{tmp_path}/t"\nfiles_url = "{tmp_path}/f"\n'
    )
    assert load(config, {}).settings.api.token == Secret(TOKEN)


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_token_is_read_again_in_any_of_these_spellings(tmp_path: Path, text: str):
    file = tmp_path / "token"
    file.write_bytes(text.replace(TOKEN, NEW).encode())
    assert reread(Secret(TOKEN, f"file {file}")) == NEW


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_token_that_cannot_be_read_again_stays_as_it_was(tmp_path: Path, content: bytes | None):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    assert reread(Secret(TOKEN, f"file {file}")) == TOKEN
    assert reread(Secret(TOKEN, "env NAME")) == TOKEN
