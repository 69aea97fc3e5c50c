"""From declared columns to a Delta schema, and what differs between the two."""

from deltalake import DeltaTable, Field, Schema
from deltalake.schema import PrimitiveType

from claimx.domain.rows import Column, Policy, Table, Type
from claimx.domain.tables import EVENT_LOG, EVENTS
from claimx.errors import SchemaDriftError

_DELTA_TYPES = {
    Type.STRING: "string",
    Type.INT64: "long",
    Type.FLOAT64: "double",
    Type.BOOLEAN: "boolean",
    Type.TIMESTAMP: "timestamp",
    Type.DATE: "date",
}
_MB = 1024 * 1024


def create(table: Table, uri: str, options: dict[str, str]) -> DeltaTable:
    """Create a table where there is none; the first commit is put if absent, so that nothing is ever overwritten."""
    return DeltaTable.create(
        uri,
        schema=Schema([_field(column) for column in table.columns]),
        mode="error",
        partition_by=list(table.partition_by),
        configuration=_properties(table),
        storage_options=options or None,
    )


def missing_columns(table: Table, found: Schema) -> list[Field]:
    """Compare an existing table with the declared columns; returns the fields to add. Unknown columns are kept.

    Raises:
        SchemaDriftError: a column has another type.
    """
    there = {field.name: _type_name(field) for field in found.fields}
    drift = [
        f"  {column.name}: declared {_DELTA_TYPES[column.type]}, found {there[column.name]}"
        for column in table.columns
        if there.get(column.name, _DELTA_TYPES[column.type]) != _DELTA_TYPES[column.type]
    ]
    if drift:
        raise SchemaDriftError("\n".join([f"{table.name} does not fit its declaration:", *drift]))
    return [
        Field(column.name, PrimitiveType(_DELTA_TYPES[column.type]), nullable=True)
        for column in table.columns
        if column.name not in there
    ]


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
