"""docs/configuration.md says what is so."""

from claimx.config.leaves import LEAVES
from support.config_doc import DOC, rendered


def test_the_configuration_reference_is_what_the_code_says() -> None:
    assert DOC.read_text() == rendered(), (
        "PYTHONPATH=tests .venv/bin/python -m support.config_doc writes it anew"
    )


def test_every_key_has_its_line_and_its_meaning() -> None:
    text = rendered()
    for leaf in LEAVES.values():
        section, _, key = leaf.path.rpartition(".")
        lines = text.partition(f"## [{section}]\n")[2].partition("\n## ")[0].splitlines()
        line = next(line for line in lines if line.startswith(f"| `{key}` |"))
        assert line.split("|")[4].strip(), leaf.path
