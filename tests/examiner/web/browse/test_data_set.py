"""The data set and the runs on the web page: what a store holds, and nothing that lies beside it."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image
from starlette.testclient import TestClient

from corpus.configuration import read_configuration
from corpus.records import CURATED
from corpus.storage import Store, open_store
from corpus.takedowns import takedown
from examiner.web.app import build
from examiner.web.gate.access import Access
from examiner.web.limits import Limits

FIRST, SECOND, RUN = "0001-aaaa", "0002-bbbb", "0001-0002-bbbb-cccc"
PAGE = "<!doctype html><style>b { color: red }</style><script>alert(1)</script><b>figures</b>"


def row(number: int, **columns: Any) -> dict[str, Any]:
    kept = number % 3 > 0
    usual = {
        "photo": f"folder:{number:03d} a.jpg", "version": f"v{number % 2}", "source": "folder", "kept": kept,
        "reasons": [] if kept else ["low_quality_factor"], "camera": "alder-c1" if number % 2 else "borea-n5",
        "group": "g", "has_side": kept, "split": "train" if kept else None, "editor_marks": [], "size_bytes": 1000,
        "original": f"originals/folder/{number:03d}.jpg" if number < 3 else None, "page_url": "javascript:alert(1)",
        "owner_name": "A Person",
    }  # fmt: skip
    return dict.fromkeys(CURATED.names) | usual | columns


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, photograph: bytes) -> Store:
    """Return a store of two generations of 120 photographs and a run, with a secret beside it."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "secret.jpg").write_bytes(photograph)
    (folder / "secret.html").write_text("secret")
    store = open_store(str(folder / "store"))
    store.publish("originals/folder/001.jpg", photograph)
    store.publish("originals/folder/002.jpg", b"no picture")
    for name, last in ((FIRST, 100), (SECOND, 120)):
        rows = [row(number) for number in range(last)]
        rows[5]["original"] = "../secret.jpg"  # whoever can write to the store still does not reach beyond it
        directory = f"curated/{name}"
        store.publish_table(f"{directory}/photos.parquet", pa.Table.from_pylist(rows, CURATED))
        step = {"reason": "low_quality_factor", "refused": 40, "alone": 40, "remaining": 80, "meaning": "…"}
        cameras = {key: {"name": key, "kept": 40, "photos": 60} for key in ("alder-c1", "borea-n5")}
        store.publish_json(f"{directory}/funnel.json", {
            "photos": last, "kept": 80, "kept_bytes": 80_000, "cameras": cameras, "funnel": [step],
        })  # fmt: skip
        store.publish_json(f"{directory}/natives.json", [])
        store.mark_done(directory, {})
    store.publish("curated/0003-unfinished/photos.parquet", b"")
    store.publish_json(f"runs/{RUN}/config.json", {"generation": SECOND})
    store.publish_json(f"runs/{RUN}/evaluation.json", {"accuracy": {"unaltered": 0.9}, "photos": 10})
    store.publish(f"runs/{RUN}/evaluation.html", PAGE.encode())
    store.publish(f"runs/{RUN}/weights.safetensors", b"weights")
    lines = [json.dumps({"epoch": each, "loss": 1 / each if each < 3 else float("nan")}) for each in range(1, 4)]
    store.publish(f"runs/{RUN}/metrics.jsonl", "\n".join([*lines, '{"epoch": 4, "lo']).encode())
    store.mark_done(f"runs/{RUN}", {"unaltered": 0.9, "photos": 10})
    store.publish_json("runs/0002-unfinished/config.json", {})
    return store


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[TestClient]:
    """Return a client of the page over that store."""
    path = Path(store.url).with_name("pipelines.yaml")
    path.write_text(f"storage: {store.url}\n")
    guard = build(lambda data, name: {}, read_configuration(str(path)), Access(), Limits())
    with TestClient(guard, base_url="http://127.0.0.1:8321") as opened:
        yield opened


def photographs(client: TestClient, generation: str = SECOND, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/generations/{generation}/photographs", params=query).json()
    return found


def test_whole_generations_are_listed_the_newest_first(client: TestClient) -> None:
    assert [each["name"] for each in client.get("/api/generations").json()] == [SECOND, FIRST]
    assert client.get(f"/api/generations/{FIRST}").json()["photos"] == 100


def test_photographs_come_page_by_page_each_once(client: TestClient) -> None:
    found, after = [], ""
    while after is not None:
        page = photographs(client, after=after)
        found += [each["photo"] for each in page["photographs"]]
        after = page["after"]
    assert found == [f"folder:{number:03d} a.jpg" for number in range(120)]


def test_photographs_are_chosen_by_camera_and_reason(client: TestClient) -> None:
    refused = photographs(client, camera="alder-c1", reason="low_quality_factor")["photographs"]
    assert len(refused) == 20
    assert {each["camera"] for each in refused} == {"alder-c1"}
    assert all("low_quality_factor" in each["reasons"] for each in refused)
    assert all(each["kept"] for each in photographs(client, reason="kept")["photographs"])
    assert photographs(client, camera="none")["photographs"] == []


def test_neither_people_nor_paths_are_told(client: TestClient) -> None:
    text = client.get(f"/api/generations/{SECOND}/photographs").text
    assert "A Person" not in text
    assert "originals/" not in text


def test_a_photograph_has_a_thumbnail(client: TestClient) -> None:
    answer = client.get(f"/api/generations/{SECOND}/thumbnail", params={"photo": "folder:001 a.jpg", "version": "v1"})
    assert answer.headers["content-type"] == "image/jpeg"
    assert max(Image.open(io.BytesIO(answer.content)).size) == 144


@pytest.mark.parametrize(
    ("photo", "version"),
    [
        ("folder:000 a.jpg", "v0"), ("folder:002 a.jpg", "v0"), ("folder:005 a.jpg", "v1"), ("folder:001 a.jpg", "v0"),
        ("../secret.jpg", ""), ("/etc/passwd", ""), ("originals/folder/001.jpg", ""),
    ],
)  # fmt: skip
def test_what_is_no_photograph_of_the_generation_has_none(client: TestClient, photo: str, version: str) -> None:
    answer = client.get(f"/api/generations/{SECOND}/thumbnail", params={"photo": photo, "version": version})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "photo", ["/etc/hostname", "../secret.jpg", "{store}/../secret.jpg", "originals/folder/001.jpg"]
)
def test_no_file_is_explained_by_its_path(client: TestClient, store: Store, photo: str) -> None:
    photo = photo.replace("{store}", store.url)
    answer = client.get(f"/api/generations/{SECOND}/explanation", params={"photo": photo})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "..%2f..%2fsecret", "0003-unfinished", "latest", "", "a/b", ".", "\0"]
)
def test_names_are_looked_up_in_the_listing_only(client: TestClient, name: str) -> None:
    for path in (f"/api/generations/{name}/photographs", f"/api/runs/{name}/pages/evaluation"):
        assert client.get(path.replace("\0", "%00")).status_code == 404


def test_two_generations_are_compared(client: TestClient) -> None:
    found = client.get("/api/differences", params={"before": FIRST, "after": SECOND}).json()
    assert (found["new"], found["gone"], found["split_changed"]["photos"]) == (20, 0, 0)
    assert client.get("/api/differences", params={"before": "..", "after": SECOND}).status_code == 404


def test_what_was_taken_down_since_is_not_shown(client: TestClient, store: Store) -> None:
    takedown(store, "folder:001 a.jpg")
    try:
        assert "folder:001 a.jpg" not in [each["photo"] for each in photographs(client)["photographs"]]
        asked = {"photo": "folder:001 a.jpg", "version": "v1"}
        assert client.get(f"/api/generations/{SECOND}/thumbnail", params=asked).status_code == 404
    finally:
        store.remove("takedowns")


def test_runs_are_listed_with_their_figures_and_curves(client: TestClient) -> None:
    assert [(each["name"], each["finished"]) for each in client.get("/api/runs").json()] == [
        ("0002-unfinished", False), (RUN, True),
    ]  # fmt: skip
    told = client.get(f"/api/runs/{RUN}").json()
    assert told["unaltered"] == 0.9
    assert [each["epoch"] for each in told["metrics"]] == [1, 2, 3]
    assert told["metrics"][2]["loss"] is None  # it was no number, which JSON does not have
    assert told["pages"] == ["evaluation"]


def test_a_stored_page_is_a_site_of_its_own_without_scripts(client: TestClient) -> None:
    answer = client.get(f"/api/runs/{RUN}/pages/evaluation")
    policy = answer.headers["content-security-policy"]
    assert answer.text == PAGE
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    "page", ["weights.safetensors", "config.json", "..%2f..%2f..%2fsecret.html", "report", "evaluation.html"]
)
def test_no_other_file_of_a_run_is_given(client: TestClient, page: str) -> None:
    assert client.get(f"/api/runs/{RUN}/pages/{page}").status_code == 404
