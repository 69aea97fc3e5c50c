"""Every command of docs/runbook.md does what the page says: from a clone to a replayed dead letter, and all that follows."""

import re
from pathlib import Path

import pytest

from support.runbook import DOC, checkout, commands, run

PAGE = DOC.read_text()
FOUND = list(commands(PAGE))
ELSEWHERE = ("systemctl", "journalctl", "kubectl", "docker", "sudo")


@pytest.mark.timeout(900)
def test_every_command_of_the_runbook_runs_from_a_clone(tmp_path: Path) -> None:
    log = tmp_path / "runbook.log"
    code = run(checkout(tmp_path / "claimx"), log)
    said = log.read_text()
    assert code == 0, said[-6000:]
    ended = {int(line) for line in re.findall(r"^@@ (\d+) ended", said, flags=re.MULTILINE)}
    assert ended == {each.line for each in FOUND if each.is_run}


def test_every_alert_has_its_section() -> None:
    rules = (DOC.parents[1] / "deploy" / "prometheus" / "claimx.rules.yml").read_text()
    alerts = set(re.findall(r"alert: (\w+)", rules))
    assert alerts
    assert alerts == set(re.findall(r"^### (Claimx\w+)$", PAGE, flags=re.MULTILINE))


def test_only_what_needs_another_host_is_not_run() -> None:
    kept_out = [each for each in FOUND if not each.is_run]
    assert all(each.text.startswith(ELSEWHERE) for each in kept_out), kept_out
    assert len(kept_out) * 4 < len(FOUND)


def test_every_link_inside_the_page_and_to_its_neighbours_leads_somewhere() -> None:
    titles = re.findall(r"^#+ (.+)$", PAGE, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    for path, _, anchor in (target.partition("#") for target in re.findall(r"\]\(([^)]+)\)", PAGE)):
        if path:
            assert (DOC.parent / path).exists(), path
        elif anchor:
            assert anchor in anchors, anchor
