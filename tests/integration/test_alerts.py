"""The alerts, judged by promtool."""

from pathlib import Path

from claimx.adapters.clock import WallClock
from claimx.adapters.prometheus import Exposition
from claimx.app.metrics import Metrics
from support.flows import pipeline_of
from support.prometheus import RULES, needs_prometheus, promtool

pytestmark = needs_prometheus


def test_the_rules_are_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", RULES)


def test_the_rules_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", RULES.with_name("claimx.rules.test.yml"))


async def test_the_exposition_is_as_prometheus_wants_it() -> None:
    metrics = Metrics(WallClock(), lambda: 0.0)
    metrics.attach(pipeline_of(), Path("/"))
    assert promtool("check", "metrics", stdin=Exposition(metrics.read).render()) == ""
