"""What a table of others asks of its writers that claimx cannot do."""

from collections.abc import Iterator

from deltalake import DeltaTable

from claimx.domain.rows import Policy, Table
from claimx.domain.tables import EVENTS

_HONOURED = frozenset(
    {"appendOnly", "invariants", "checkConstraints", "generatedColumns", "changeDataFeed", "timestampNtz"}
)
"""Writer features that harm nothing where no column, constraint or property makes use of them (tried with deltalake
1.6.3). It would take deletionVectors, too, but whether its MERGE leaves out the rows that they delete is not known."""
_CHECK = "delta.constraints."
_OF_COLUMNS = {
    "delta.invariants": "an invariant",
    "delta.generationExpression": "generated from other columns",
    "delta.identity.start": "numbered by its writer",
}
_MAPPED_READER, _LEGACY_WRITER, _FEATURES_WRITER = 2, 5, 7
_NOT_OURS = "claimx cannot promise that"


def refused(declared: Table, table: DeltaTable) -> tuple[str, ...]:
    """Why claimx must not write to a table, one line each; none if it may."""
    return (*_by_properties(declared, table), *_by_columns(table), *_by_protocol(table))


def _by_properties(declared: Table, table: DeltaTable) -> Iterator[str]:
    for name, value in sorted(table.metadata().configuration.items()):
        if name.startswith(_CHECK):
            yield f"{name.removeprefix(_CHECK)}: CHECK ({value}), {_NOT_OURS}"
        elif name == "delta.appendOnly" and value == "true" and not _is_only_added_to(declared):
            yield "delta.appendOnly: true, and claimx changes rows"
        elif name == "delta.columnMapping.mode" and value != "none":
            yield f"delta.columnMapping.mode: {value}, and claimx writes columns under their own names"


def _by_columns(table: DeltaTable) -> Iterator[str]:
    for field in table.schema().fields:
        for name, what in _OF_COLUMNS.items():
            if name in field.metadata:
                yield f"{field.name}: {what}, {_NOT_OURS}"


def _by_protocol(table: DeltaTable) -> Iterator[str]:
    protocol = table.protocol()
    for feature in sorted(set(protocol.writer_features or ()) - _HONOURED):
        yield f"feature {feature}: claimx cannot write a table that has it"
    if protocol.min_reader_version == _MAPPED_READER:
        yield "reader version 2: claimx cannot read mapped columns"
    if _LEGACY_WRITER < protocol.min_writer_version != _FEATURES_WRITER:
        yield f"writer version {protocol.min_writer_version}: claimx knows up to {_LEGACY_WRITER}, and {_FEATURES_WRITER}"


def _is_only_added_to(declared: Table) -> bool:
    is_history = not any(column.policy is Policy.KEY for column in declared.columns)
    return is_history or declared.name == EVENTS.name
