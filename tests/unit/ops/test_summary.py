"""The end of a run, for people."""

import re
from collections import Counter

from claimx.domain.ledger import DelayCounts
from claimx.ops.summary import Summary, as_text, by_circuit


def summary_of(**changes: object) -> Summary:
    numbers = {
        name: 0
        for name, kind in Summary.__annotations__.items()
        if kind in {int, float} or kind == int | None
    }
    parts = {"delay_queue": DelayCounts(), "tables": {}, "results": None, "circuit_transitions": {}}
    return Summary(**(numbers | parts | {"ledger_violation": None} | changes))  # type: ignore[arg-type]


def test_transitions_of_circuits_and_suppressed_lines_are_told() -> None:
    moves = Counter({("api", "open"): 3, ("api", "closed"): 1, ("store", "open"): 1})
    text = as_text(summary_of(circuit_transitions=by_circuit(moves), log_lines_suppressed=1234))
    assert re.search(r"^circuit api +closed 1, open 3$", text, re.MULTILINE)
    assert re.search(r"^circuit store +open 1$", text, re.MULTILINE)
    assert re.search(r"^log lines suppressed +1,234$", text, re.MULTILINE)


def test_circuits_that_never_moved_are_not_mentioned() -> None:
    assert "circuit" not in as_text(summary_of())
