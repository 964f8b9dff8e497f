"""The Kubernetes manifests: their schemas, and what they must say of safety."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from syncd import __version__, plugins
from syncd.config import load
from tests.deploy.world import DEPLOY, listening

FOLDER = DEPLOY / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
NOT_APPLIED = {"kustomization.yaml", "secret.example.yaml"}


def _read(name: str) -> dict[str, Any]:
    (found,) = yaml.safe_load_all((FOLDER / name).read_text("utf-8"))
    assert isinstance(found, dict)
    return found


POD: dict[str, Any] = _read("deployment.yaml")["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.yaml")))
def test_a_manifest_follows_its_schema(name: str) -> None:
    """Kustomize adds to a deployment what its selector and image are; that is validated below."""
    found = _read(name)
    if found["kind"] == "Kustomization":
        return
    if found["kind"] == "Deployment":
        found["spec"]["selector"] = {"matchLabels": {"app": "syncd"}}
        found["spec"]["template"]["metadata"] = {"labels": {"app": "syncd"}}
    _validate(found)


def test_everything_is_applied() -> None:
    assert set(KUSTOMIZATION["resources"]) == {
        path.name for path in FOLDER.glob("*.yaml") if path.name not in NOT_APPLIED
    }


@pytest.mark.skipif(
    shutil.which("kubectl") is None,
    reason="kubectl comes from no package index; every file is validated above without it",
)
def test_what_kustomize_makes_of_it() -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = {each["kind"]: each for each in yaml.safe_load_all(done.stdout)}
    for each in found.values():
        _validate(each)
        if each["kind"] != "Namespace":
            assert each["metadata"]["namespace"] == "syncd"
    pod = found["Deployment"]["spec"]["template"]
    assert pod["spec"]["containers"][0]["image"] == f"syncd:{__version__}"
    config = found["ConfigMap"]
    assert {"configMap": {"name": config["metadata"]["name"]}, "name": "config"} in pod["spec"][
        "volumes"
    ]
    assert found["Service"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


def test_two_never_share_a_state() -> None:
    spec = _read("deployment.yaml")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}


def test_the_pod_has_no_rights() -> None:
    """What the namespace enforces: the profile "restricted" of the Pod Security Standards."""
    assert _read("namespace.yaml")["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }
    whole, own = POD["securityContext"], CONTAINER["securityContext"]
    assert whole["runAsNonRoot"] is True
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["readOnlyRootFilesystem"] is True
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert POD["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & POD.keys()
    text = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
    assert f"USER {whole['runAsUser']}:{whole['runAsGroup']}\n" in text
    assert whole["fsGroup"] == whole["runAsGroup"]


def test_it_is_bounded_and_probed() -> None:
    for kind in ("requests", "limits"):
        assert CONTAINER["resources"][kind].keys() == {"cpu", "memory"}
    (port,) = CONTAINER["ports"]
    probes = {key: CONTAINER[key]["httpGet"] for key in CONTAINER if key.endswith("Probe")}
    assert probes == {
        "startupProbe": {"path": "/healthz", "port": port["name"]},
        "livenessProbe": {"path": "/healthz", "port": port["name"]},
        "readinessProbe": {"path": "/readyz", "port": port["name"]},
    }
    listen = tomllib.loads((FOLDER / "syncd.toml").read_text("utf-8"))["daemon"]["listen"]
    assert listen == f"0.0.0.0:{port['containerPort']}"
    (served,) = _read("service.yaml")["spec"]["ports"]
    assert (served["port"], served["targetPort"]) == (port["containerPort"], port["name"])
    (monitored,) = _read("monitoring/servicemonitor.yaml")["spec"]["endpoints"]
    assert (monitored["port"], monitored["path"]) == (served["name"], "/metrics")


def test_it_is_mounted_where_it_looks() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
    mounts = {each["name"]: each for each in CONTAINER["volumeMounts"]}
    assert {each["name"] for each in POD["volumes"]} == mounts.keys()
    assert f"SYNCD_CONFIG={mounts['config']['mountPath']}/syncd.toml" in text
    assert f"CREDENTIALS_DIRECTORY={mounts['credentials']['mountPath']}\n" in text
    assert f"VOLUME {mounts['state']['mountPath']}\n" in text
    assert [name for name, each in mounts.items() if not each.get("readOnly")] == ["state"]


def test_the_network_is_closed_but_for_what_is_named() -> None:
    spec = _read("networkpolicy.yaml")["spec"]
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    assert all(rule.get("from") for rule in spec["ingress"])
    assert {port["port"] for rule in spec["egress"] for port in rule["ports"]} == {53, 443, 5432}


def test_webhooks_are_a_component(tmp_path: Path) -> None:
    """The Ingress leads to the door for vendors and to no health page, by the path that vendors are
    told, and its controller is let in there alone."""
    folder = FOLDER / "webhooks"
    found = {path.stem: _read(f"webhooks/{path.name}") for path in folder.glob("*.yaml")}
    component = found.pop("kustomization")
    assert component["kind"] == "Component"
    (patched,) = component["patches"]
    assert {*component["resources"], patched["path"]} == {f"{name}.yaml" for name in found}
    for name in ("service", "ingress", "networkpolicy"):
        _validate(found[name])
        assert found[name]["metadata"]["name"] == "syncd-hooks"
    patch = found["port"]
    assert patch["metadata"] == _read("deployment.yaml")["metadata"]
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    assert container == {"name": CONTAINER["name"], "ports": [port]}
    assert port["name"] not in {each["name"] for each in CONTAINER["ports"]}
    (served,) = found["service"]["spec"]["ports"]
    assert (served["port"], served["targetPort"]) == (port["containerPort"], port["name"])
    (rule,) = found["ingress"]["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": "syncd-hooks", "port": {"name": served["name"]}}
    (tls,) = found["ingress"]["spec"]["tls"]
    assert tls["hosts"] == [rule["host"]]
    (let_in,) = found["networkpolicy"]["spec"]["ingress"]
    assert let_in["ports"] == [{"protocol": "TCP", "port": port["name"]}]
    assert let_in["from"]
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    for name, text in _read("secret.example.yaml")["stringData"].items():
        (tmp_path / name).write_text(text, "utf-8")
    webhooks = listening(folder / "kustomization.yaml", FOLDER / "syncd.toml", tmp_path, given)
    assert webhooks.url == f"https://{rule['host']}{path['path']}"
    assert (webhooks.listen.host, webhooks.listen.port) == ("0.0.0.0", port["containerPort"])


def test_the_configuration_loads_with_the_secret(tmp_path: Path) -> None:
    """Every credential that it names is a key of the secret, and the other way round."""
    secret = _read("secret.example.yaml")["stringData"]
    for name, text in secret.items():
        (tmp_path / name).write_text(text, "utf-8")
    settings = load(
        FOLDER / "syncd.toml", plugins.Plugins(), {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    )
    assert not settings.warnings
    named = set(re.findall(r"credential = \"(\w+)\"", (FOLDER / "syncd.toml").read_text("utf-8")))
    assert named == secret.keys()
    assert POD["volumes"][1]["secret"]["secretName"] == "syncd"


def _validate(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
