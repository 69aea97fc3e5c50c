"""The manifests against the schemas of Kubernetes, unknown fields refused. What is not tried: a cluster."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="make test-dist installs it")

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
VERSIONS = ("1.28", "1.31", "1.34")

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl here to render with")


def rendered(variant: str) -> str:
    return subprocess.run(
        ["kubectl", "kustomize", FOLDER / variant], capture_output=True, text=True, timeout=60, check=True
    ).stdout


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variant", ["", "all", "init"])
def test_kubernetes_knows_every_field(variant: str, version: str) -> None:
    for document in yaml.safe_load_all(rendered(variant)):
        kubernetes_validate.validate(document, version, strict=True)


def test_a_misspelt_field_is_found() -> None:
    text = rendered("all").replace("terminationGracePeriodSeconds", "terminationGracePeriodSecond")
    (workload,) = [each for each in yaml.safe_load_all(text) if each["kind"] == "StatefulSet"]
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriodSecond"):
        kubernetes_validate.validate(workload, VERSIONS[-1], strict=True)
