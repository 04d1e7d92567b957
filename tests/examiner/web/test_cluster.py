"""The page on Ray Serve: it answers as the page of one process does, and the terminal shows nothing of Ray."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from corpus.errors import StageError
from examiner.web.app import build
from examiner.web.gate.access import Access
from examiner.web.workers import Workers

WITHIN_S = 420.0
"""Ray starts some ten processes, and each examiner loads and compiles what the examinations need."""
STARTS = 5
"""A Ray that is not up after its own 30 s gives up, as on a machine that does much else."""
HEADERS = {"X-Shutterprint": "1", "Content-Type": "application/octet-stream"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a configuration of a store that holds nothing."""
    pytest.importorskip("ray.serve", reason="Ray Serve is not installed: pip install 'ray[serve]'")
    folder = tmp_path_factory.mktemp("on_ray")
    (folder / "pipelines.yaml").write_text(f"storage: {folder / 'store'}\n")
    return folder / "pipelines.yaml"


@pytest.fixture(scope="module")
def served(configuration: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Return the command that serves the page on a Ray of its own, and the page's address."""
    command = [sys.executable, "-m", "pipelines.shutterprint", "serve", "--ray", "--port", "0", "--at-once", "1"]
    without = ("SHUTTERPRINT_TOKEN", "RAY_ADDRESS")
    environment = {name: value for name, value in os.environ.items() if name not in without}
    for _ in range(STARTS):
        with subprocess.Popen(
            [*command, "--config", str(configuration)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            if address:
                yield process, address
                process.terminate()
                return
            said = process.communicate(timeout=WITHIN_S)[1]
        assert "when the machine is less busy" in said, said
    raise AssertionError(said)


def examined(post: Callable[..., Any], get: Callable[..., Any], data: bytes) -> dict[str, Any]:
    """Return what the page says of a file when its examination is over."""
    begun = post("/api/examinations", params={"name": "harbour.jpg"}, content=data, headers=HEADERS)
    assert begun.status_code == 202, begun.text
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        answer: dict[str, Any] = get(f"/api/examinations/{begun.json()['key']}").json()
        if answer["state"] in ("done", "failed"):
            return answer
        time.sleep(0.2)
    raise AssertionError(f"the examination is not over after {WITHIN_S:.0f} s")


def test_a_photograph_is_examined_as_by_the_page_of_one_process_and_ray_is_not_heard(
    served: tuple["subprocess.Popen[str]", str], photograph: bytes
) -> None:
    process, address = served
    assert address.startswith("http://127.0.0.1:")
    with httpx.Client(base_url=address, timeout=60) as client:
        on_ray = examined(client.post, client.get, photograph)
        assert client.get("/").headers["content-security-policy"].startswith("default-src 'none'")
        assert client.get("/api/generations").json() == []
        assert client.post("/api/examinations", content=photograph).status_code == 403
    with Workers(1) as workers, TestClient(build(workers.examine, None, Access()), base_url="http://localhost") as here:
        expected = examined(here.post, here.get, photograph)
    assert on_ray["state"] == expected["state"] == "done"
    assert on_ray["report"] == expected["report"]
    process.terminate()
    said = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, *said) == (0, "", "")


def test_more_examinations_at_once_than_the_cluster_has_cpus_for_is_a_sentence(configuration: Path) -> None:
    from examiner.web.cluster.serving import check_resources

    check_resources({"CPU": 4.0, "GPU": 1.0}, 4)
    with pytest.raises(StageError, match=r"--at-once: 5 .* but the Ray cluster has 4; give --at-once 4 or fewer"):
        check_resources({"CPU": 4.0}, 5)


def test_rays_own_configuration_files_name_the_same_application(configuration: Path) -> None:
    from examiner.web.cluster.deployment import Settings, application

    settings = Settings.model_validate({"config": str(configuration), "examiners": 3, "upload_mb": 8})
    assert (settings.limits.examinations_at_once, settings.limits.upload_max_bytes) == (3, 8 << 20)
    assert application(settings) is not None
    with pytest.raises(ValueError, match="photographs"):
        Settings.model_validate({"config": str(configuration), "photographs": 1})
