"""Every key can be explained, alone or with its table."""

import pytest

from claimx.config.explain import as_text, explained, keys_of
from claimx.config.leaves import LEAVES, TABLES
from support.commands import claimx, claimx_json


@pytest.mark.parametrize("key", LEAVES)
def test_a_key_is_explained(key: str) -> None:
    each = explained(key)
    text = list(as_text(each))
    assert text[0] == key
    assert len(each.meaning) > 5
    assert each.variable in text[-2]
    assert "anything" not in text[2]


@pytest.mark.parametrize("table", [name for name in TABLES if name])
def test_a_table_means_its_keys(table: str) -> None:
    assert keys_of(table) == [key for key in LEAVES if key.startswith(f"{table}.")] != []


def test_limits_defaults_and_variables_are_told() -> None:
    said = claimx("config", "explain", "retry.delays_s").stdout
    assert "takes     array of number, more than 0, items at least 1" in said
    assert "default   [300.0, 600.0, 1200.0, 2400.0]" in said
    assert "variable  CLAIMX_RETRY__DELAYS_S" in said
    assert '"go_on", "stop"' in claimx("config", "explain", "process.lost_queue").stdout
    secret = claimx("config", "explain", "api.token").stdout
    assert '{ env = "NAME" } or { file = "PATH" }' in secret
    assert "it is required" in secret


def test_an_entry_of_a_free_table_is_explained_by_its_table() -> None:
    told = claimx_json("config", "explain", "kafka.client.socket.keepalive.enable")
    assert [each["key"] for each in told["keys"]] == ["kafka.client"]
    assert told["schema"] == "claimx.config.explain/1"


def test_a_key_that_is_not_there_is_answered_by_the_nearest() -> None:
    said = claimx("config", "explain", "kafka.grup_id", code=2)
    assert said.stderr == "error: no key kafka.grup_id\n  hint: did you mean kafka.group_id?\n"
