"""Every name that is logged is declared with its meaning, and nothing is declared that nobody logs."""

import ast
import re
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from claimx.telemetry.context import IDS
from claimx.telemetry.events import EVENTS, Event, Repeats
from claimx.telemetry.repeats import LIMITS
from support.log_doc import DOC, written

SOURCES = Path(__file__).parents[3] / "src" / "claimx"
TABLE = SOURCES / "telemetry" / "events.py"
LEVELS = {"debug", "info", "warning", "error"}
ITSELF = {"until_done": {"error", "tries"}, "_tell_of": {"partitions"}, "say": set[str]()}
"""What logs an event that it is given, and the fields that it adds."""
AT = {"until_done": "warning", "_tell_of": "info"}
GIVEN_OTHERWISE = {"process.progressed", "results.counted", "control.asked"}
"""Their fields come from a mapping."""


def calls() -> Iterator[tuple[str, str | None, set[str]]]:
    """Event, level (None: by case) and names of fields of every place that names an event."""
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr=method) | ast.Name(id=method),
                    args=[ast.Constant(value=str(event)), *_],
                    keywords=given,
                ) if method in LEVELS | ITSELF.keys() and event in EVENTS:
                    fields = {each.arg for each in given if each.arg} | ITSELF.get(method, set())
                    yield event, AT.get(method, method if method in LEVELS else None), fields


def named() -> set[str]:
    """Every text of the sources, but for the table's own."""
    return {
        node.value
        for path in SOURCES.rglob("*.py")
        if path != TABLE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_the_typed_log_takes_what_the_table_declares() -> None:
    assert list(typing.get_args(Event)) == list(EVENTS)


def test_every_event_is_logged_somewhere() -> None:
    assert set(EVENTS) - named() == set()


def test_nothing_is_logged_that_is_not_declared() -> None:
    found = []
    for path in SOURCES.rglob("*.py"):
        found += re.findall(r"log\.(?:debug|info|warning|error)\(\s*\"([^\"]+)\"", path.read_text())
    assert len(found) > 30
    assert set(found) <= set(EVENTS)


def test_every_line_has_the_level_and_the_fields_that_are_declared() -> None:
    wrong = [
        f"{event} at {level} with {sorted(fields)}"
        for event, level, fields in calls()
        if (level is not None and level not in EVENTS[event].levels.split())
        or fields - {*EVENTS[event].fields.split(), *IDS, "exc_info"}
    ]
    assert wrong == []


def test_every_field_that_is_declared_is_given_somewhere() -> None:
    given: dict[str, set[str | None]] = {}
    for event, _, fields in calls():
        given.setdefault(event, set()).update(fields)
    unseen = {
        event: missing
        for event, declared in EVENTS.items()
        if event not in GIVEN_OTHERWISE
        and (missing := set(declared.fields.split()) - given.get(event, set()))
    }
    assert unseen == {}


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_a_noun_and_a_verb_and_says_what_it_means(event: str) -> None:
    declared = EVENTS[event]
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", event)
    assert set(declared.levels.split()) <= LEVELS
    assert declared.meaning.endswith(".")
    assert "|" not in declared.meaning
    assert set(typing.get_args(Repeats)) == {*LIMITS, "always"}


def test_the_page_is_as_declared() -> None:
    text = DOC.read_text()
    assert written(text) == text, "write it anew: PYTHONPATH=tests .venv/bin/python -m support.log_doc"
