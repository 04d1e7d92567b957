"""Originals of files: whose bytes they are, and what they share with the file."""

import hashlib
import os
import shutil

import pytest

from corpus.storage import open_store
from corpus.storage.requests import counted
from crawlers.download.known_originals import KnownOriginals
from crawlers.folder.files import read_file
from crawlers.folder.originals import is_whole, publish_original

ORIGINAL = "originals/folder/aa/a-0123456789.jpg"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.jpg").write_bytes(b"photo")
    return (tmp_path / "root").resolve()


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "data"))


@pytest.fixture
def publish(root, store):
    known = KnownOriginals(store, "folder")
    return lambda link=False: publish_original(
        store, ORIGINAL, read_file(root, "a.jpg", 1 << 20), link=link, known=known
    )


def test_rewriting_the_file_leaves_its_original(publish, root, store):
    assert publish()
    with (root / "a.jpg").open("r+b") as file:
        file.write(b"other")
    assert store.read(ORIGINAL) == b"photo"


def test_an_original_that_is_there_is_not_written_again(publish, store, tmp_path):
    publish()
    before = (tmp_path / "data" / ORIGINAL).stat()
    assert not publish()
    assert (tmp_path / "data" / ORIGINAL).stat().st_ino == before.st_ino


def test_a_link_is_made_on_request_and_replaced_without(publish, root, tmp_path):
    assert publish(link=True)
    assert (tmp_path / "data" / ORIGINAL).samefile(root / "a.jpg")
    assert not publish(link=True)
    assert publish()
    assert not (tmp_path / "data" / ORIGINAL).samefile(root / "a.jpg")


@pytest.mark.parametrize("data", [b"wrong", b"shorter or longer"])
def test_an_original_with_other_bytes_is_replaced(publish, store, data):
    store.publish(ORIGINAL, data)
    assert publish()
    assert store.read(ORIGINAL) == b"photo"


def test_a_file_that_changes_while_it_is_linked_or_cloned_is_published_as_it_was_read(root, store):
    file = read_file(root, "a.jpg", 1 << 20)
    (root / "a.jpg").write_bytes(b"rewritten meanwhile")
    for link in (True, False):
        publish_original(store, ORIGINAL, file, link=link, known=KnownOriginals(store, "folder"))
        assert store.read(ORIGINAL) == b"photo"
        store.remove(ORIGINAL)


def test_nothing_temporary_is_left_behind(publish, tmp_path):
    publish(link=True)
    publish()
    assert [path.name for path in (tmp_path / "data" / ORIGINAL).parent.iterdir()] == [ORIGINAL.rpartition("/")[2]]


def test_an_original_is_whole_where_its_bytes_are_those_of_its_record(publish, store):
    publish()
    assert is_whole(store, ORIGINAL, hashlib.sha256(b"photo").hexdigest())
    assert not is_whole(store, ORIGINAL, hashlib.sha256(b"other").hexdigest())
    assert not is_whole(store, "originals/folder/none.jpg", "")


def test_where_the_file_system_can_the_original_shares_the_files_blocks(tmp_path):
    """Needs a folder on Btrfs or XFS: SHUTTERPRINT_REFLINK_FOLDER names it."""
    folder = os.environ.get("SHUTTERPRINT_REFLINK_FOLDER")
    if not folder:
        pytest.skip("SHUTTERPRINT_REFLINK_FOLDER names no folder on a file system with shared blocks")
    base = tmp_path.__class__(folder) / tmp_path.name
    (base / "root").mkdir(parents=True)
    try:
        data = os.urandom(64 << 20)
        (base / "root" / "a.jpg").write_bytes(data)
        os.sync()
        free_bytes = shutil.disk_usage(base).free
        store = open_store(str(base / "data"))
        file = read_file((base / "root").resolve(), "a.jpg", 1 << 30)
        publish_original(store, ORIGINAL, file, link=False, known=KnownOriginals(store, "folder"))
        os.sync()
        assert store.read(ORIGINAL) == data
        assert free_bytes - shutil.disk_usage(base).free < 8 << 20
    finally:
        shutil.rmtree(base)


def test_in_an_object_store_originals_are_listed_once_instead_of_looked_for(bucket, root):
    store = open_store(bucket)
    store.publish(ORIGINAL, b"photo")
    file, known = read_file(root, "a.jpg", 1 << 20), KnownOriginals(store, "folder")
    others = [ORIGINAL.replace("a-", f"{name}-") for name in "bcdef"]
    assert not publish_original(store, ORIGINAL, file, link=False, known=known)
    with counted() as requests:
        told = [publish_original(store, other, file, link=False, known=known) for other in others * 2]
        assert dict(requests()) == {"PUT": 5}
    assert told == [True] * 5 + [False] * 5
    assert {store.read(path) for path in (ORIGINAL, *others)} == {b"photo"}
