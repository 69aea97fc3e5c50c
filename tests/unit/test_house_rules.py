"""Rules of the house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from claimx import __version__

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
MAX_LINES = 400
UNTRACKED = {"target", "node_modules", "dist", "__pycache__"}
TRACKED_DOTS = {".ci", ".gitignore", ".github"}
TEXTS = {".py", ".md", ".toml", ".lock", ".txt", ".xml", ".yml", ".yaml", ".json", ".sh", ".cfg", ""}

# in pieces, so that this file does not break its own rules
REGISTRIES = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "repo.maven" + ".apache",
    "repo1" + ".maven",
    "registry.npm" + "js",
    "crates" + ".io",
    "proxy.golang" + ".org",
    "deb.debian" + ".org",
    "docker" + ".io",
    "gh" + "cr.io",
    "quay" + ".io",
]
MACHINE = re.compile(r"(?<![\w.~:/-])/(?:work|root|farm|home/\w+|Users/\w+|opt/wheels|tmp/bash_jobs)(?:/|\b)")


def tracked() -> Iterator[Path]:
    """Every text file that belongs to the project."""
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = any(part in UNTRACKED or (part[0] == "." and part not in TRACKED_DOTS) for part in parts)
        if not hidden and path.suffix in TEXTS and path.is_file():
            yield path


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_source_file_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_only_the_guard_catches_everything_and_keeps_it() -> None:
    broad = {"Exception", "BaseException"}
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.ExceptHandler(body=[*_, ast.Raise(exc=None)]):
                    pass  # cleans up and lets it go on
                case ast.ExceptHandler(type=None):
                    found.add(name_of(path))
                case (
                    ast.ExceptHandler(type=caught)
                    | ast.Call(func=ast.Attribute(attr="suppress"), args=[caught, *_])
                ):
                    names = {each.id for each in ast.walk(caught) if isinstance(each, ast.Name)}
                    found |= {name_of(path)} if names & broad else set()
    assert found <= {"src/claimx/stages/guard.py"}


def test_only_config_reads_the_environment() -> None:
    readers = {name_of(path) for path in SOURCES if re.search(r"\bos\.(environ|getenv)\b", path.read_text())}
    assert readers == {"src/claimx/config/environ.py"}


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = []
    for path in tracked():
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name_of(path)}: {host}" for host in REGISTRIES if host in text]
        found += [f"{name_of(path)}: {match[0]}" for match in MACHINE.finditer(text)]
    assert found == []


def test_the_changelog_begins_with_this_version() -> None:
    (newest, *_) = re.findall(
        r"^## .*?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE
    )
    assert newest == __version__


def test_every_decision_is_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[a-z0-9.-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_every_make_target_says_what_it_does_and_the_texts_name_only_those_there_are() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert re.findall(r"^# .+\n([a-z-]+):", makefile, flags=re.MULTILINE) == phony.split()
    for path in tracked():
        if path.suffix == ".md" or path.name == "run":
            named = set(re.findall(r"(?:`|^ *)make ([a-z-]+)", path.read_text(), flags=re.MULTILINE))
            assert named <= set(phony.split()), name_of(path)
