"""A data set that is handed on as a list is the same data set on another machine, to the bit."""

import dataclasses
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from corpus.manifests.about import About, schema_about
from corpus.records import MANIFEST, original_path, version_of
from curation.manifest import main as manifest
from curation.run import main as curate
from demo.uploads.upload import read_listing
from shards.index import read_index
from tests.conftest import dask_scheduler

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CURATION = {
    "curation": {"workers": 1, "test": 0.3, "validation": 0.2},
    "shards": {"tile_px": 96, "tiles_per_photo": 2, "shard_photos": 3},
}
VERDICT = ("photo", "version", "kept", "reasons", "group", "has_side", "split", "fold")


def ran(main: Callable[[list[str]], int], crawler: Any, *arguments: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it prints."""
    out = io.StringIO()
    (crawler.folder / "pipelines.yaml").write_text(yaml.safe_dump(crawler.tree))
    with redirect_stdout(out):
        code = main(["--config", str(crawler.folder / "pipelines.yaml"), *arguments])
    return code, out.getvalue()


def on_dask() -> tuple[str, str]:
    """Return the arguments of a curation on the worker that all tests share."""
    return "--set", f"clusters.dask_scheduler={dask_scheduler()}"


def tars(crawler: Any) -> dict[str, str]:
    """Return the SHA-256 of each file of the shards but the index's JSON, which names the generation."""
    root = crawler.folder / "data/shards"
    files = [*root.rglob("*.tar"), *root.rglob("*.arrow")]
    return {
        path.name if path.parent.name != "tars" else f"tars/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def verdicts(crawler: Any) -> dict[str, dict[str, Any]]:
    """Return what the newest generation says of each photo; a group counts where it binds the photo to its side."""
    [*_, generation] = crawler.store.done_names("curated")
    rows = crawler.store.read_table(f"curated/{generation}/photos.parquet", list(VERDICT)).to_pylist()
    return {row["photo"]: row | {"group": row["group"] if row["has_side"] else None} for row in rows}


def tiles(crawler: Any) -> dict[str, bytes]:
    """Return the files in all tars of the newest generation, by name."""
    [*_, generation] = crawler.store.done_names("shards")
    found = {}
    for tar in read_index(crawler.store, generation).tars:
        with tarfile.open(crawler.folder / f"data/shards/tars/{tar}") as opened:
            found |= {member.name: opened.extractfile(member).read() for member in opened.getmembers()}
    return found


@dataclasses.dataclass(frozen=True)
class Origin:
    """A data set that was crawled, judged and packed, and its manifest."""

    crawler: Any
    site: Any
    site_folder: Path
    file: Path


@pytest.fixture(scope="module")
def origin(uploads, start_site, make_crawler):
    """Return a data set of both sites."""
    served = uploads.write_again()
    site = start_site(served)
    crawler = make_crawler(site)
    crawler.tree |= CURATION
    for source in ("flickr", "wikimedia"):
        assert crawler.run(source).exit_code == 0
    assert ran(curate, crawler, *on_dask())[0] == 0
    file = crawler.folder / "m.parquet"
    code, said = ran(manifest, crawler, "latest", "-o", str(file))
    assert (code, said.split(": ")[1]) == (0, f"7 photographs of 26 judged, {file.stat().st_size:,} bytes\n")
    return Origin(crawler, site, served.folder, file)


@pytest.fixture
def elsewhere(origin, make_crawler):
    """Return a crawler with the same configuration on an empty store."""
    crawler = make_crawler(origin.site)
    crawler.tree |= CURATION
    return crawler


@dataclasses.dataclass(frozen=True)
class Mirror:
    """A web server that has files by their SHA-256."""

    folder: Path
    url: str


@pytest.fixture
def mirror(tmp_path):
    """Return a mirror without files."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Mirror(tmp_path, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def read_original(crawler: Any, row: dict[str, Any]) -> bytes:
    """Return the bytes of a photograph of the origin."""
    return bytes(crawler.store.read(original_path(row["photo"], row["version"])))


def test_the_same_data_set_comes_out_to_the_bit(origin, elsewhere):
    crawl = elsewhere.run("manifest", own={"file": str(origin.file)})
    assert crawl.exit_code == 0, crawl.log
    assert "7 of 7 photographs are here; gone at the source: 0" in crawl.log
    assert len(list((elsewhere.folder / "data/originals").rglob("*.jpg"))) == 7  # of refused ones the verdict alone
    assert ran(curate, elsewhere, *on_dask())[0] == 0
    assert verdicts(elsewhere) == verdicts(origin.crawler)
    assert tars(elsewhere) == tars(origin.crawler)
    code, said = ran(manifest, elsewhere, "--compare", str(origin.file))
    assert code == 0
    assert "are the same to the bit, 0 lack photographs that are gone, 0 differ otherwise\nnothing else differs" in said


def test_a_mirror_gives_what_it_has_and_sites_give_the_rest(origin, elsewhere, mirror):
    """Also: a crawl that is given again asks for nothing twice, and refused originals come on request alone."""
    kept = [row for row in pq.read_table(origin.file).to_pylist() if row["kept"]]
    for row in kept[2:]:
        (mirror.folder / f"{row['sha256']}.jpg").write_bytes(read_original(origin.crawler, row))
    (mirror.folder / f"{kept[1]['sha256']}.jpg").write_bytes(b"\xff\xd8 something else \xff\xd9")
    asked = len(origin.site.requests)
    own = {"file": str(origin.file)}
    crawl = elsewhere.run("manifest", own=own | {"mirror": f"{mirror.url}/{{sha256}}.jpg"})
    assert crawl.exit_code == 0, crawl.log
    assert "5 of 7 photographs are here" in crawl.log
    assert "not fetched yet: 2" in crawl.log
    assert len(origin.site.requests) == asked
    assert "7 of 7 photographs are here" in elsewhere.run("manifest", own=own).log
    assert len(origin.site.requests) == asked + 2
    assert elsewhere.run("manifest", own=own).exit_code == 0
    assert len(origin.site.requests) == asked + 2
    with_refused = elsewhere.run("manifest", own=own | {"refused": "fetch"})
    assert with_refused.exit_code == 0, with_refused.log
    fetched = {row["photo"] for row in elsewhere.rows("manifest") if row["state"] == "stored"}
    duplicates = {photo for photo, row in verdicts(origin.crawler).items() if row["reasons"] == ["duplicate"]}
    assert fetched == {row["photo"] for row in kept} | duplicates


def test_what_fails_waits_longer_each_time_and_what_a_mirror_lacks_does_not(make_crawler, origin, mirror):
    crawler = make_crawler(origin.site)
    sha256 = "ab" * 32
    said = {"photo": "folder:a.jpg", "version": version_of(sha256), "source": "folder", "sha256": sha256}
    file = crawler.folder / "list.parquet"
    pq.write_table(pa.Table.from_pylist([dict.fromkeys(MANIFEST.names) | said], schema_about(About())), file)
    found = []
    for asked in ({"mirror": f"{mirror.url}/{{sha256}}.jpg"},) * 2 + ({},) * 2:  # no site serves it
        crawl = crawler.run("manifest", own={"file": str(file), **asked})
        assert crawl.exit_code == 0, crawl.log
        found += [row["attempts"] for row in crawler.rows("manifest")]
    assert found == [1, 1, 2, 2], "the last one has to wait an hour"


def test_another_host_ends_the_crawl_before_it_begins(origin, elsewhere):
    elsewhere.tree["sources"]["flickr"]["hosts"] = elsewhere.tree["sources"]["wikimedia"]["hosts"] = ["localhost"]
    elsewhere.tree["sources"]["flickr"]["api_url"] = "http://localhost/"
    asked = len(origin.site.requests)
    crawl = elsewhere.run("manifest", own={"file": str(origin.file)})
    assert crawl.exit_code == 2
    assert "host 127.0.0.1 is not one of the source's hosts: localhost, localhost; nothing was fetched" in crawl.log
    assert len(origin.site.requests) == asked
    assert elsewhere.store.names("manifests") == elsewhere.store.names("crawl") == []


def test_what_is_gone_is_named_and_the_rest_is_equal(origin, elsewhere):
    there = verdicts(origin.crawler)
    kept = [photo for photo, row in there.items() if row["kept"]]
    deleted, changed = kept[0], kept[-1]
    uploads = {f"{each.site}:{each.id}": each for each in read_listing(origin.site_folder)[0]}
    changed_file = origin.site_folder / uploads[changed].file
    before = changed_file.read_bytes()
    (origin.site_folder / uploads[deleted].file).unlink()
    changed_file.write_bytes(before[:-3] + b"\0\xff\xd9")
    crawl = elsewhere.run("manifest", own={"file": str(origin.file)})
    assert crawl.exit_code == 0, crawl.log
    assert "5 of 7 photographs are here; gone at the source: 1, other bytes there now: 1" in crawl.log
    assert ran(curate, elsewhere, *on_dask())[0] == 0
    here = verdicts(elsewhere)
    assert here[deleted]["reasons"] == ["deleted_at_source"]
    assert here[changed]["reasons"] == ["changed_at_source"]
    rest = there.keys() - {deleted, changed}
    assert {photo: here[photo] for photo in rest} == {photo: there[photo] for photo in rest}
    packed, of_all = tiles(elsewhere), tiles(origin.crawler)
    assert packed == {name: of_all[name] for name in packed}
    assert len({name.partition("_")[0] for name in packed}) == 5
    code, said = ran(manifest, elsewhere, "--compare", str(origin.file), "--json")
    found = json.loads(said)
    assert {one["photo"]: one["reason"] for one in found["gone"]} == {
        deleted: "deleted_at_source",
        changed: "changed_at_source",
    }
    assert sum(of["gone"] for of in found["cameras"].values()) == 2
    assert (code, found["is_equal"], found["differs"]) == (0, True, {})
