"""A data set that is handed on as a list is the same data set on another machine, to the bit."""

import dataclasses
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from curation.manifest import main as manifest
from curation.run import main as curate
from demo.uploads.upload import read_listing
from shards.index import read_index

pytestmark = pytest.mark.slow

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
    code, _ = ran(curate, crawler)
    assert code == 0
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


def test_the_same_data_set_comes_out_to_the_bit(origin, elsewhere):
    crawl = elsewhere.run("manifest", own={"file": str(origin.file)})
    assert crawl.exit_code == 0, crawl.log
    assert "7 of 7 photographs are here; gone at the source: 0" in crawl.log
    assert len(list((elsewhere.folder / "data/originals").rglob("*.jpg"))) == 7  # of refused ones the verdict alone
    assert ran(curate, elsewhere)[0] == 0
    assert verdicts(elsewhere) == verdicts(origin.crawler)
    assert tars(elsewhere) == tars(origin.crawler)
    code, said = ran(manifest, elsewhere, "--compare", str(origin.file))
    assert code == 0
    assert "are the same to the bit, 0 lack photographs that are gone, 0 differ otherwise\nnothing else differs" in said


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
    assert ran(curate, elsewhere)[0] == 0
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
