"""The process dies at a named point: the next one finds everything, and does again only what may be done again."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import claimx_json
from support.crash_points import KILLED_AT, OF_A_REPLAY, POINTS, command
from support.deaths import config_of, finished, proven
from support.kafka import Broker
from support.rig import Rig, rig_on

pytestmark = pytest.mark.timeout(180)

EVENTS = 300
SEED = 7
SIGKILL = -9
AT = {
    "after_an_api_answer": 60,
    "in_the_middle_of_a_download": 20,
    "after_the_fsync_of_a_spool_file": 20,
    "after_an_upload_before_its_row": 40,
    "between_the_flush_and_the_commit": 2,
    "after_a_park": 3,
    "before_a_leased_row_is_deleted": 2,
    "while_a_dead_letter_is_produced": 2,
    "after_the_acknowledgement_of_a_dead_letter": 2,
}
"""At the so manieth time, else at the first; so that others of their kind are before and behind it."""


@pytest.fixture
def rig(broker: Broker, tmp_path: Path) -> Iterator[Rig]:
    with rig_on(broker, tmp_path, SEED, EVENTS) as made:
        yield made


def some(rig: Rig, table: str) -> list[str]:
    return sorted(key[0] for key in rig.manifest.keys[table])[:4]


@pytest.mark.parametrize("point", [name for name in POINTS if name != OF_A_REPLAY])
def test_a_process_that_dies_at_a_point_loses_and_doubles_nothing(rig: Rig, point: str) -> None:
    rig.faults(
        {"kind": "status", "at": ["task"], "ids": some(rig, "claimx_tasks"), "status": 503, "times": 6},
        {"kind": "status", "at": ["object"], "ids": some(rig, "claimx_attachments"), "times": 6},
    )
    config = config_of(rig, download__memory_file_bytes="65536", lake__flush_interval_s="0.4")
    rig.start_feed()
    doomed = rig.run(config, command=command(point, AT.get(point, 1)))
    assert doomed.wait(60) == SIGKILL, doomed.log()[-3000:]
    assert doomed.log().splitlines()[-1] == f"{KILLED_AT} {point}"
    rig.feed_ended()
    finished(rig, config)
    proven(rig, config)


def test_a_replay_that_dies_before_its_marks_replays_again_and_doubles_nothing(rig: Rig) -> None:
    tasks = some(rig, "claimx_tasks")
    rig.faults({"kind": "status", "at": ["task"], "ids": tasks, "status": 403})
    config = config_of(rig, download__memory_file_bytes="65536")
    rig.feed_all()
    finished(rig, config)
    assert any("claimx_tasks: row missing" in problem for problem in rig.problems())
    rig.faults()
    asked = ["dlq", "replay", "--code", "api.403", "-c", str(config)]
    doomed = subprocess.run(
        [*command(OF_A_REPLAY), *asked], capture_output=True, text=True, timeout=60, check=False
    )
    assert doomed.returncode == SIGKILL, doomed.stderr
    assert doomed.stderr.splitlines()[-1] == f"{KILLED_AT} {OF_A_REPLAY}"
    again = claimx_json(*asked)
    assert again["replayed"] >= len(tasks)
    assert len(rig.letters(rig.topics.enrichment_pending)) == 2 * again["replayed"]
    finished(rig, config)
    proven(rig, config)
