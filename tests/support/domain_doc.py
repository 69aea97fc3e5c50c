"""The part of docs/domain.md that follows from the declared tables: ``python -m support.domain_doc`` writes it anew."""

from collections.abc import Iterator
from pathlib import Path

from claimx.domain.rows import Column, Policy, Table
from claimx.domain.tables import TABLES
from support import sources

DOC = Path(__file__).parents[2] / "docs" / "domain.md"
BEGIN = "<!-- from here on written by tests/support/domain_doc.py -->\n"
END = "<!-- up to here -->\n"

MEANINGS: dict[Policy, str] = {
    Policy.KEY: "names the row",
    Policy.SET_ONCE: "the first value that is not null stays",
    Policy.NEWEST: "the value of the row with the highest clock, null too; an equal clock changes nothing",
    Policy.NEWEST_NON_NULL: "the value of the highest clock, of equal ones the greater; a null erases nothing",
    Policy.MIN: "the least value: a first time, or a status whose later step sorts lower",
    Policy.MAX: "the greatest value: a last time, or a status whose later step sorts higher",
    Policy.FILL_NULL: "never written by claimx; what others wrote stays",
    Policy.STICKY_TRUE: "true beats false beats null",
}
ANSWERS = (*sources.PROJECT, *sources.TASK, sources.MEDIA[0], *sources.VIDEO)


def rendered() -> str:
    """Policies, then each table with its columns."""
    policies = [f"| `{policy}` | {meaning} |" for policy, meaning in MEANINGS.items()]
    parts = [
        "## Merge policies\n",
        "| policy | what stands in the end |\n|---|---|",
        *policies,
        "\n## Tables\n",
    ]
    for table in TABLES.values():
        key = ", ".join(f"`{name}`" for name in table.key) or "none: only appended to"
        parted = f" Partitioned by `{table.partition_by[0]}`." if table.partition_by else ""
        parts += [f"### {table.name}\n", f"{table.doc} Key: {key}.{parted}\n"]
        parts += ["| column | type | policy | from |\n|---|---|---|---|"]
        parts += [_line(table, column) for column in table.columns]
        parts += [""]
    return "\n".join(parts)


def written(text: str) -> str:
    """A page with this part as it should be."""
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + "\n" + rendered() + "\n" + END + rest.partition(END)[2]


def _line(table: Table, column: Column) -> str:
    guarded = column.policy in {Policy.NEWEST, Policy.NEWEST_NON_NULL}
    policy = f"`{column.policy}` by `{column.clock}`" if guarded else f"`{column.policy}`"
    told = [f"`{path}`" for path in dict.fromkeys(_paths(table.name, column.name))]
    origin = "; ".join([*([", ".join(told)] if told else []), *([column.doc] if column.doc else [])])
    return f"| `{column.name}` | {column.type} | {policy} | {origin} |"


def _paths(table: str, column: str) -> Iterator[str]:
    if column.endswith(("_source", "_at")):
        return
    for source in ANSWERS:
        for path in source.columns.get(column, "").split(",") if source.table == table else ():
            steps = [step for step in path.split(".") if not step.isdigit()]
            if steps != [""]:
                yield ".".join(steps)


if __name__ == "__main__":
    DOC.write_text(written(DOC.read_text()))
