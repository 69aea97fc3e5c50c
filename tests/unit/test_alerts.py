"""The rules of the alerts, as far as no Prometheus is needed to judge them."""

from typing import Any

import pytest
import yaml

from claimx.domain.tables import TABLES
from claimx.telemetry.catalogue import CATALOGUE
from support.metrics_doc import DOC
from support.prometheus import RULES, named_in, series_names

GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"]]
LAWS = [rule for group in GROUPS if group["name"] == "claimx-laws" for rule in group["rules"]]
TESTED = yaml.safe_load(RULES.with_name("claimx.rules.test.yml").read_text())["tests"]


def name_of(rule: dict[str, Any]) -> str:
    return rule["alert"]


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_an_alert_names_only_metrics_that_exist_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert named_in(rule["expr"]) <= series_names()
    assert rule["labels"]["severity"] in {"page", "ticket", "security"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
    assert ("for" in rule) == (rule not in LAWS)


def test_every_alert_has_a_name_of_its_own() -> None:
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    fired = {each["alertname"] for test in TESTED for each in test["alert_rule_test"] if each["exp_alerts"]}
    assert fired == {rule["alert"] for rule in ALERTS}


def test_the_page_about_metrics_names_only_those_that_exist() -> None:
    families = {family.full_name for family in CATALOGUE}
    assert named_in(DOC.read_text()) - families - series_names() <= set(TABLES) | {"claimx_"}
