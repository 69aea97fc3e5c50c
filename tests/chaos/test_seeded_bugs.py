"""What ``claimx verify`` is good for: it names what a bug has lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from claimx.sandbox.manifest import KEYS
from support.commands import claimx_json
from support.crash_points import BUGGY_TABLES, command
from support.deaths import config_of
from support.kafka import Broker
from support.rig import Rig, rig_on

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def rig(broker: Broker, tmp_path: Path) -> Iterator[Rig]:
    with rig_on(broker, tmp_path, 5, 300) as made:
        yield made


def found(rig: Rig, bug: str, every: int) -> list[dict[str, Any]]:
    """What verify says of a run with this bug in it, and nothing else wrong."""
    config = config_of(rig)
    rig.feed_all()
    daemon = rig.run(config, "--exit-when-idle", command=command(bug, every))
    assert daemon.wait(90) == 0, daemon.log()[-3000:]
    assert rig.problems() != []
    problems: list[dict[str, Any]] = claimx_json("verify", "-c", config, code=3)["problems"]
    return problems


def test_an_offset_that_settled_without_its_work_is_named(rig: Rig) -> None:
    problems = found(rig, "settle_without_the_work", 40)
    named = {f"{each['origin'][1]}/{each['origin'][2]}" for each in problems if each["check"] == "records"}
    unlogged = rig.unlogged(rig.committed())
    assert len(unlogged) > 1
    assert named == set(unlogged)
    assert all(each["event_id"] for each in problems if each["check"] == "records")


def test_every_row_that_was_dropped_is_named(rig: Rig) -> None:
    problems = found(rig, "drop_a_row", 2)
    missing = {
        (table, key[0])
        for table in BUGGY_TABLES
        for key in rig.manifest.keys[table] - set(rig.table(table).select(KEYS[table]).cast(str).rows())
    }
    assert len(missing) > 1
    assert {(each["table"], each["key"]) for each in problems} == missing
    assert {each["check"] for each in problems} == {"rows"}
