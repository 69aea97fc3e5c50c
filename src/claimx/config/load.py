"""Loads the settings: defaults < file < environment < the sandbox's own values < ``--set``; every problem at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from claimx.config import checks, kafka_checks
from claimx.config.entries import Entry, Found, flatten, is_reference, set_values
from claimx.config.env_values import env_values
from claimx.config.environ import variables
from claimx.config.leaves import LEAVES, TABLES, Leaf, join, leaf_of
from claimx.config.problems import Problem, refusal
from claimx.config.toml_file import TomlFile, read
from claimx.config.tree import Secret, Settings
from claimx.config.values import UnfitError, converted, map_value

_StructT = TypeVar("_StructT", bound=msgspec.Struct)
_CHECKS: tuple[Callable[[checks.Values], Iterator[checks.Finding]], ...] = (
    checks.token,
    checks.base_url,
    checks.lake_urls,
    checks.hosts,
    checks.bootstrap,
    checks.unexpanded,
    checks.not_empty,
    checks.bounds,
    checks.finite,
    kafka_checks.client,
    kafka_checks.topics,
    kafka_checks.sasl,
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and where each key comes from.

    Args:
        settings: the frozen tree.
        origins: by path: ``default``, ``file:line``, ``env NAME``, ``sandbox`` or ``--set``.
        warnings: what works but should be otherwise.
    """

    settings: Settings
    origins: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def load(
    path: Path | None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
    sets: tuple[str, ...] = (),
) -> Loaded:
    """Read, merge, convert and check.

    Args:
        path: the file, or None for none.
        environ: the variables; None for those of the process.
        overrides: what the sandbox decides, by dotted path or nested.
        sets: ``key=value``, as given with ``--set``.

    Raises:
        ConfigError: its text lists every problem with its place and, where there is one, a hint.
    """
    environ = variables() if environ is None else environ
    file = TomlFile("no claimx.toml") if path is None else read(path)
    entries, problems = _collected(file, environ, overrides or {}, sets)
    problems = [*file.problems, *problems]
    values = _values(entries, environ, problems)
    where = {name: entry.origin for name, entry in entries.items()}
    if not file.problems:
        problems += _missing(file, entries)
    for check in _CHECKS:
        problems += [
            Problem(where.get(found.path) or file.where(found.path), found.path, found.message, found.hint)
            for found in check(values)
        ]
    if problems:
        raise refusal(problems)
    return Loaded(_built(Settings, "", values), _origins(entries, values), _warnings(entries, values))


def _collected(
    file: TomlFile, environ: Mapping[str, str], overrides: Mapping[str, object], sets: tuple[str, ...]
) -> tuple[dict[str, Entry], list[Problem]]:
    """The entry that wins for each path, and everything that has no place in the tree."""
    from_file = list(flatten(file.table, file.where))
    layers: list[list[Found]] = [
        from_file,
        list(env_values(environ, _referenced(from_file))),
        list(flatten(_nested(overrides), lambda _: "sandbox")),
        list(set_values(sets)),
    ]
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for layer in layers:
        for found in layer:
            if isinstance(found, Problem):
                problems.append(found)
            else:
                entries[found[0]] = found[1]
    return entries, problems


def _referenced(found: list[Found]) -> set[str]:
    entries = [each[1].value for each in found if not isinstance(each, Problem)]
    return {
        str(value["env"])
        for value in entries
        if isinstance(value, Mapping) and is_reference(value) and "env" in value
    }


def _nested(overrides: Mapping[str, object]) -> dict[str, object]:
    nested: dict[str, object] = {}
    for path, value in overrides.items():
        *tables, key = path.split(".")
        table = nested
        for step in tables:
            inner = table.setdefault(step, {})
            if not isinstance(inner, dict):
                raise TypeError(f"{path} lies under a value")
            table = inner
        table[key] = value
    return nested


def _values(
    entries: Mapping[str, Entry], environ: Mapping[str, str], problems: list[Problem]
) -> dict[str, object]:
    """Every value that converts, defaults included; what does not is added to ``problems``."""
    values: dict[str, object] = {
        leaf.path: {} if leaf.kind == "map" else leaf.default for leaf in LEAVES.values() if not leaf.required
    }
    for path, entry in entries.items():
        leaf = leaf_of(path)
        if leaf is None:
            continue
        try:
            _store(values, leaf, path, entry, environ)
        except UnfitError as exc:
            values.pop(path, None)
            problems.append(Problem(entry.origin, path, exc.message, exc.hint))
    return values


def _store(
    values: dict[str, object], leaf: Leaf, path: str, entry: Entry, environ: Mapping[str, str]
) -> None:
    if leaf.kind != "map":
        values[path] = converted(leaf, entry, environ)
        return
    key = path.removeprefix(f"{leaf.path}.")
    options = values[leaf.path]
    if isinstance(options, dict):
        options[key] = map_value(leaf, key, entry, environ)


def _missing(file: TomlFile, entries: Mapping[str, Entry]) -> Iterator[Problem]:
    for leaf in LEAVES.values():
        if leaf.required and leaf.path not in entries:
            hint = f"set it in the file, as {leaf.variable}, or with --set {leaf.path}=..."
            yield Problem(file.where(leaf.path), leaf.path, "is required", hint)


def _built(struct: type[_StructT], path: str, values: Mapping[str, object]) -> _StructT:
    fields = {}
    for name in struct.__struct_fields__:
        inner = join(path, name)
        fields[name] = _built(TABLES[inner], inner, values) if inner in TABLES else values[inner]
    return struct(**fields)


def _origins(entries: Mapping[str, Entry], values: Mapping[str, object]) -> dict[str, str]:
    origins = dict.fromkeys(LEAVES, "default")
    for path, entry in entries.items():
        value = _at(values, path)
        elsewhere = isinstance(value, Secret) and value.source not in {"literal", entry.origin}
        origins[path] = (
            f"{entry.origin} ({value.source})" if elsewhere and isinstance(value, Secret) else entry.origin
        )
    return origins


def _warnings(entries: Mapping[str, Entry], values: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(
        Problem(
            entry.origin,
            path,
            "a secret stands here in clear",
            'better { env = "NAME" } or { file = "PATH" }',
        ).text()
        for path, entry in entries.items()
        if isinstance(value := _at(values, path), Secret)
        and value.source == "literal"
        and entry.origin != "sandbox"
    )


def _at(values: Mapping[str, object], path: str) -> object:
    """The value of a key, or of an entry of a map."""
    leaf = leaf_of(path)
    if leaf is None or leaf.kind != "map":
        return values.get(path)
    options = values[leaf.path]
    return options.get(path.removeprefix(f"{leaf.path}.")) if isinstance(options, dict) else None
