"""docs/domain.md says what is so: every statement has its test, every type its line, every table its columns."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from claimx.domain.handlers.registry import HANDLERS
from claimx.domain.rows import Policy
from support.domain_doc import DOC, MEANINGS, written

ROOT = Path(__file__).parents[2]
TEXT = DOC.read_text()
MARKS = re.compile(r"\[([a-z]+(?:, [a-z]+)*)\](?!\()")
TESTS = {
    mark: re.findall(r"`([^`]+)`", tests)
    for mark, tests in re.findall(r"^- \*\*([a-z]+)\*\*: (.+)$", TEXT, flags=re.MULTILINE)
}
TYPES = {*HANDLERS, "PROJECT_CONVERSATION_UPDATED"}


def section(title: str) -> str:
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def lines(title: str) -> list[list[str]]:
    """The cells of a section's table, its heading left out."""
    rows = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def marks(text: str) -> set[str]:
    return {mark for found in MARKS.findall(text) for mark in found.split(", ")}


@cache
def functions(path: Path) -> set[str]:
    """The tests of a file, those of a class after its name."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {
            prefix + each.name for each in inner if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    return found


@pytest.mark.parametrize("name", sorted({test for tests in TESTS.values() for test in tests}))
def test_every_test_that_is_named_exists(name: str):
    path, _, function = name.partition("::")
    assert (ROOT / path).is_file()
    assert function in functions(ROOT / path)


def test_every_mark_has_tests_and_every_test_a_mark():
    used = set().union(*(marks(section(title)) for title in ("Every event", "Each type", DECIDED)))
    assert used == set(TESTS)


DECIDED = "What contradicted itself, and how it was decided"


def test_every_type_of_event_has_its_line_and_every_cell_its_tests():
    table = lines("Each type")
    assert {row[0].strip("`") for row in table} == TYPES | {"any other"}
    for row in table:
        assert len(row) == 6, row
        assert all(marks(cell) for cell in row[1:]), row


def test_every_decision_and_every_general_statement_has_its_tests():
    assert all(marks(decision) for _, decision in lines(DECIDED))
    statements = section("Every event").strip().removeprefix("- ").split("\n- ")
    assert all(marks(statement) for statement in statements)


def test_every_policy_has_a_meaning():
    assert set(MEANINGS) == set(Policy)


def test_policies_and_tables_are_as_declared():
    hint = "write it anew: PYTHONPATH=tests .venv/bin/python -m support.domain_doc"
    assert written(TEXT) == TEXT, hint
