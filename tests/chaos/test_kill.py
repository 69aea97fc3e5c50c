"""kill -9 at seeded random moments: nothing is lost, nothing is twice, no offset is ahead of its effect."""

from pathlib import Path
from random import Random

import pytest

from support.deaths import Team, config_of, finished, kill_one, proven
from support.kafka import Broker
from support.rig import Watch, rig_on

SEED = 20261124


@pytest.mark.timeout(600)
def test_ten_kills_during_five_thousand_events_lose_and_double_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    with rig_on(broker, tmp_path, SEED, 5000) as rig:
        config = config_of(rig)
        rig.start_feed()
        with Watch(rig) as watch:
            assert kill_one(rig, config, Random(SEED), 10) >= 8
            rig.feed_ended()
            finished(rig, config)
        assert watch.samples > 20
        assert watch.found == []
        proven(rig, config)
        events = rig.table("claimx_events")["event_id"]
        assert len(events) == events.n_unique() == 5000


@pytest.mark.timeout(600)
def test_four_processes_of_which_one_is_killed_every_few_seconds_come_to_the_same_as_one(
    broker: Broker, tmp_path: Path
) -> None:
    with rig_on(broker, tmp_path, SEED, 1500) as rig:
        team = Team(rig)
        rig.start_feed()
        assert team.kill_in_turn(Random(SEED), 10) > 2
        rig.feed_ended()
        team.end()
        proven(rig, team.configs["results"])
