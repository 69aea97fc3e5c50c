"""What was logged, read back from stderr."""

import json
from typing import Any

import pytest


def lines_of(captured: "pytest.CaptureFixture[str]") -> list[dict[str, Any]]:
    """Every line of stderr since the last look: each is one JSON object."""
    return [json.loads(line) for line in captured.readouterr().err.splitlines()]
