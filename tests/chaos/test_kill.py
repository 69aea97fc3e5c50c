"""kill -9 at seeded random moments: nothing is lost, nothing is twice, no offset is ahead of its effect."""

import random
import signal
from pathlib import Path

import polars as pl
import pytest

from support.kafka import Broker
from support.rig import Watch, rig_on, wait_until

EVENTS = 5000
KILLS = 10
SEED = 20261124


@pytest.mark.timeout(900)
def test_ten_kills_during_five_thousand_events_lose_and_double_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    luck = random.Random(SEED)
    with rig_on(broker, tmp_path, SEED, EVENTS) as rig:
        config = rig.config()
        rig.start_feed()
        with Watch(rig) as watch:
            for _ in range(KILLS):
                before = sum(rig.committed().values())
                daemon = rig.run(config)
                wait_until(
                    lambda before=before: sum(rig.committed().values()) > before or rig_is_done(rig),
                    "progress",
                )
                signal.sigtimedwait([], luck.uniform(0.0, 1.5))
                daemon.kill()
            rig.feed_ended()
            last = rig.run(config, "--exit-when-idle")
            assert last.wait(300) == 0, last.log()[-3000:]
        assert watch.samples > 20
        assert watch.found == []
        manifest = rig.manifest
        assert sum(rig.committed().values()) == manifest.records
        assert rig.unlogged(rig.committed()) == []
        assert rig.problems() == []
        events = rig.table("claimx_events")
        assert events.height == EVENTS
        assert events["event_id"].n_unique() == EVENTS
        for table in ("claimx_projects", "claimx_attachments", "claimx_attachment_metadata"):
            key = "project_id" if table == "claimx_projects" else "media_id"
            assert rig.table(table).select(pl.col(key).is_duplicated().sum()).item() == 0


def rig_is_done(rig: object) -> bool:
    return sum(rig.committed().values()) == rig.manifest.records  # type: ignore[attr-defined]
