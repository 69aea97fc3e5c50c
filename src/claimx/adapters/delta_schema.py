"""From declared columns to a Delta schema, and what differs between the two."""

from typing import NamedTuple

from deltalake import DeltaTable, Field, Schema
from deltalake.schema import PrimitiveType

from claimx.adapters.delta_features import refused
from claimx.domain.rows import Column, Policy, Table, Type
from claimx.domain.tables import EVENT_LOG, EVENTS

_DELTA_TYPES = {
    Type.STRING: "string",
    Type.INT64: "long",
    Type.FLOAT64: "double",
    Type.BOOLEAN: "boolean",
    Type.TIMESTAMP: "timestamp",
    Type.DATE: "date",
}
_NEVER_NULL = frozenset(
    {"created_at", "updated_at", "ingested_at", "event_date", "processed_at", "processed_date"}
)
_EVENT_TYPE = (EVENTS.name, "event_type")
"""Columns beside the keys that every row of ours fills, so that others may have declared them NOT NULL."""
_MB = 1024 * 1024


def create(table: Table, uri: str, options: dict[str, str] | None) -> DeltaTable:
    """Create a table where there is none; the first commit is put if absent, so that nothing is ever overwritten."""
    return DeltaTable.create(
        uri,
        schema=Schema([_field(column) for column in table.columns]),
        mode="error",
        partition_by=list(table.partition_by),
        configuration=_properties(table),
        storage_options=options,
    )


class Fit(NamedTuple):
    """How a table that is there fits its declaration.

    Args:
        missing: fields to add.
        unknown: columns that are not declared; they are kept.
        drift: what no adding of columns can mend, and what claimx must not write to, one line each.
    """

    missing: tuple[Field, ...]
    unknown: tuple[str, ...]
    drift: tuple[str, ...]


def fit(table: Table, delta: DeltaTable) -> Fit:
    """Compare a table that is there with its declaration, and with what claimx can write."""
    found = delta.schema()
    there = {field.name: field for field in found.fields}
    declared = {column.name: column for column in table.columns}
    absent = [column for column in table.columns if column.name not in there]
    unknown = [field for field in found.fields if field.name not in declared]
    return Fit(
        tuple(_field(column) for column in absent if column.policy is not Policy.KEY),
        tuple(field.name for field in unknown),
        (
            *(f"{column.name}: a key, and not there" for column in absent if column.policy is Policy.KEY),
            *filter(
                None, (_difference(table, declared[name], there[name]) for name in there if name in declared)
            ),
            *(
                f"{field.name}: NOT NULL, and claimx does not know it"
                for field in unknown
                if not field.nullable
            ),
            *refused(table, delta),
        ),
    )


def _difference(table: Table, column: Column, field: Field) -> str | None:
    if _type_name(field) != _DELTA_TYPES[column.type]:
        return f"{column.name}: declared {_DELTA_TYPES[column.type]}, found {_type_name(field)}"
    is_filled = (
        column.policy is Policy.KEY or column.name in _NEVER_NULL or (table.name, column.name) == _EVENT_TYPE
    )
    return None if field.nullable or is_filled else f"{column.name}: NOT NULL, and claimx may leave it null"


def _field(column: Column) -> Field:
    return Field(
        column.name, PrimitiveType(_DELTA_TYPES[column.type]), nullable=column.policy is not Policy.KEY
    )


def _type_name(field: Field) -> str:
    return field.type.type if isinstance(field.type, PrimitiveType) else str(field.type)


def _properties(table: Table) -> dict[str, str | None]:
    """Measured settings (reference/lake.md 9): checkpoints often, no clean-up on the hot path, statistics of few columns."""
    is_history = table.name in {EVENTS.name, EVENT_LOG.name}
    indexed = [
        column.name
        for column in table.columns
        if column.name not in table.partition_by
        and (column.policy is Policy.KEY or column.type is Type.TIMESTAMP or column.name == "event_id")
    ]
    return {
        "delta.checkpointInterval": "20",
        "delta.enableExpiredLogCleanup": "false",
        "delta.logRetentionDuration": "interval 2 days",
        "delta.deletedFileRetentionDuration": "interval 7 days",
        "delta.targetFileSize": str((128 if is_history else 32) * _MB),
        "delta.dataSkippingStatsColumns": ",".join(indexed),
        **({"delta.appendOnly": "true"} if is_history else {}),
    }
