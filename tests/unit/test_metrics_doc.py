"""docs/metrics.md says what is so."""

from support.metrics_doc import DOC, written


def test_the_table_of_metrics_is_as_declared() -> None:
    text = DOC.read_text()
    hint = "write it anew: PYTHONPATH=tests .venv/bin/python -m support.metrics_doc"
    assert written(text) == text, hint
