"""What a code is counted as."""

import re
from pathlib import Path

import pytest

from claimx.domain.codes import AREAS, OTHER, area_of, status_of

SOURCES = Path(__file__).parents[3] / "src" / "claimx"
RAISED = re.compile(r"(?:Error|Malformed|Failure|Retry)\(\s*f?\"([a-z_]+)\.[a-z0-9_{]+")
NOT_ITEMS = {"control", "process", "download", "doctor", "dns", "tcp", "http"}
"""What only operators meet: refused commands, keys of the configuration, what the doctor finds."""


def test_every_code_in_the_sources_has_its_class() -> None:
    raised = {
        area for path in SOURCES.rglob("*.py") for area in RAISED.findall(path.read_text()) if area.islower()
    }
    assert len(raised) > 12
    assert raised - set(AREAS) - NOT_ITEMS == set()


@pytest.mark.parametrize(
    ("code", "area"),
    [
        ("api.5xx", "api"),
        ("api.5xx.exhausted", "api"),
        ("bug.KeyError", "bug"),
        ("whatever", OTHER),
        ("", OTHER),
    ],
)
def test_the_class_of_a_code_is_its_first_word(code: str, area: str) -> None:
    assert area_of(code) == area


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("api.401", "401"),
        ("api.429", "429"),
        ("api.403", "4xx"),
        ("api.4xx", "4xx"),
        ("api.5xx", "5xx"),
        ("api.redirect", "3xx"),
        ("api.timeout", "none"),
        ("api.not_json", "unreadable"),
        ("api.bad_id", OTHER),
    ],
)
def test_an_answer_is_counted_by_its_code(code: str, status: str) -> None:
    assert status_of(code) == status
