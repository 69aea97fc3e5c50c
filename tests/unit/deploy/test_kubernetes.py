"""The manifests, as kustomize renders them, against what claimx does."""

from pathlib import Path

import pytest
import yaml

from claimx import __version__
from claimx.config.load import load
from claimx.config.tree import Settings
from claimx.domain.stage_names import STAGES, health_port, roles_of
from support.command_line import read
from support.commands import claimx
from support.manifests import FOLDER, VARIANTS, Pod, needs_kubectl, pods, rendered

SECRETS = "/run/secrets/claimx"


def processes() -> list[Pod]:
    """Those that run the pipeline."""
    return [pod for variant in ("", "all") for pod in pods(variant)]


def stages(pod: Pod) -> tuple[str, ...]:
    (container,) = pod.containers
    return read(container["args"])["stages"]


def settings(pod: Pod, place: Path) -> Settings:
    """What the first pod would load, its secret in a file that is here."""
    (place / "api-token").write_text("dXNlcjpwYXNzd29yZA==")
    file = place / "claimx.toml"
    file.write_text(pod.config.replace(SECRETS, str(place)))
    return load(file, pod.environ()).settings


def test_every_file_is_yaml_that_a_kustomization_names() -> None:
    for path in FOLDER.rglob("*.yaml"):
        assert [*yaml.safe_load_all(path.read_text())]
        if path.name != "kustomization.yaml":
            named = yaml.safe_load(path.with_name("kustomization.yaml").read_text())["resources"]
            assert path.name in named, path


@needs_kubectl
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_command_line_is_one_that_claimx_takes(variant: str) -> None:
    for pod in pods(variant):
        for container in pod.containers:
            assert read(container["args"]) is not None
            assert container["image"] == f"claimx:{__version__}"


@needs_kubectl
def test_there_is_a_role_each_and_one_that_has_them_all() -> None:
    assert sorted(stages(pod) for pod in pods("")) == sorted((name,) for name in STAGES)
    assert {pod.name for pod in pods("")} == {f"claimx-{name}" for name in STAGES}
    assert [stages(pod) for pod in pods("all")] == [STAGES]


@needs_kubectl
def test_the_configuration_is_good(tmp_path: Path) -> None:
    (tmp_path / "api-token").write_text("dXNlcjpwYXNzd29yZA==")
    for variant in VARIANTS:
        for pod in pods(variant):
            (tmp_path / "claimx.toml").write_text(pod.config.replace(SECRETS, str(tmp_path)))
            claimx("config", "check", "--strict", "-c", tmp_path / "claimx.toml")


@needs_kubectl
def test_a_process_has_the_name_of_its_pod_and_its_delay_queue_on_a_disk_of_its_own(tmp_path: Path) -> None:
    for pod in processes():
        got = settings(pod, tmp_path)
        assert got.process.instance == f"{pod.name}-0"
        (container,) = pod.containers
        mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
        (claim,) = pod.spec["volumeClaimTemplates"]
        assert mounts[got.process.state_dir] == claim["metadata"]["name"]
        assert pod.kind == "StatefulSet"
        assert {*pod.spec["persistentVolumeClaimRetentionPolicy"].values()} == {"Retain"}


@needs_kubectl
def test_download_and_upload_see_one_spool_where_they_are_apart(tmp_path: Path) -> None:
    claims = set()
    for pod in processes():
        got = settings(pod, tmp_path)
        if roles_of(stages(pod), {"enrich": "auto", "download": "auto", "upload": "auto"}).shares_spool:
            mounts = {each["mountPath"]: each["name"] for each in pod.containers[0]["volumeMounts"]}
            volumes = {each["name"]: each for each in pod.body["volumes"]}
            volume = volumes[mounts[str(got.download.spool_url).removeprefix("file://")]]
            claims.add(volume["persistentVolumeClaim"]["claimName"])
        else:
            assert got.download.spool_url is None
    made = {each["metadata"]["name"] for each in rendered("") if each["kind"] == "PersistentVolumeClaim"}
    assert claims == made == {"claimx-spool"}


@needs_kubectl
def test_a_pod_is_given_the_time_to_drain(tmp_path: Path) -> None:
    for pod in processes():
        drain_s = settings(pod, tmp_path).limits.drain_s
        assert pod.body["terminationGracePeriodSeconds"] == drain_s + 30


@needs_kubectl
def test_probes_ask_the_port_of_the_role() -> None:
    for pod in processes():
        (container,) = pod.containers
        (port,) = container["ports"]
        assert port["containerPort"] == health_port(stages(pod))
        for name, path in (("startup", "/startupz"), ("liveness", "/livez"), ("readiness", "/readyz")):
            assert container[f"{name}Probe"]["httpGet"] == {"path": path, "port": port["name"]}
        notes = pod.spec["template"]["metadata"]["annotations"]
        assert notes["prometheus.io/port"] == str(port["containerPort"])
        (service,) = [
            each
            for variant in ("", "all")
            for each in rendered(variant)
            if each["kind"] == "Service" and each["metadata"]["name"] == pod.spec["serviceName"]
        ]
        assert service["spec"]["ports"][0]["port"] == port["containerPort"]


@needs_kubectl
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_container_may_nothing_and_writes_only_where_something_is_mounted(variant: str) -> None:
    for pod in pods(variant):
        assert pod.body["enableServiceLinks"] is False
        assert pod.body["automountServiceAccountToken"] is False
        assert pod.body["securityContext"]["runAsNonRoot"] is True
        assert pod.body["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert all("sizeLimit" in each["emptyDir"] for each in pod.body["volumes"] if "emptyDir" in each)
        for container in pod.containers:
            held = container["securityContext"]
            assert held["readOnlyRootFilesystem"] is True
            assert held["allowPrivilegeEscalation"] is False
            assert held["capabilities"] == {"drop": ["ALL"]}
            assert "/tmp" in {each["mountPath"] for each in container["volumeMounts"]}
            assert container["resources"]["limits"]["memory"]


@needs_kubectl
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_secret_is_in_a_manifest(variant: str) -> None:
    assert not [each for each in rendered(variant) if each["kind"] == "Secret"]
    for pod in pods(variant):
        (volume,) = [each for each in pod.body["volumes"] if "secret" in each]
        assert volume["secret"]["defaultMode"] == 0o440
        for container in pod.containers:
            mounts = {each["name"]: each for each in container["volumeMounts"]}
            assert mounts[volume["name"]]["mountPath"] == SECRETS
            assert not [each for each in container.get("env", ()) if "secretKeyRef" in str(each)]


@needs_kubectl
@pytest.mark.parametrize("variant", ["", "all"])
def test_each_process_has_a_budget_and_the_policy_lets_its_port_in(variant: str) -> None:
    documents = rendered(variant)
    budgets = [each["spec"] for each in documents if each["kind"] == "PodDisruptionBudget"]
    (policy,) = [each["spec"] for each in documents if each["kind"] == "NetworkPolicy"]
    ((span,),) = [each["ports"] for each in policy["ingress"]]
    for pod in pods(variant):
        labels = pod.spec["template"]["metadata"]["labels"]
        assert pod.spec["selector"]["matchLabels"].items() <= labels.items()
        assert [each for each in budgets if each["selector"]["matchLabels"].items() <= labels.items()]
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()
        assert span["port"] <= health_port(stages(pod)) <= span["endPort"]
