"""The locks of run time, build, release and development install one version of a thing, in whatever order they come."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "requirements"


def pins(name: str) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9-]+)==(\S+) \\$", (FOLDER / name).read_text(), flags=re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize("name", ["runtime.lock", "build.lock", "dist.lock"])
def test_a_lock_agrees_with_that_of_development(name: str) -> None:
    whole, part = pins("dev.lock"), pins(name)
    assert part
    assert {each: version for each, version in part.items() if whole.get(each, version) != version} == {}


def test_what_runs_is_what_is_developed_with() -> None:
    assert pins("runtime.lock").items() <= pins("dev.lock").items()
