"""The table of docs/metrics.md: ``python -m support.metrics_doc`` writes it anew."""

from pathlib import Path

from claimx.telemetry.catalogue import CATALOGUE
from claimx.telemetry.family import Family, Label

DOC = Path(__file__).parents[2] / "docs" / "metrics.md"
BEGIN = "<!-- from here on written by tests/support/metrics_doc.py -->\n"
END = "<!-- up to here -->\n"


def rendered() -> str:
    """Each family, then the values of the labels that are closed."""
    parts = ["| metric | kind | unit | labels | meaning |\n|---|---|---|---|---|"]
    parts += [_line(family) for family in CATALOGUE]
    parts += ["\n## Labels\n", "| label | of | values |\n|---|---|---|"]
    parts += [_values(label) for label in dict.fromkeys(label for each in CATALOGUE for label in each.labels)]
    parts += ["\n## Buckets\n", "| metric | upper bounds |\n|---|---|"]
    parts += [
        f"| `{each.full_name}` | {', '.join(f'{bound:g}' for bound in each.buckets)} |"
        for each in CATALOGUE
        if each.buckets
    ]
    return "\n".join(parts)


def written(text: str) -> str:
    """A page with this part as it should be."""
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + "\n" + rendered() + "\n\n" + END + rest.partition(END)[2]


def _line(family: Family) -> str:
    labels = ", ".join(f"`{label.name}`" for label in family.labels)
    return f"| `{family.full_name}` | {family.kind} | {family.unit} | {labels} | {family.help} |"


def _values(label: Label) -> str:
    users = [each.full_name for each in CATALOGUE if label in each.labels]
    values = ", ".join(f"`{value}`" for value in label.values) or label.bound
    return f"| `{label.name}` | {', '.join(f'`{name}`' for name in users)} | {values} |"


if __name__ == "__main__":
    DOC.write_text(written(DOC.read_text()))
