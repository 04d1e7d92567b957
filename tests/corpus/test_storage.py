"""What the store promises: whole files or none, markers last, nothing outside its root."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pyarrow as pa
import pytest

from corpus.errors import StorageError
from corpus.records import original_path, version_of
from corpus.storage import Store, open_store


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}-{request.node.name}")


def test_what_is_published_is_read_back(store: Store) -> None:
    store.publish("a/b.bin", b"12345")
    assert store.read("a/b.bin") == b"12345"
    assert store.read("a/b.bin", 1, 3) == b"23"
    assert store.size_bytes("a/b.bin") == 5
    assert store.names("a") == ["b.bin"]


def test_a_table_keeps_its_rows_and_equal_tables_give_equal_bytes(store: Store) -> None:
    table = pa.table({"photo": ["flickr:1", None], "n": [1, 2]})
    store.publish_table("t.parquet", table)
    store.publish_table("u.parquet", table)
    assert store.read_table("t.parquet") == table
    assert store.read("t.parquet") == store.read("u.parquet")


def test_only_a_marked_directory_is_whole(store: Store) -> None:
    store.publish("w/one/records", b"")
    store.publish("w/two/records", b"")
    store.mark_done("w/one", {"photos": 3})
    assert store.done_names("w") == ["one"]
    assert store.done("w/one") == {"photos": 3}
    assert store.done("w/two") is None


def test_what_is_missing_or_damaged_is_a_storage_error(store: Store) -> None:
    store.publish("x", b"{")
    for attempt in (
        lambda: store.read("nothing"),
        lambda: store.size_bytes("nothing"),
        lambda: store.read_json("x"),
        lambda: store.read_table("x"),
    ):
        with pytest.raises(StorageError):
            attempt()
    assert store.names("nothing") == []


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b", "a\0b"])
def test_a_path_that_leaves_the_root_is_refused(store: Store, path: str) -> None:
    with pytest.raises(StorageError, match="not a path inside"):
        store.publish(path, b"")


def test_a_writer_killed_at_any_moment_leaves_the_old_bytes_or_the_new(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    old, new = b"a" * 4_000_000, b"b" * 4_000_000
    store.publish("f", old)
    context = multiprocessing.get_context("fork")
    for delay_s in (0.0005, 0.002, 0.005, 0.01):
        writer = context.Process(target=_publish_for_ever, args=(store, new, old))
        writer.start()
        time.sleep(delay_s)
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        assert store.read("f") in (old, new)
        assert store.names(".") == ["f"]


def _publish_for_ever(store: Store, *contents: bytes) -> None:
    while True:
        for content in contents:
            store.publish("f", content)


def test_hostile_ids_give_plain_paths_and_stay_apart() -> None:
    version = version_of("v")
    for site_id in ("../../etc/passwd", "a\0b", "x" * 10_000, "é/日本", "", "4711"):
        path = original_path(f"flickr:{site_id}", version)
        assert path.startswith("originals/flickr/")
        assert len(path) < 160
        assert set(path) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./")
        assert ".." not in path
    assert original_path("folder:a/b", version) != original_path("folder:a-b", version)
    assert original_path("flickr:4711", version).endswith(f"/4711-{version}.jpg")
