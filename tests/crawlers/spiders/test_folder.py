"""`scrapy crawl folder` over small trees of every layout and of odd files, and over the real photographs."""

import csv
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from scrapy.crawler import Crawler as ScrapyCrawler

from corpus.cameras.catalogue import Catalogue
from corpus.errors import ConfigurationError
from corpus.sections import Rules
from corpus.storage import open_store
from crawlers.folder.ingest import FileIngester, listed_file
from crawlers.spiders.folder import FolderSpider
from crawlers.vetting.door import Door

pytestmark = pytest.mark.slow

ODD_NAMES = {
    b"caf\xe9 #1.jpg": "caf\\xe9 #1.jpg",
    b"caf\\xe9 #1.jpg": "caf\\\\xe9 #1.jpg",
    b"line\nbreak.jpg": "line\\nbreak.jpg",
    b"%2e%2e%2fup.jpg": "%2e%2e%2fup.jpg",
    b"y" * 251 + b".jpg": "y" * 251 + ".jpg",
}
"""Names of files → as their rows have them."""


def plant(uploads, root, files):
    """Copy photographs to paths below a root; `files`: path → name of the photograph."""
    for path, name in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(uploads.folder / name, target)
    return root


def plant_tree(uploads, root):
    """Make a tree with every kind of photograph in two directories, and with files that are no photographs."""
    names = sorted(path.name for path in uploads.folder.glob("*.jpg"))
    plant(uploads, root, {f"{('second/part', 'Acme One')[i % 2]}/{name}": name for i, name in enumerate(names)})
    (root / "note.txt").write_text("not a photo")
    (root / "Acme One" / "empty.jpg").touch()
    for name in ODD_NAMES:
        (root / os.fsdecode(name)).write_bytes((uploads.folder / "genuine-0.jpg").read_bytes())
    outside = root.with_name("outside")
    plant(uploads, outside, {"secret.jpg": "genuine-1.jpg"})
    (root / "out.jpg").symlink_to("../outside/secret.jpg")
    (root / "more").symlink_to("../outside")
    (root / "Acme One" / "again").symlink_to("..")
    (root / "alias.jpg").symlink_to(next(root.rglob("genuine-0.jpg")).relative_to(root))
    (root / "round.jpg").symlink_to("round.jpg")
    os.mkfifo(root / "pipe.jpg")
    return root


def crawler_of(make_crawler, root, **section):
    crawler = make_crawler()
    crawler.tree["sources"] = {"folder": {"path": str(root), **section}}
    return crawler


def rows_of(crawler):
    """Return the rows by path; fails where a photo has two."""
    rows = crawler.rows("folder")
    by_path = {row["photo"].removeprefix("folder:"): row for row in rows}
    assert len(by_path) == len(rows)
    return by_path


def originals_of(crawler):
    """Return the originals of the stored photos by path."""
    stored = {path: row for path, row in rows_of(crawler).items() if row["state"] == "stored"}
    return {path: Path(crawler.store.path(row["original"])) for path, row in stored.items()}


@pytest.fixture(scope="module")
def crawled(make_crawler, tmp_path_factory, uploads):
    """Return a tree and a crawler that has crawled it."""
    tree = plant_tree(uploads, tmp_path_factory.mktemp("folder") / "tree")
    crawler = crawler_of(make_crawler, tree)
    crawl = crawler.run("folder")
    assert crawl.exit_code == 0, crawl.log
    return tree, crawler


def test_every_file_has_its_row_and_genuine_photos_are_stored_byte_for_byte(crawled, uploads):
    tree, crawler = crawled
    rows = rows_of(crawler)
    files = [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(rows) == len(files) + len(["out.jpg", "more/", "alias.jpg", "round.jpg", "pipe.jpg"])
    reasons = {each.file: each.expected_reasons for each in uploads.of("flickr")}
    for path in files:
        if path.name in reasons:
            row = rows[path.relative_to(tree).as_posix()]
            assert tuple(row["reasons"]) == reasons[path.name]
            assert row["owner_id"] is None  # the whole tree is one owner
            if not reasons[path.name]:
                assert crawler.store.read(row["original"]) == path.read_bytes()
    for name, what in (("note.txt", "plain text"), ("Acme One/empty.jpg", "empty file")):
        assert (rows[name]["reasons"], rows[name]["error"]) == (["not_jpeg"], f"not a JPEG: {what}")
    receipt = crawler.store.read_json("receipts/crawl-folder.json")
    assert receipt["found"] == len(rows)
    shown = {
        row["photo"]
        for reason in crawler.store.names("refused-pictures/folder")
        for name in crawler.store.names(f"refused-pictures/folder/{reason}")
        for row in [crawler.store.read_json(f"refused-pictures/folder/{reason}/{name}")]
    }
    assert shown == {row["photo"] for row in rows.values() if row["facts"] and row["facts"]["thumbnail_bytes"]}
    assert shown


def test_originals_are_files_of_their_own(crawled):
    originals = originals_of(crawled[1])
    assert originals
    assert {path.stat().st_nlink for path in originals.values()} == {1}


def test_names_of_any_bytes_have_distinct_rows(crawled):
    rows = rows_of(crawled[1])
    for name in ODD_NAMES.values():
        assert (rows[name]["state"], rows[name]["title"]) == ("stored", name)


def test_links_that_lead_out_loops_and_pipes_have_failed_rows_with_the_reason(crawled):
    rows = rows_of(crawled[1])
    for path, error, is_transient in [
        ("out.jpg", "leads out of the folder", False),
        ("more/", "leads out of the folder", False),
        ("pipe.jpg", "is a pipe, a socket or a device", False),
        ("round.jpg", "cannot be read: Too many levels of symbolic links", True),
    ]:
        assert (rows[path]["state"], rows[path]["is_transient"]) == ("failed", is_transient)
        assert rows[path]["error"].startswith(error)


@pytest.fixture
def again(crawled, tmp_path):
    """Return a copy of a crawled tree and a crawler with what the crawl has left."""
    tree, crawler = crawled
    shutil.copytree(tree.parent, tmp_path, symlinks=True, ignore=shutil.ignore_patterns("pipe*"), dirs_exist_ok=True)
    copy = tmp_path / "tree"
    shutil.copytree(crawler.folder, tmp_path / "crawl")
    section = {"folder": {"path": str(copy)}}
    return copy, type(crawler)(tmp_path / "crawl", crawler.repository, {**crawler.tree, "sources": section})


def test_a_tree_that_was_mounted_elsewhere_is_known_and_only_new_files_are_read(again, uploads):
    tree, crawler = again
    before = rows_of(crawler)
    crawl = crawler.run("folder")
    assert crawl.exit_code == 0, crawl.log
    known = crawler.tree_of_bytes()
    plant(uploads, tree, {"third/new.jpg": "edited.jpg"})
    for _ in range(2):  # the second finds nothing new
        crawl = crawler.run("folder")
        assert crawl.exit_code == 0, crawl.log
    after = crawler.tree_of_bytes()
    tried = {path: data for path, data in after.items() if known.get(path, data) != data}
    assert all("/top-" in path for path in tried)  # the link to itself is retried
    assert {path.split("-")[0] for path in after.keys() - known.keys()} == {"crawl/folder/third"}
    rows = rows_of(crawler)
    assert rows.pop("third/new.jpg")["reasons"] == ["edited_by_software"]
    assert rows.pop("pipe.jpg")["state"] == "deleted"  # it was left behind
    is_same = [row["state"] == "failed" or row == before[path] for path, row in rows.items()]
    assert all(is_same)


def test_another_layout_reads_the_files_again(again):
    _, crawler = again
    before = rows_of(crawler)
    assert all(row["labelled_camera"] is None for row in before.values())
    crawler.tree["sources"]["folder"]["layout"] = "folders"
    assert crawler.run("folder").exit_code == 0
    labelled = {row["photo"] for row in crawler.rows("folder") if row["labelled_camera"] == "acme-one"}
    assert labelled == {f"folder:{path}" for path in before if path.startswith("Acme One/")}
    # and the rows of the former layout are gone
    assert sorted(row["photo"] for row in crawler.rows("folder")) == sorted(f"folder:{path}" for path in before)


@pytest.fixture(scope="module")
def labelled(make_crawler, tmp_path_factory, uploads):
    """Return a crawler that has crawled a tree whose folders are labels."""
    files = {
        "set/Acme One/kept.jpg": "bare.jpg",
        "acme-two/also kept.jpg": "two.jpg",
        "acme-two/other.jpg": "genuine-0.jpg",
        "Acme One/unknown model.jpg": "stranger.jpg",
        "Acme Nine/a.jpg": "two.jpg",
        "top.jpg": "genuine-2.jpg",
    }
    crawler = crawler_of(make_crawler, plant(uploads, tmp_path_factory.mktemp("labelled"), files), layout="folders")
    crawl = crawler.run("folder")
    assert crawl.exit_code == 0, crawl.log
    return crawler


def test_folders_label_photographs_that_lost_their_exif(labelled):
    rows = rows_of(labelled)
    said = {path: (row["state"], row["labelled_camera"], tuple(row["reasons"])) for path, row in rows.items()}
    contradicted = ("label_disagrees", "software_not_firmware", "not_native_size")
    assert said == {
        "set/Acme One/kept.jpg": ("stored", "acme-one", ()),
        "acme-two/also kept.jpg": ("stored", "acme-two", ()),
        "acme-two/other.jpg": ("refused", "acme-two", contradicted),
        "Acme One/unknown model.jpg": ("stored", "acme-one", ()),
        "Acme Nine/a.jpg": ("refused", None, ("camera_unknown",)),
        "top.jpg": ("failed", None, ()),
    }
    assert rows["top.jpg"]["error"].startswith("its path does not fit layout folders: expected ")
    assert rows["top.jpg"]["is_transient"] is False


def test_a_label_the_catalogue_learns_later_is_honoured_by_the_next_crawl(labelled, tmp_path):
    shutil.copytree(labelled.folder, tmp_path / "crawl")
    catalogue = tmp_path / "cameras.yaml"
    catalogue.write_text(Path(labelled.tree["catalogue"]).read_text().replace("Acme Two", "Acme Nine"))
    crawler = type(labelled)(tmp_path / "crawl", labelled.repository, {**labelled.tree, "catalogue": str(catalogue)})
    crawl = crawler.run("folder")
    assert crawl.exit_code == 0, crawl.log
    row = rows_of(crawler)["Acme Nine/a.jpg"]
    assert (row["state"], row["labelled_camera"]) == ("stored", "acme-two")


def test_a_published_collection_yields_originals_and_devices_without_the_store_inside_it(make_crawler, uploads):
    crawler, device = crawler_of(make_crawler, ".", layout="vision"), "dataset/D01_Acme_One/images"
    files = {
        f"{device}/nat/D01_I_nat_0001.jpg": "genuine-0.jpg",
        f"{device}/flat/D01_I_flat_0001.jpg": "genuine-1.jpg",
        f"{device}/natWA/D01_I_natWA_0001.jpg": "genuine-0.jpg",
        f"{device}/nat/holiday.jpg": "genuine-2.jpg",
        "dataset/D02_Other_Model/images/nat/D02_I_nat_0001.jpg": "two.jpg",
    }
    plant(uploads, crawler.folder, {**files, "data/D03_Acme_One/images/nat/D03_I_nat_0001.jpg": "genuine-3.jpg"})
    crawl = crawler.run("folder")
    assert crawl.exit_code == 0, crawl.log
    rows = rows_of(crawler)
    assert {path.rpartition("/")[2]: (row["state"], row["owner_id"]) for path, row in rows.items()} == {
        "D01_I_nat_0001.jpg": ("stored", "vision D01"),
        "D01_I_flat_0001.jpg": ("stored", "vision D01"),
        "D02_I_nat_0001.jpg": ("stored", "vision D02"),
        "holiday.jpg": ("failed", None),
    }
    assert [rows[path]["claimed_camera"] for path in list(files)[::4]] == ["acme-one", None]
    error = rows[f"{device}/nat/holiday.jpg"]["error"]
    assert error.startswith("its path does not fit layout vision: expected D01_Samsung_GalaxyS3Mini/images/nat/")
    assert crawler.store.read_json("receipts/crawl-folder.json")["unmatched"] == 2  # and pipelines.yaml


def test_a_folder_in_which_no_file_fits_ends_the_crawl_with_one_sentence(make_crawler, tmp_path, uploads):
    crawler = crawler_of(make_crawler, plant(uploads, tmp_path / "tree", {"a.jpg": "two.jpg"}), layout="fodb")
    crawl = crawler.run("folder")
    assert crawl.exit_code == 1
    assert "none of 1 files below" in crawl.log
    assert "Traceback" not in crawl.log
    assert not crawler.store.exists("receipts/crawl-folder.json")


def test_a_folder_within_the_store_is_refused(make_crawler, monkeypatch):
    crawler = crawler_of(make_crawler, "data/originals")
    (crawler.folder / "data" / "originals").mkdir(parents=True)
    crawler.command("folder")  # writes the configuration
    monkeypatch.setenv("SHUTTERPRINT_CONFIG", str(crawler.folder / "pipelines.yaml"))
    with pytest.raises(ConfigurationError, match=r"sources\.folder\.path: .* lies in the store"):
        FolderSpider.from_crawler(ScrapyCrawler(FolderSpider))


def test_parts_divide_the_directories_between_them(make_crawler, tmp_path, uploads):
    tree = plant(uploads, tmp_path / "tree", {f"roll {number}/a.jpg": "two.jpg" for number in range(6)})
    crawler, seen = crawler_of(make_crawler, tree), []
    for part in ("1/2", "2/2"):
        assert crawler.run("folder", own={"part": part}).exit_code == 0
        seen.append(len(rows_of(crawler)))
    assert 0 < seen[0] < seen[1] == 6


@pytest.fixture
def ingest(tmp_path, cameras):
    """Return a function that ingests one file below `tmp_path/tree` into a store."""

    def ingest_file(address, catalogue=cameras, layout="exif", store=None):
        door = Door(catalogue, catalogue, Rules(), original_max_bytes=1 << 20)
        store = store or open_store(str(tmp_path / "data"))
        ingester = FileIngester(tmp_path / "tree", store, door, catalogue, layout, None, False, Counter())
        return ingester.ingest(listed_file(address))

    return ingest_file


def test_a_file_that_has_vanished_has_a_failed_row_and_is_retried(ingest):
    row = ingest("x/gone.jpg")
    assert (row["state"], row["is_transient"]) == ("failed", True)
    assert row["error"] == "cannot be read: No such file or directory"


def test_a_file_that_is_too_large_is_refused_without_reading_it(ingest, tmp_path, uploads):
    plant(uploads, tmp_path / "tree", {"large.jpg": "two.jpg"})
    os.truncate(tmp_path / "tree" / "large.jpg", 1 << 40)  # a sparse file, which takes no room
    row = ingest("large.jpg")
    assert (row["reasons"], row["size_bytes"]) == (["too_large"], 1 << 40)


def test_a_photo_that_two_cameras_of_the_catalogue_claim_fails_until_the_catalogue_is_corrected(
    ingest, tmp_path, uploads, cameras
):
    plant(uploads, tmp_path / "tree", {"a.jpg": "two.jpg"})
    two = cameras["acme-two"]
    row = ingest("a.jpg", Catalogue(cameras=(two, two.model_copy(update={"key": "acme-twin"}))))
    assert (row["state"], row["is_transient"]) == ("failed", True)
    assert "is taken by acme-two, acme-twin" in row["error"]


def test_a_photo_on_another_file_system_than_the_store_is_copied(ingest, tmp_path, uploads):
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has no second file system at hand")
    plant(uploads, tmp_path / "tree", {"a.jpg": "two.jpg"})
    folder = memory / f"{tmp_path.parent.name}-{tmp_path.name}-{os.getpid()}"
    try:
        store = open_store(str(folder))
        row = ingest("a.jpg", store=store)
        assert store.read(row["original"]) == (tmp_path / "tree" / "a.jpg").read_bytes()
        assert [path.name for path in folder.rglob("*.jpg")] == [Path(row["original"]).name]
    finally:
        shutil.rmtree(folder)


@pytest.mark.photos
def test_every_real_photograph_has_its_row(make_crawler, shared_photos):
    crawler = crawler_of(make_crawler, shared_photos, pattern="*/**/*")
    crawl = crawler.run("folder")
    assert crawl.exit_code == 0, crawl.log
    with (shared_photos / "index.csv").open(newline="") as file:
        listed = {f"folder:{row['file']}" for row in csv.DictReader(file)}
    rows = {row["photo"]: row for row in crawler.rows("folder")}
    assert len(listed) == 297
    assert set(rows) == listed
    for photo, row in rows.items():
        if row["state"] == "stored":
            assert crawler.store.read(row["original"]) == (shared_photos / photo.removeprefix("folder:")).read_bytes()
        else:
            assert (row["state"], bool(row["reasons"])) == ("refused", True)
