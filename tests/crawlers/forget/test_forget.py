"""Takedowns: nothing of a forgotten photo stays, all other photos do, and it is never fetched again."""

import base64
import dataclasses
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from corpus.errors import ConfigurationError
from corpus.records import EXAMINED, original_path, photo_digest, refused_picture_name, version_of
from corpus.storage import Store, open_store
from corpus.takedowns import forgotten_row, takedown, takedowns
from crawlers.forget.__main__ import main
from crawlers.vetting.door import Refused
from crawlers.windows.markers import marker_of
from crawlers.windows.records import ListedPhoto, failed, refused, stored, table

pytestmark = pytest.mark.slow

GONE, STAYS, FAILS = "flickr:4711", "flickr:4712", "flickr:4713"
COMMONS = "https://commons.wikimedia.org/wiki/File:Ann_at_h%C3%B6me.jpg"
MARKS = ("Ann", "4711_secret", "bytes of 4711", "bytes of 99", "serial-of-4711", "CC-BY-4711")
"""Texts that are only in files that say something about the photo to forget."""


DETAILS = {"query": "q", "window": [0, 60], "span": [0, 60]}


def listed_photo(photo: str, version: str = "v", **columns: Any) -> ListedPhoto:
    source, _, site_id = photo.partition(":")
    name = "Ann" if photo in (GONE, "wikimedia:99") else "Bob"
    listed = {
        "page_url": f"https://www.flickr.com/photos/{name}/{site_id}",
        "original_url": f"https://live.staticflickr.com/{site_id}_secret_o.jpg",
        "title": f"{name} at home",
        "owner_id": f"{name}@N00",
        "owner_name": name,
        "licence": f"CC-BY-{site_id}",
    }
    return ListedPhoto(photo, source, version_of(version), **{**listed, **columns})


def bytes_of(photo: str, version: str = "v") -> bytes:
    return f"bytes of {photo.partition(':')[2]} {version}".encode()


@dataclasses.dataclass
class Shelf:
    """A store as crawls and curation leave it, with the command that is tested."""

    folder: Path

    @property
    def store(self) -> Store:
        return open_store(str(self.folder / "data"))

    def free_leases(self) -> None:
        """Free the leases of a process, as its death does."""
        for lease in (self.folder / "data" / "crawl").glob("*/_leases/*"):
            if lease.name != "unit.0.json":
                lease.unlink()

    def fill(self) -> None:
        (self.folder / "pipelines.yaml").write_text(yaml.safe_dump({"storage": "data"}))
        self.original(GONE, "v")
        self.original(GONE, "w")
        self.original(GONE, "no record of it")
        self.original(STAYS, "v")
        self.original("wikimedia:99", "v")
        retried = failed(listed_photo(FAILS), "HTTP 503", 503, is_transient=True)
        self.window("flickr/w1", [self.row(GONE), self.row(STAYS), retried])
        self.window("flickr/w2", [self.row(GONE, "w"), failed(listed_photo(GONE), "HTTP 500", is_transient=True)])
        self.window(
            "flickr/w3", [refused(listed_photo(GONE, "x"), Refused(("no_camera_model",))), self.row(STAYS)], done=False
        )
        for photo in (GONE, STAYS):
            picture = {"photo": photo, "version": "x", "jpeg": base64.b64encode(bytes_of(photo)).decode()}
            self.store.publish_json(f"refused-pictures/flickr/truncated/{refused_picture_name(photo)}", picture)
        self.window("wikimedia/w1", [self.row("wikimedia:99", page_url=COMMONS)])
        self.store.publish_table("crawl/flickr/_unfinished/w4/fp-0.parquet", table([self.row(GONE), self.row(STAYS)]))
        self.store.publish_json("crawl/flickr/_leases/unit.0.json", {})
        self.facts("v1-decoded/both", [GONE, STAYS])
        self.facts("v1-decoded/one", [GONE])
        self.facts("v0-headers/older", [STAYS, GONE])

    def row(self, photo: str, version: str = "v", **columns: Any) -> dict[str, Any]:
        one = listed_photo(photo, version, **columns)
        return stored(one, original_path(photo, version_of(version)), bytes_of(photo, version))

    def original(self, photo: str, version: str) -> None:
        self.store.publish(original_path(photo, version_of(version)), bytes_of(photo, version))

    def window(self, window: str, rows: list[dict[str, Any]], *, done: bool = True) -> None:
        self.store.publish_table(f"crawl/{window}/records.parquet", table(rows))
        if done:
            marker = marker_of(rows, DETAILS, "fp", relist=False) | {"a key of tomorrow": 1}
            self.store.mark_done(f"crawl/{window}", marker)

    def facts(self, name: str, photos: list[str]) -> None:
        rows = [
            {"photo": photo, "version": version_of("v"), "error": f"serial-of-{photo.partition(':')[2]}"}
            for photo in photos
        ]
        self.store.publish_table(f"facts/{name}.parquet", pa.Table.from_pylist(rows, EXAMINED))

    def forget(self, *arguments: str) -> int:
        return main(["--config", str(self.folder / "pipelines.yaml"), *arguments])

    def rows(self, path: str) -> list[dict[str, Any]]:
        return self.store.read_table(path).to_pylist()

    def files(self) -> dict[str, bytes]:
        root = self.folder / "data"
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the text of each file, of tables in plain text."""
        for name in self.files():
            path = self.folder / "data" / name
            is_table = name.endswith(".parquet")
            yield name, str(pq.read_table(path).to_pylist()) if is_table else path.read_bytes().decode()

    def files_with(self, *marks: str) -> set[str]:
        """Return the files that contain any of some texts."""
        return {name for name, text in self.texts() if any(mark in text for mark in marks)}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path)
    shelf.fill()
    return shelf


def test_no_file_says_anything_about_a_forgotten_photo(shelf, capsys):
    assert len(shelf.files_with(*MARKS)) == 12  # else the next assertion proves nothing
    assert shelf.forget(GONE, "wikimedia:99") == 0
    assert shelf.files_with(*MARKS) == set()
    said = capsys.readouterr().out
    assert f"{GONE}: 3 originals, 5 rows, 3 rows of facts removed" in said
    assert "wikimedia:99: 1 original, 1 row, 0 rows of facts removed" in said


def test_its_rows_stay_as_forgotten_and_all_other_rows_are_unchanged(shelf):
    tables = [name for name in shelf.files() if name.startswith("crawl/") and name.endswith(".parquet")]
    before = {name: shelf.rows(name) for name in tables}
    shelf.forget(GONE)
    for name in tables:
        assert shelf.rows(name) == [forgotten_row(row) if row["photo"] == GONE else row for row in before[name]]
    assert [row["photo"] for row in shelf.rows("facts/v1-decoded/both.parquet")] == [STAYS]
    assert [row["photo"] for row in shelf.rows("facts/v0-headers/older.parquet")] == [STAYS]
    assert shelf.store.exists(original_path(STAYS, version_of("v")))


def test_an_empty_table_of_facts_is_removed_since_its_name_would_count_as_examined(shelf):
    shelf.forget(GONE)
    assert not shelf.store.exists("facts/v1-decoded/one.parquet")


def test_markers_are_corrected_and_keep_their_other_keys(shelf):
    shelf.forget(GONE, FAILS)
    for window in ("flickr/w1", "flickr/w2", "wikimedia/w1"):
        marker = shelf.store.done(f"crawl/{window}")
        rows = shelf.rows(f"crawl/{window}/records.parquet")
        assert marker == marker_of(rows, DETAILS, "fp", relist=False) | {"a key of tomorrow": 1}
        assert not marker["retry"]
    marker = shelf.store.done("crawl/flickr/w1")
    assert (marker["photos"], marker["stored"], marker["refused"], marker["failed"]) == (3, 1, 2, 0)
    assert shelf.store.done("crawl/flickr/w3") is None


def test_a_photo_whose_id_begins_like_the_forgotten_one_keeps_its_original(shelf):
    folder = original_path(GONE, version_of("v")).rpartition("/")[0]
    neighbours = [f"{folder}/4711-0123456789-0123456789.jpg", f"{folder}/47110-0123456789.jpg"]
    for path in neighbours:
        shelf.store.publish(path, b"")
    shelf.forget(GONE)
    assert shelf.store.names(folder) == [path.rpartition("/")[2] for path in neighbours]


@pytest.mark.parametrize("site_id", ["a/../b c.jpg", "é/日本.jpg", "x" * 300, "a:b.jpg"])
def test_files_with_odd_names_are_found_too(shelf, site_id):
    photo = f"folder:{site_id}"
    shelf.original(photo, "v")
    shelf.window("folder/top", [shelf.row(photo)])
    shelf.forget(photo)
    assert not shelf.store.exists(original_path(photo, version_of("v")))
    assert shelf.rows("crawl/folder/top/records.parquet")[0]["reasons"] == ["forgotten"]


def test_a_dry_run_says_what_would_be_removed_and_changes_nothing(shelf, capsys):
    before = shelf.files()
    assert shelf.forget(GONE, "--dry-run") == 0
    assert f"{GONE}: 3 originals, 5 rows, 3 rows of facts would be removed" in capsys.readouterr().out
    assert shelf.files() == before


def test_a_second_run_finds_nothing_and_changes_nothing(shelf, capsys):
    shelf.forget(GONE)
    before = shelf.files()
    for arguments in ((GONE,), ()):
        capsys.readouterr()
        assert shelf.forget(*arguments) == 0
        assert f"{GONE}: nothing left of it" in capsys.readouterr().out
    assert shelf.files() == before


class Killed(BaseException):
    """Simulates the end of the process: nothing catches it."""


def test_when_killed_before_any_write_the_next_run_finishes_the_work(tmp_path, monkeypatch):
    filled, whole = tmp_path / "filled", Shelf(tmp_path / "whole")
    filled.mkdir()
    Shelf(filled).fill()
    shutil.copytree(filled, whole.folder)
    whole.forget(GONE)
    for writes in range(100):
        shelf = Shelf(tmp_path / f"{writes}")
        shutil.copytree(filled, shelf.folder)
        with monkeypatch.context() as patch:
            _die_after(patch, writes)
            try:
                shelf.forget(GONE)
                break
            except Killed:
                shelf.free_leases()
        # before the first write there is no list yet to go through
        shelf.forget(*((GONE,), (), ("https://www.flickr.com/photos/Ann/4711/",))[writes % 3 if writes else 0])
        assert _undated(shelf.files()) == _undated(whole.files())
    assert writes > 10


def test_a_page_of_a_wiki_is_still_known_after_its_records_are_gone(shelf, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        # the list, the records and the marker are written; the original is still there
        _die_after(patch, 3)
        with pytest.raises(Killed):
            shelf.forget(COMMONS)
    shelf.free_leases()
    assert shelf.files_with("Ann_at") == set()
    assert shelf.forget("https://commons.m.wikimedia.org/wiki/File:Ann at höme.jpg") == 0
    assert "wikimedia:99: 1 original" in capsys.readouterr().out
    assert not shelf.store.exists(original_path("wikimedia:99", version_of("v")))


def _die_after(patch: pytest.MonkeyPatch, writes: int) -> None:
    left = writes
    for name in ("publish", "remove"):
        real = getattr(Store, name)

        def write(*arguments: Any, real: Any = real) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            real(*arguments)

        patch.setattr(Store, name, write)


def _undated(files: dict[str, bytes]) -> dict[str, bytes]:
    return {
        name: data if not name.startswith("takedowns/") else json.dumps(json.loads(data) | {"at": ""}).encode()
        for name, data in files.items()
    }


def test_an_unknown_page_is_reported_before_anything_is_changed(shelf):
    before = shelf.files()
    with pytest.raises(ConfigurationError, match=r"File:Other\.jpg: no record has this page.*page id"):
        shelf.forget(GONE, "https://commons.wikimedia.org/wiki/File:Other.jpg")
    assert shelf.files() == before


def test_an_unknown_photo_is_put_on_the_list_and_reported_as_unknown(shelf, capsys):
    assert shelf.forget("flickr:1") == 0
    assert "flickr:1: in no record; it is never fetched" in capsys.readouterr().out
    assert [one.photo for one in takedowns(shelf.store)] == ["flickr:1"]


def test_a_file_with_one_photo_a_line_is_read_and_the_list_shows_them(shelf, tmp_path, capsys):
    (tmp_path / "LIST").write_bytes(
        b"\xef\xbb\xbf# asked for in May\r\n\n" + GONE.encode() + b"\r\nfolder:caf\xe9 .jpg\n" + COMMONS.encode()
    )
    assert shelf.forget("--file", str(tmp_path / "LIST")) == 0
    capsys.readouterr()
    assert shelf.forget("--list") == 0
    said = capsys.readouterr().out
    assert sorted(line[22:] for line in said.splitlines()[:-1]) == [
        GONE, "folder:caf\\xe9 .jpg", "wikimedia:99"
    ]  # fmt: skip
    assert "3 photos on the takedown list" in said


def test_a_missing_list_file_is_reported(shelf):
    with pytest.raises(ConfigurationError, match=r"--file .*nowhere: cannot be read: No such file"):
        shelf.forget("--file", str(shelf.folder / "nowhere"))


def test_without_a_photo_the_command_removes_what_a_crawl_wrote_meanwhile(shelf):
    shelf.forget(GONE, "wikimedia:99")
    shelf.original(GONE, "v")
    shelf.window("flickr/w9", [shelf.row(GONE), shelf.row(STAYS)])
    assert shelf.files_with(*MARKS)
    assert shelf.forget() == 0
    assert shelf.files_with(*MARKS) == set()


def test_a_damaged_table_is_named_and_the_rest_is_done(shelf, capsys):
    shelf.store.publish("crawl/flickr/w2/records.parquet", b"PAR1 no more")
    assert shelf.forget(GONE) == 1
    said = capsys.readouterr().out
    assert said.count("not looked through: crawl/flickr/w2/records.parquet: cannot be read") == 1
    shelf.store.remove("crawl/flickr/w2")
    assert shelf.files_with("Ann@") == {"crawl/wikimedia/w1/records.parquet"}


def test_only_files_that_are_there_are_named(shelf, capsys):
    """A tar of an earlier version has no table beside it."""
    digest = photo_digest(GONE, shelf.row(GONE)["version"])
    for name in ("train-a.tar", "train-b.tar", "train-b.tar.arrow"):
        shelf.store.publish(f"shards/tars/{name}", b"tiles")
    for name in ("train-a.tar.json", "train-b.tar.json"):
        shelf.store.publish_json(f"shards/tars/{name}", {"plan": {"photos": [{"photo": digest}]}})
    shelf.forget(GONE)
    named = re.findall(r"shards/tars/[\w.-]*\w", capsys.readouterr().out)
    assert sorted(set(named)) == [f"shards/tars/{name}" for name in shelf.store.names("shards/tars")]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    "unreadable",
    [
        "crawl/wikimedia/w1/records.parquet",
        "crawl/flickr/w2/_done.json",
        "facts/v1-decoded/one.parquet",
        "shards/tars/a.tar.json",
    ],
)
def test_one_bad_sector_does_not_block_the_rest(shelf, capsys, unreadable):
    target = shelf.folder / "data" / unreadable
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to("/proc/self/mem")  # reading it fails
    assert shelf.forget(GONE) == 1
    said = capsys.readouterr().out
    assert f"not looked through: {unreadable.replace('_done.json', 'records.parquet')}: cannot be " in said
    assert "look at the disk" in said
    target.unlink()
    left = shelf.files_with("bytes of 4711", "4711_secret", "serial-of-4711")
    assert left <= {unreadable.replace("_done.json", "records.parquet")}


def test_another_photo_with_the_same_bytes_is_named_for_a_person_to_decide(shelf, capsys):
    twin = shelf.row("wikimedia:7") | {"sha256": shelf.row(GONE)["sha256"]}
    shelf.window("wikimedia/w7", [twin])
    shelf.forget(GONE)
    assert f"wikimedia:7: has the same bytes as {GONE} and stays" in capsys.readouterr().out
    assert shelf.rows("crawl/wikimedia/w7/records.parquet") == [twin]


def test_a_user_s_mistake_is_one_sentence_and_exit_code_2(shelf, repository):
    done = subprocess.run(
        [sys.executable, "-m", "crawlers.forget", "--config", str(shelf.folder / "pipelines.yaml"), "4711"],
        cwd=repository, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("4711: is not a photo; name it by its key")
    assert done.stderr.count("\n") == 1


def test_a_crawl_requests_no_byte_of_a_forgotten_photo(start_site, make_crawler, uploads):
    site = start_site()
    crawler = make_crawler(site)
    first, second = uploads.of("flickr")[:2]
    takedown(crawler.store, f"flickr:{first.id}")
    assert crawler.run("flickr").exit_code == 0
    (row,) = [row for row in crawler.rows("flickr") if row["photo"] == f"flickr:{first.id}"]
    assert row == forgotten_row(row)
    assert [row["state"] for row in crawler.rows("flickr") if row["photo"] == f"flickr:{second.id}"] == ["stored"]
    paths = [request.path for request in site.requests]
    assert [any(one.id in path for path in paths) for one in (first, second)] == [False, True]
