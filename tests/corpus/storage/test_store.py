"""What the store promises: whole files or none, markers last, nothing outside its root."""

import errno
import json
import multiprocessing
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import ConfigurationError, StorageError, StorageUnavailableError
from corpus.records import original_path, version_of
from corpus.storage import Store, json_bytes, open_store


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}-{request.node.name}")


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return a store of each kind."""
    if request.param == "s3":
        return open_store(request.getfixturevalue("bucket"))
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


def test_a_file_is_created_whole_where_none_stands_and_nowhere_else(place: Store) -> None:
    assert place.create("a/b", b"first")
    assert not place.create("a/b", b"second")
    assert place.read("a/b") == b"first"
    place.remove("a/b")
    assert place.create("a/b", b"third")


def test_of_many_that_create_one_file_one_wins(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    context = multiprocessing.get_context("fork")
    wins, begin = context.Queue(), context.Barrier(4)

    def work(name: bytes) -> None:
        begin.wait(30)
        wins.put((name, [number for number in range(100) if store.create(f"d/{number}", name * 1000)]))

    workers = [context.Process(target=work, args=(name,)) for name in (b"a", b"b", b"c", b"d")]
    for worker in workers:
        worker.start()
    won = [(number, name) for name, numbers in (wins.get(timeout=60) for _ in workers) for number in numbers]
    for worker in workers:
        worker.join(60)
    assert sorted(number for number, _ in won) == list(range(100))
    assert all(store.read(f"d/{number}") == name * 1000 for number, name in won)
    assert len(list((tmp_path / "d").iterdir())) == 100, "no temporary file is left"


def test_a_folder_without_hard_links_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(StorageError, match="hard links"):
        open_store(str(tmp_path)).create("a", b"")
    assert list(tmp_path.iterdir()) == []


def test_the_time_of_writing_is_told(place: Store) -> None:
    began_s = time.time()
    place.publish("a/b", b"")
    assert began_s - 2 < place.modified_at_s("a/b") < time.time() + 2
    with pytest.raises(StorageError, match="no file"):
        place.modified_at_s("nothing")


def test_files_and_whole_directories_are_removed_and_nothing_beside_them(place: Store) -> None:
    for path in ("w/one/records", "w/one/deep/er", "w/one-more", "w/two"):
        place.publish(path, b"")
    place.mark_done("w/one", {})
    place.remove("w/two")
    place.remove("w/one")
    place.remove("w/one")
    place.remove("w/nothing")
    place.remove("w/one-more/nothing")
    assert place.names("w") == ["one-more"]
    assert not place.exists("w/one/records")


@pytest.mark.parametrize("path", [".", "", "a/..", "../x", "/"])
def test_the_root_is_not_removed(store: Store, path: str) -> None:
    store.publish("a", b"")
    with pytest.raises(StorageError):
        store.remove(path)
    assert store.names(".") == ["a"]


def test_a_removal_cut_off_in_between_leaves_a_directory_that_is_not_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(path: object) -> None:
        raise KeyboardInterrupt

    for name in ("a", "records", "z"):
        store.publish(f"w/{name}", b"")
    store.mark_done("w", {})
    if store.is_local:
        monkeypatch.setattr(shutil, "rmtree", cut_off)
    else:
        remove = store.filesystem.rm_file
        monkeypatch.setattr(
            store.filesystem, "rm_file", lambda path: (remove if path.endswith("_done.json") else cut_off)(path)
        )
    with pytest.raises(KeyboardInterrupt):
        store.remove("w")
    assert store.done("w") is None
    assert store.names("w") == ["a", "records", "z"]


def test_removing_a_file_leaves_a_directory_of_its_name(place: Store) -> None:
    place.publish("w/a", b"1")
    place.remove_file("w")
    assert place.names("w") == ["a"]
    place.remove_file("w/a")
    place.remove_file("w/a")
    assert place.names("w") == []


def test_a_path_to_be_removed_is_no_pattern(place: Store) -> None:
    for path in ("w/a", "w/[a]", "w/*", "w/?/x", "w/b/x"):
        place.publish(path, b"")
    for path in ("w/[a]", "w/*", "w/?"):
        place.remove(path)
    assert place.names("w") == ["a", "b"]


def test_what_another_process_has_done_since_a_listing_is_seen(bucket: str) -> None:
    import boto3

    store = open_store(bucket)
    store.publish("a/b", b"1")
    assert store.names("a") == ["b"]
    other, (name, _, prefix) = boto3.client("s3"), store.path("a").partition("/")
    other.put_object(Bucket=name, Key=f"{prefix}/c", Body=b"12")
    other.delete_object(Bucket=name, Key=f"{prefix}/b")
    assert store.exists("a/c")
    assert store.size_bytes("a/c") == 2
    assert not store.exists("a/b")


def test_old_leftovers_of_killed_writers_are_swept_and_nothing_else(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    for name, age_s in ((".tmp-1-old", 7200), (".tmp-2-young", 60), ("old", 7200), ("deep/.tmp-3", 7200)):
        store.publish(f"d/{name}", b"")
        written_s = time.time() - age_s
        os.utime(tmp_path / "d" / name, (written_s, written_s))
    assert store.sweep_temporary("d", older_than_s=3600) == 1
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == [".tmp-2-young", "deep", "old"]
    assert store.sweep_temporary("nothing", older_than_s=0) == 0


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


def test_a_folder_may_have_any_name_chains_of_file_systems_included(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "co::lon"))
    store.publish("a/b.bin", b"12345")
    assert (tmp_path / "co::lon" / "a" / "b.bin").read_bytes() == store.read("a/b.bin")
    assert store.names("a") == ["b.bin"]
    assert open_store(f"file://{tmp_path}/co::lon").url == store.url


@pytest.mark.parametrize(
    "url",
    ["ftp://x/y", "s3:/bucket", "s3://", "file://x", "memory://a::s3://b", "file:///a::s3://b", "~nobody-there/x", ""],
)
def test_an_address_that_is_no_storage_is_told_with_the_address(url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^storage: {re.escape(url)}"):
        open_store(url)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.dictionaries(st.integers(), inner, max_size=2)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(VALUES)
def test_json_is_spelled_as_the_standard_library_spells_it_with_an_indent(value: object) -> None:
    wanted = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert json_bytes(value) == wanted.encode()


def test_a_listing_of_all_files_below_a_folder_names_whole_ones_and_passes_over_no_refusal(tmp_path, monkeypatch):
    store = open_store(str(tmp_path))
    assert store.entries("w") == {}
    for path in ("w/2019_a/x", "w/2020_a/x", "w/2020_a/.tmp-1", "w/y", "v/x"):
        store.publish(path, b"12")
    before = store.entries("w")
    assert [(path, entry.size_bytes) for path, entry in before.items()] == [
        ("w/2019_a/x", 2), ("w/2020_a/x", 2), ("w/y", 2),
    ]  # fmt: skip
    assert list(store.entries("w", "2020")) == ["w/2020_a/x"]
    store.publish("w/y", b"34")
    assert store.entries("w")["w/y"].state != before["w/y"].state
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("2020_a"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(StorageUnavailableError, match="permission is denied"):
        store.entries("w")
