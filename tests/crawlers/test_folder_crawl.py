"""`scrapy crawl folder` over a small tree, and over the real photographs."""

import asyncio
import csv
import os
import shutil

import pytest
from scrapy.crawler import Crawler

from crawlers.rows import Found
from crawlers.spiders.folder import FolderSpider


@pytest.fixture
def tree(tmp_path, uploads):
    """Return a tree with every kind of photograph in two directories, and files that are none."""
    root = tmp_path / "tree"
    for number, path in enumerate(sorted(uploads.folder.glob("*.jpg"))):
        target = root / ("first roll" if number % 2 else "second/part") / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (root / "note.txt").write_text("not a photo")
    (root / "first roll" / "empty.jpg").touch()
    (root / os.fsdecode(b"caf\xe9 #1.jpg")).write_bytes((uploads.folder / "genuine-0.jpg").read_bytes())
    return root


@pytest.fixture
def crawler(make_crawler, tree):
    crawler = make_crawler()
    crawler.tree["sources"] = {"folder": {"path": str(tree)}}
    return crawler


def test_every_file_has_its_row_and_photos_to_keep_are_stored_byte_for_byte(crawler, tree, uploads):
    crawl = crawler.run("folder")
    assert crawl.exit_code == 0, crawl.log
    rows = {row["photo"]: row for row in crawler.rows("folder")}
    files = [path for path in tree.rglob("*") if path.is_file()]
    assert len(rows) == len(files)
    reasons = {each.file: each.expected_reasons for each in uploads.of("flickr")}
    for path in files:
        if path.name in reasons:
            row = rows[f"folder:{path.relative_to(tree).as_posix()}"]
            assert tuple(row["reasons"]) == reasons[path.name]
            assert row["owner_id"] == path.parent.relative_to(tree).as_posix()
            if not reasons[path.name]:
                assert crawler.store.read(row["original"]) == path.read_bytes()
    assert rows["folder:note.txt"]["reasons"] == ["not_jpeg"]
    assert rows["folder:first roll/empty.jpg"]["reasons"] == ["not_jpeg"]
    assert rows["folder:caf\\xe9 #1.jpg"]["state"] == "stored"


def test_files_are_not_read_again_and_new_ones_make_a_window_of_their_own(crawler, tree, uploads):
    assert crawler.run("folder").exit_code == 0
    before = crawler.tree_of_bytes()
    (tree / "first roll" / "new.jpg").write_bytes((uploads.folder / "genuine-3.jpg").read_bytes()[:-7])
    assert crawler.run("folder").exit_code == 0
    after = crawler.tree_of_bytes()
    assert {name: after[name] for name in before} == before
    new = [name for name in crawler.store.done_names("crawl/folder") if f"crawl/folder/{name}/_done.json" not in before]
    assert len(new) == 1
    records = crawler.store.read_table(f"crawl/folder/{new[0]}/records.parquet").to_pylist()
    assert [(row["photo"], row["reasons"]) for row in records] == [("folder:first roll/new.jpg", ["truncated"])]


def test_a_file_that_is_gone_when_it_is_read_has_a_failed_row_and_is_to_be_tried_again(crawler, tree, monkeypatch):
    crawler.command("folder")  # writes the configuration
    monkeypatch.setenv("SHUTTERPRINT_CONFIG", str(crawler.folder / "pipelines.yaml"))
    spider = FolderSpider.from_crawler(Crawler(FolderSpider))
    outcome = asyncio.run(spider.obtain(Found("folder:x/gone.jpg", "folder", original_url="x/gone.jpg")))
    assert (outcome.row["state"], outcome.is_transient) == ("failed", True)
    assert outcome.row["error"] == "cannot be read: No such file or directory"


@pytest.mark.photos
def test_every_real_photograph_has_its_row(make_crawler, shared_photos):
    crawler = make_crawler()
    crawler.tree["sources"] = {"folder": {"path": str(shared_photos), "pattern": "*/**/*"}}
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
