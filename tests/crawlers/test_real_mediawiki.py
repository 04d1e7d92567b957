"""`scrapy crawl wikimedia` against a real MediaWiki on this machine, where its parts are installed."""

import collections
import csv
import dataclasses
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import yaml

pytestmark = pytest.mark.slow


def _two_free_ports() -> int:
    """Return a port that is free together with the one above it, which the wiki's PHP takes."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return int(port)


@dataclasses.dataclass(frozen=True)
class _Wiki:
    api_url: str
    folder: Path

    def downloads(self):
        """Return how many requests of originals nginx has served."""
        lines = (self.folder / "nginx" / "access.log").read_text().splitlines()
        return sum('"GET /images/' in line for line in lines)


def _some(photos, folder, each):
    """Make a collection of the first originals of each camera, and of five times as many messy photographs in all."""
    with (photos / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    seen = collections.Counter()
    chosen = []
    for row in rows:
        kind = (row["make"], row["model"]) if row["kind"] == "original" else row["kind"]
        seen[kind] += 1
        if seen[kind] <= (each if row["kind"] == "original" else 5 * each):
            chosen.append(row)
    folder.mkdir()
    for row in chosen:
        (folder / row["file"]).parent.mkdir(parents=True, exist_ok=True)
        (folder / row["file"]).symlink_to(photos / row["file"])
    with (folder / "index.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(chosen)


@pytest.fixture(scope="module")
def wiki(shared):
    """Start the wiki with two photographs of each camera ($SHUTTERPRINT_WIKI_PHOTOS, 0: all); stop it at the end."""
    serve = shared / "mediawiki" / "serve"
    each = int(os.environ.get("SHUTTERPRINT_WIKI_PHOTOS", "2"))
    parts = [shutil.which("nginx"), shutil.which("php"), Path("/usr/share/mediawiki").is_dir(), serve.is_file()]
    if not all(parts):
        pytest.skip("no MediaWiki, PHP or nginx on this machine")
    port = _two_free_ports()
    with tempfile.TemporaryDirectory(prefix="wiki-") as folder:
        Path(folder).chmod(0o755)  # nginx reads the originals under another user
        if each:  # the wiki is of the photographs beside the command
            _some(shared / "photos", Path(folder) / "photos", each)
            (Path(folder) / "mediawiki").mkdir()
            serve = Path(shutil.copy(serve, Path(folder) / "mediawiki"))
        process = subprocess.Popen(
            ["bash", str(serve), f"{folder}/served", str(port)],
            env=os.environ | {"PHOTOS": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            ready = next((line for line in process.stdout if line.startswith("ready:")), None)
            assert ready is not None, "the wiki did not come up"
            yield _Wiki(ready.partition(" ")[2].strip(), Path(folder) / "served")
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _asked(api_url, **parameters):
    """Return the wiki's own answer to a query that is not the crawler's."""
    return requests.get(
        api_url, {"action": "query", "format": "json", "formatversion": "2", **parameters}, timeout=30
    ).json()["query"]


@pytest.mark.photos
def test_every_original_of_a_real_wiki_arrives_with_its_sha1(wiki, shared_photos, make_crawler):
    api_url = wiki.api_url
    with (shared_photos / "index.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    models = sorted({(row["make"], row["model"]) for row in listed if row["kind"] == "original"})
    categories = [each["category"] for each in _asked(api_url, list="allcategories", aclimit="500")["allcategories"]]
    files = _asked(api_url, list="allimages", ailimit="500", aiprop="sha1|size")["allimages"]
    crawler = make_crawler()
    catalogue = {
        f"camera-{number}": {"name": model, "make": [make], "model": [model], "sizes": ["10x10"], "software": ["*"]}
        for number, (make, model) in enumerate(models)
    }
    (crawler.folder / "cameras.yaml").write_text(yaml.safe_dump(catalogue))
    section = {"api_url": api_url, "hosts": ["127.0.0.1"], "depth": 1, "megabits_per_s": None}
    section |= {"since": datetime.now(UTC).date().isoformat()}  # a year of each category is a call
    # the files have been added a moment ago, later than the last full hour
    section |= {"categories": categories, "until": datetime.now(UTC).isoformat(timespec="seconds")}
    crawler.tree |= {
        "catalogue": str(crawler.folder / "cameras.yaml"),
        "rules": {"quality_factor_min": 1, "native_size": False},
        "sources": {"wikimedia": section},
    }
    crawl = crawler.run("wikimedia")
    assert crawl.exit_code == 0, crawl.log
    rows = crawler.rows("wikimedia")
    assert {row["site_sha1"] for row in rows} == {each["sha1"] for each in files}
    assert {row["state"] for row in rows} == {"stored", "refused"}
    stored = [row for row in rows if row["state"] == "stored"]
    originals = {row["blob"][:10] for row in listed if row["kind"] == "original"}
    expected = {row["title"] for row in rows if row["title"].removesuffix(".jpg")[-10:] in originals}
    assert len(expected) >= 30
    assert expected <= {row["title"] for row in stored}
    for row in stored:
        data = crawler.store.read(row["original"])
        assert hashlib.sha1(data).hexdigest() == row["site_sha1"]
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
    assert {row["owner_id"] for row in rows} == {"Admin"}
    assert {row["licence"] for row in rows} == {None}
    before, downloads = crawler.tree_of_bytes(), wiki.downloads()
    assert downloads >= len(stored)
    assert crawler.run("wikimedia").exit_code == 0
    assert crawler.tree_of_bytes() == before
    assert wiki.downloads() == downloads
