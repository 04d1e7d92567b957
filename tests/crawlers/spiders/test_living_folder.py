"""`scrapy crawl folder` again, after files were rewritten, moved, deleted, or could not be seen."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crawlers.folder.files import NO_STATE

pytestmark = pytest.mark.slow


class Tree:
    """A tree of photographs and the crawler that crawls it."""

    def __init__(self, crawler, root, uploads):
        self.crawler, self.root, self.uploads = crawler, root, uploads
        crawler.tree["sources"] = {"folder": {"path": str(root)}}
        self.set = crawler.tree["sources"]["folder"].update

    def put(self, path, name):
        """Write a photograph to a path as `cp` does: into the file that is there."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.uploads.folder / name, target)

    def crawl(self, exit_code=0):
        crawl = self.crawler.run("folder")
        assert crawl.exit_code == exit_code, crawl.log
        return crawl.log

    def accept(self):
        """Crawl with -a gone=accept."""
        crawl = self.crawler.run("folder", own={"gone": "accept"})
        assert crawl.exit_code == 0, crawl.log

    @property
    def said(self):
        """Return (path, state, name of the photograph whose bytes the original has) of each row, sorted."""
        names = {path.read_bytes(): path.name for path in self.uploads.folder.glob("*.jpg")}
        return sorted(
            (row["photo"].removeprefix("folder:"), row["state"], self.original(row) and names[self.original(row)])
            for row in self.crawler.rows("folder")
        )

    def original(self, row):
        return self.crawler.store.read(row["original"]) if row["original"] else None

    def originals(self):
        return [
            Path(self.crawler.store.path(row["original"])) for row in self.crawler.rows("folder") if row["original"]
        ]

    def opened(self):
        """Return the files that a crawl reads, by the times of their last access."""
        return {path for path in self.root.rglob("*.jpg") if path.stat().st_atime_ns > 10**18}


@pytest.fixture(scope="module")
def crawled(make_crawler, tmp_path_factory, uploads):
    """Return a tree of two directories that was crawled, with copies of the tree and of the store."""
    folder = tmp_path_factory.mktemp("living")
    tree = Tree(make_crawler(), folder / "tree", uploads)
    tree.put("a/one.jpg", "genuine-0.jpg")
    tree.put("a/two.jpg", "genuine-1.jpg")
    tree.put("b/three.jpg", "genuine-2.jpg")
    tree.put("b/edited.jpg", "edited.jpg")
    tree.crawl()
    shutil.copytree(tree.root, folder / "tree before")
    shutil.copytree(tree.crawler.folder / "data", folder / "data before")
    return tree


@pytest.fixture
def tree(crawled):
    """Return the tree as it was crawled, at the same path."""
    folder, crawler = crawled.root.parent, crawled.crawler
    for copy, place in (("tree before", crawled.root), ("data before", crawler.folder / "data")):
        shutil.rmtree(place, ignore_errors=True)  # a test may have removed it
        shutil.copytree(folder / copy, place)
    shutil.rmtree(folder / "elsewhere", ignore_errors=True)
    return Tree(crawler, crawled.root, crawled.uploads)


UNCHANGED = [
    ("a/one.jpg", "stored", "genuine-0.jpg"),
    ("a/two.jpg", "stored", "genuine-1.jpg"),
    ("b/edited.jpg", "refused", None),
    ("b/three.jpg", "stored", "genuine-2.jpg"),
]


def test_an_unchanged_tree_is_not_read_and_nothing_is_written(tree):
    assert tree.said == UNCHANGED
    before = tree.crawler.tree_of_bytes()
    for path in tree.root.rglob("*.jpg"):
        path.chmod(0)  # unreadable, except for root
        status = path.stat()
        os.utime(path, ns=(0, status.st_mtime_ns))
    tree.crawl()
    assert tree.crawler.tree_of_bytes() == before
    assert tree.opened() == set()


def test_rewriting_a_file_in_place_leaves_its_original_and_makes_a_new_version(tree):
    tree.put("a/one.jpg", "genuine-3.jpg")
    tree.crawl()
    rewritten = [("a/one.jpg", "deleted", "genuine-0.jpg"), ("a/one.jpg", "stored", "genuine-3.jpg")]
    assert tree.said == [*rewritten, *UNCHANGED[1:]]
    before = tree.crawler.tree_of_bytes()
    tree.crawl()
    assert tree.crawler.tree_of_bytes() == before


def test_a_file_whose_earlier_bytes_are_back_has_its_earlier_version(tree):
    tree.put("a/one.jpg", "genuine-3.jpg")
    tree.crawl()
    tree.put("a/one.jpg", "genuine-0.jpg")
    tree.crawl()
    back = [("a/one.jpg", "deleted", "genuine-3.jpg"), ("a/one.jpg", "stored", "genuine-0.jpg")]
    assert tree.said == [*back, *UNCHANGED[1:]]


def test_a_file_that_was_only_touched_stays_one_row(tree):
    os.utime(tree.root / "a" / "one.jpg", ns=(0, 10**18))
    tree.crawl()
    assert tree.said == UNCHANGED


def test_what_is_gone_is_deleted_whatever_became_of_it_and_what_is_back_is_not(tree):
    kept = tree.root.with_name("elsewhere")
    (tree.root / "b").rename(kept)
    tree.crawl()
    gone = [("b/edited.jpg", "deleted", None), ("b/three.jpg", "deleted", "genuine-2.jpg")]
    assert tree.said == [*UNCHANGED[:2], *gone]
    receipt = tree.crawler.store.read_json("receipts/crawl-folder.json")
    assert (receipt["deleted"], receipt["found"]) == (2, 0)
    kept.rename(tree.root / "b")
    tree.crawl()
    assert tree.said == UNCHANGED


def test_a_renamed_folder_is_a_move(tree):
    (tree.root / "a").rename(tree.root / "c")
    tree.crawl()
    moved = [("c/one.jpg", "stored", "genuine-0.jpg"), ("c/two.jpg", "stored", "genuine-1.jpg")]
    assert tree.said == [(path, "deleted", name) for path, _, name in UNCHANGED[:2]] + UNCHANGED[2:] + moved


def test_a_file_that_the_pattern_leaves_out_now_is_not_gone(tree):
    tree.set({"pattern": "a/*"})
    tree.crawl()
    assert tree.said == UNCHANGED


def test_a_tree_that_was_emptied_ends_the_crawl_and_nothing_is_deleted(tree):
    shutil.rmtree(tree.root)
    tree.root.mkdir()
    assert "look whether the disk is mounted" in tree.crawl(exit_code=1)
    assert tree.said == UNCHANGED


def test_when_most_of_a_tree_has_vanished_the_crawl_asks(tree):
    for number in range(12):
        tree.put(f"big/{number}.jpg", "edited.jpg")
    tree.crawl()
    shutil.rmtree(tree.root / "big")
    assert "12 of 16 files below" in (log := tree.crawl(exit_code=1))
    assert "-a gone=accept" in log
    assert {state for _, state, _ in tree.said} == {"stored", "refused"}
    tree.accept()
    assert [state for path, state, _ in tree.said if path.startswith("big/")] == ["deleted"] * 12


def test_most_of_a_tree_may_move_without_a_question(tree):
    for number in range(12):
        tree.put(f"big/{number}.jpg", "edited.jpg")
    tree.crawl()
    (tree.root / "big").rename(tree.root / "moved")
    tree.crawl()
    assert [state for path, state, _ in tree.said if path.startswith("big/")] == ["deleted"] * 12


def test_a_second_tree_in_the_same_store_leaves_the_first_alone(tree):
    other = tree.root.with_name("elsewhere")
    tree.set({"path": str(other)})
    tree.root = other
    tree.put("a/three.jpg", "genuine-3.jpg")
    tree.crawler.tree["rules"] = {"quality_factor_min": 96}  # all windows would be judged again
    try:
        tree.crawl()
    finally:
        del tree.crawler.tree["rules"]
    assert tree.said == sorted([*UNCHANGED, ("a/three.jpg", "stored", "genuine-3.jpg")])


@pytest.fixture
def second(tree):
    """Return another tree that is crawled into the same store, with one file that the first has, too."""
    other = Tree(tree.crawler, tree.root.with_name("elsewhere"), tree.uploads)
    other.put("a/two.jpg", "genuine-1.jpg")
    os.utime(other.root / "a" / "two.jpg", ns=(0, 10**18))
    other.put("a/three.jpg", "genuine-3.jpg")
    return other


def crawl_one(tree):
    """Crawl one of several trees."""
    tree.crawler.tree["sources"] = {"folder": {"path": str(tree.root)}}
    tree.crawl()


def test_what_one_tree_has_lost_and_another_has_is_not_deleted_until_both_have_lost_it(tree, second):
    both = [*UNCHANGED[:2], *UNCHANGED[1:], ("a/three.jpg", "stored", "genuine-3.jpg")]
    crawl_one(second)
    assert tree.said == sorted(both)
    (tree.root / "a" / "two.jpg").unlink()
    crawl_one(tree)
    both.remove(UNCHANGED[1])
    assert tree.said == sorted(both)
    before = tree.crawler.tree_of_bytes()
    crawl_one(second)
    crawl_one(tree)
    assert tree.crawler.tree_of_bytes() == before
    (second.root / "a" / "two.jpg").unlink()
    crawl_one(second)
    assert [state for path, state, _ in tree.said if path == "a/two.jpg"] == ["deleted"]


def test_what_one_tree_has_lost_is_not_deleted_once_another_tree_has_it(tree, second):
    (tree.root / "a" / "two.jpg").unlink()
    crawl_one(tree)
    assert ("a/two.jpg", "deleted", "genuine-1.jpg") in tree.said
    crawl_one(second)
    assert tree.said == sorted([*UNCHANGED, ("a/three.jpg", "stored", "genuine-3.jpg")])


def test_the_windows_of_a_tree_that_was_copied_and_removed_are_taken_where_that_is_accepted(tree):
    moved = Tree(tree.crawler, tree.root.with_name("elsewhere"), tree.uploads)
    for path, _, name in UNCHANGED:
        moved.put(path, name or "edited.jpg")
        os.utime(moved.root / path, ns=(0, 10**18))  # as `cp -r` does, which keeps no times
    shutil.rmtree(tree.root)
    crawl_one(moved)
    (moved.root / "a" / "two.jpg").unlink()
    crawl_one(moved)
    assert [state for path, state, _ in moved.said if path == "a/two.jpg"] == ["stored"]  # the first tree may have it
    moved.accept()
    assert moved.said == [UNCHANGED[0], ("a/two.jpg", "deleted", "genuine-1.jpg"), *UNCHANGED[2:]]
    before = tree.crawler.tree_of_bytes()
    moved.crawl()
    assert tree.crawler.tree_of_bytes() == before


def test_a_folder_that_cannot_be_listed_hides_its_files_and_does_not_delete_them(tree):
    deep, store = "/".join(["x" * 250] * 20), tree.crawler.store  # longer than a path may be
    (window,) = (name for name in store.done_names("crawl/folder") if name.startswith("a-"))
    marker, table = store.done(f"crawl/folder/{window}"), store.read_table(f"crawl/folder/{window}/records.parquet")
    for directory in (deep, "not there"):
        other = f"x-0123456789ab-{hashlib.sha256(directory.encode()).hexdigest()[:8]}"
        rows = [row | {"photo": f"folder:{directory}/{row['title']}"} for row in table.to_pylist()]
        store.publish_table(f"crawl/folder/{other}/records.parquet", pa.Table.from_pylist(rows, table.schema))
        store.mark_done(f"crawl/folder/{other}", {**marker, "details": {**marker["details"], "directory": directory}})
    inside = os.open(tree.root, os.O_RDONLY)
    for name in deep.split("/"):
        os.mkdir(name, dir_fd=inside)
        deeper = os.open(name, os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = deeper
    os.close(inside)
    tree.crawl()
    states = {state for path, state, _ in tree.said if path.startswith(f"{deep}/")}
    assert states == {"stored"}
    assert {state for path, state, _ in tree.said if path.startswith("not there/")} == {"deleted"}


def test_links_are_made_on_request_alone_and_a_rewritten_file_is_noticed_by_its_bytes(tree):
    assert {path.stat().st_nlink for path in tree.originals()} == {1}
    tree.set({"link": True})
    tree.put("a/new.jpg", "two.jpg")
    tree.crawl()
    original = next(path for path in tree.originals() if "new" in path.name)
    assert original.samefile(tree.root / "a" / "new.jpg")
    status = (tree.root / "a" / "new.jpg").stat()
    other = bytearray((tree.root / "a" / "new.jpg").read_bytes())
    other[-100] ^= 1  # the same size
    (tree.root / "a" / "new.jpg").write_bytes(other)
    os.utime(tree.root / "a" / "new.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))  # and the same time
    tree.crawl()
    rows = [row for row in tree.crawler.rows("folder") if row["photo"] == "folder:a/new.jpg"]
    assert sorted(row["state"] for row in rows) == ["deleted", "stored"]
    stored = next(row for row in rows if row["state"] == "stored")
    assert tree.crawler.store.read(stored["original"]) == bytes(other)


def as_by_an_earlier_version(tree):
    """Turn the windows and originals of a crawl into those of the version that linked files and knew no owner."""
    store = tree.crawler.store
    for window in store.done_names("crawl/folder"):
        marker = store.done(f"crawl/folder/{window}")
        details = {name: marker["details"][name] for name in ("directory", "files", "layout")}
        store.mark_done(f"crawl/folder/{window}", {**marker, "details": details})
    for row in tree.crawler.rows("folder"):
        if row["original"]:
            original = Path(store.path(row["original"]))
            original.unlink()
            original.hardlink_to(tree.root / row["photo"].removeprefix("folder:"))


def test_originals_that_an_earlier_version_has_linked_become_copies(tree):
    as_by_an_earlier_version(tree)
    tree.crawl()
    assert tree.said == UNCHANGED
    assert {path.stat().st_nlink for path in tree.originals()} == {1}


def test_a_linked_original_whose_file_was_rewritten_is_marked_and_the_new_bytes_are_a_new_version(tree):
    as_by_an_earlier_version(tree)
    tree.put("a/one.jpg", "genuine-3.jpg")  # in place: the original changes, too
    (tree.root / "b" / "three.jpg").unlink()
    tree.crawl()
    assert [each[:2] for each in tree.said] == [
        ("a/one.jpg", "deleted"), ("a/one.jpg", "stored"), ("a/two.jpg", "stored"), ("b/edited.jpg", "refused"),
        ("b/three.jpg", "deleted"),
    ]  # fmt: skip
    tree.put("a/one.jpg", "genuine-0.jpg")  # its first bytes are back, but the original still has others
    tree.crawl()
    stored = next(row for row in tree.crawler.rows("folder") if row["photo"] == "folder:a/one.jpg")
    assert tree.original(stored) == (tree.root / "a" / "one.jpg").read_bytes()


def test_two_windows_of_an_earlier_version_that_have_one_name_become_one(tree):
    """That version made a new window of a rewritten file, and left the old row as it was."""
    as_by_an_earlier_version(tree)
    store = tree.crawler.store
    window = next(name for name in store.done_names("crawl/folder") if name.startswith("a-"))
    marker = store.done(f"crawl/folder/{window}")
    files = marker["details"]["files"]
    for other, changed in (("a-0000", {"one.jpg": [1, 1]}), ("a-zzzz", {"one.jpg": [2, 2], "two.jpg": NO_STATE})):
        table = store.read_table(f"crawl/folder/{window}/records.parquet")
        rows = table.filter(pc.is_in(table["title"], value_set=pa.array(changed)))
        store.publish_table(f"crawl/folder/{other}{window[-9:]}/records.parquet", rows)
        details = {"directory": "a", "files": changed, "layout": "exif"}
        store.mark_done(f"crawl/folder/{other}{window[-9:]}", {**marker, "details": details})
    assert files.keys() == {"one.jpg", "two.jpg"}
    tree.crawl()
    assert tree.said == UNCHANGED
    before = tree.crawler.tree_of_bytes()
    tree.crawl()
    assert tree.crawler.tree_of_bytes() == before


@contextlib.contextmanager
def unreadable(path):
    """Hold a lease of a file, so that nobody else can open it at once, not even root."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # the kernel asks for the lease
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError:
        os.close(file)
        pytest.skip("this file system knows no leases")
    try:
        yield
    finally:
        os.close(file)
        signal.signal(signal.SIGIO, before)


@pytest.mark.parametrize("key", [{"owner": 1}, {"link": True}])
def test_a_photograph_that_cannot_be_read_again_for_now_stays_stored(tree, key):
    tree.set(key)
    with unreadable(tree.root / "a" / "one.jpg"):
        tree.crawl()
        failed = ("a/one.jpg", "failed", None)
        assert tree.said == [failed, *UNCHANGED]
        tree.crawl()  # tried again
        assert tree.said == [failed, *UNCHANGED]
    rows = [row for row in tree.crawler.rows("folder") if row["photo"] == "folder:a/one.jpg"]
    assert {row["state"]: row["attempts"] for row in rows} == {"stored": None, "failed": 2}


def test_a_photograph_that_could_not_be_read_again_is_read_by_the_next_crawl(tree):
    tree.set({"owner": 1})
    with unreadable(tree.root / "a" / "one.jpg"):
        tree.crawl()
    tree.crawl()
    assert tree.said == UNCHANGED
    assert {row["owner_id"] for row in tree.crawler.rows("folder")} == {"a", "b"}


@pytest.mark.parametrize("owner", [1, r"(?P<owner>[^/]+)/"])
def test_another_owner_reads_the_files_again(tree, owner):
    assert {row["owner_id"] for row in tree.crawler.rows("folder")} == {None}
    windows = tree.crawler.store.done_names("crawl/folder")
    tree.set({"owner": owner})
    tree.crawl()
    assert {row["photo"]: row["owner_id"] for row in tree.crawler.rows("folder")} == {
        "folder:a/one.jpg": "a", "folder:a/two.jpg": "a", "folder:b/edited.jpg": "b", "folder:b/three.jpg": "b",
    }  # fmt: skip
    assert tree.crawler.store.done_names("crawl/folder") == windows
    before = tree.crawler.tree_of_bytes()
    tree.crawl()
    assert tree.crawler.tree_of_bytes() == before
