"""The manifests of deploy/kubernetes, as kustomize renders them."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.containerfile import environ

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
VARIANTS = ("", "all", "init")
IMAGE = environ((FOLDER.parents[1] / "Containerfile").read_text())

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl here to render with")
Document = Mapping[str, Any]


@cache
def rendered(variant: str) -> list[Document]:
    done = subprocess.run(
        ["kubectl", "kustomize", FOLDER / variant], capture_output=True, text=True, timeout=60, check=True
    )
    return [*yaml.safe_load_all(done.stdout)]


@dataclass(frozen=True)
class Pod:
    """One workload's pods."""

    name: str
    kind: str
    spec: Document
    body: Document
    config: str

    @property
    def containers(self) -> list[Document]:
        return [*self.body.get("initContainers", ()), *self.body["containers"]]

    def environ(self) -> dict[str, str]:
        """As the first pod sees it."""
        (container,) = self.containers
        return IMAGE | {each["name"]: each.get("value", f"{self.name}-0") for each in container["env"]}


def pods(variant: str) -> Iterator[Pod]:
    documents = rendered(variant)
    (config,) = [each["data"]["claimx.toml"] for each in documents if each["kind"] == "ConfigMap"]
    for each in documents:
        if each["kind"] in {"StatefulSet", "Job"}:
            yield Pod(
                each["metadata"]["name"], each["kind"], each["spec"], each["spec"]["template"]["spec"], config
            )
