"""The manifests against the schemas of Kubernetes, unknown fields refused. What is not tried: a cluster."""

import json

import pytest

from support.manifests import VARIANTS, needs_kubectl, rendered

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="make test-dist installs it")

VERSIONS = ("1.28", "1.31", "1.34")

pytestmark = needs_kubectl


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_kubernetes_knows_every_field(variant: str, version: str) -> None:
    for document in rendered(variant):
        kubernetes_validate.validate(document, version, strict=True)


def test_a_misspelt_field_is_found() -> None:
    (workload,) = [each for each in rendered("all") if each["kind"] == "StatefulSet"]
    wrong = json.loads(
        json.dumps(workload).replace("terminationGracePeriodSeconds", "terminationGracePeriod")
    )
    kubernetes_validate.validate(workload, VERSIONS[-1], strict=True)
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriod"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)
