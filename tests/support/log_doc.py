"""The table of docs/logs.md, from the declared events: ``python -m support.log_doc`` writes it anew."""

from pathlib import Path

from claimx.telemetry.events import EVENTS, Declared
from claimx.telemetry.repeats import LIMITS

DOC = Path(__file__).parents[2] / "docs" / "logs.md"
BEGIN = "<!-- from here on written by tests/support/log_doc.py -->\n"
END = "<!-- up to here -->\n"


def rendered() -> str:
    """How often lines are told, and a line for each event."""
    limits = [
        f"- `{name}`: {limit.burst} at once, then one in {limit.every_s:.0f} s"
        for name, limit in LIMITS.items()
    ]
    head = ["| event | level | meaning | fields | repeats |", "|---|---|---|---|---|"]
    return "\n".join(
        ["- `always`: each", *limits, "", *head, *(_line(name, each) for name, each in EVENTS.items())]
    )


def written(text: str) -> str:
    """A page with this part as it should be."""
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + "\n" + rendered() + "\n\n" + END + rest.partition(END)[2]


def _line(name: str, event: Declared) -> str:
    levels = ", ".join(event.levels.split())
    fields = ", ".join(f"`{field}`" for field in event.fields.split())
    repeats = "always" if event.levels == "debug" else event.repeats
    return f"| `{name}` | {levels} | {event.meaning} | {fields} | {repeats} |"


if __name__ == "__main__":
    DOC.write_text(written(DOC.read_text()))
