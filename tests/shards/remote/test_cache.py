"""The cache of one machine: bounded, shared, whole after any death, and never a reason to stop."""

import hashlib
import logging
import mmap
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from corpus.errors import StorageError, StorageUnavailableError
from corpus.sections import Training
from corpus.storage import open_store
from shards.remote import cache as cache_module
from shards.remote.cache import LocalCache, open_cache, private_folder


@pytest.fixture
def remote(tmp_path):
    """An object store with files of 1,000 bytes each, `0` to `9`."""
    store = open_store(f"memory://bucket{tmp_path}")
    for number in range(10):
        store.publish(f"tars/{number}", bytes([number]) * 1000)
    return store


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "FRESH_S", 0.0)
    return LocalCache(tmp_path / "cache", 3500)


@pytest.fixture
def counted(monkeypatch):
    """Return the list of the files that were fetched from a store since."""
    fetched = []
    plain = cache_module.read_parts

    def read_parts(store, relative, size_bytes):
        fetched.append(relative)
        yield from plain(store, relative, size_bytes)

    monkeypatch.setattr(cache_module, "read_parts", read_parts)
    return fetched


def sha256_of(data):
    return hashlib.sha256(data).hexdigest()


def names(cache):
    return sorted(path.name for path in cache.folder.rglob("*") if path.is_file() and ".locks" not in path.parts)


def test_a_file_is_fetched_once_and_then_is_here(remote, cache, counted):
    for _ in range(3):
        assert cache.keep(remote, "tars/1").read_bytes() == b"\1" * 1000
        assert cache.open(remote, "tars/1").read(4) == b"\1" * 4
    assert counted == ["tars/1"]
    assert names(cache) == ["1"]
    again = pickle.loads(pickle.dumps(cache))
    assert again.keep(remote, "tars/1") == cache.keep(remote, "tars/1")


def test_a_file_of_a_folder_stays_where_it_is(tmp_path, cache):
    store = open_store(str(tmp_path / "data"))
    store.publish("tars/1", b"data")
    assert cache.keep(store, "tars/1") == tmp_path / "data/tars/1"
    assert not cache.folder.exists()
    with pytest.raises(StorageError, match="no file tars/2"):
        cache.open(store, "tars/2")


def test_the_least_recently_used_goes_first_and_the_bound_holds(remote, cache, counted):
    for number in (1, 2, 3, 1, 4):  # 4 needs room: of 1, 2, 3 the second was not used for longest
        cache.keep(remote, f"tars/{number}")
        assert cache.size_bytes() <= 3500
        time.sleep(0.01)
    assert names(cache) == ["1", "3", "4"]
    assert counted == ["tars/1", "tars/2", "tars/3", "tars/4"]


def test_a_file_that_is_mapped_stays_readable_when_it_is_removed(remote, cache):
    with cache.keep(remote, "tars/1").open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        for number in range(2, 8):
            cache.keep(remote, f"tars/{number}")
        assert "1" not in names(cache)
        assert mapped[:] == b"\1" * 1000


def test_what_was_asked_for_just_now_is_not_removed(remote, cache, monkeypatch, caplog):
    monkeypatch.setattr(cache_module, "FRESH_S", 60.0)
    for number in range(3):
        cache.keep(remote, f"tars/{number}")
    with caplog.at_level(logging.WARNING):
        assert cache.keep(remote, "tars/3") is None
        assert cache.open(remote, "tars/3").read() == b"\3" * 1000
    assert names(cache) == ["0", "1", "2"]
    assert "in use; raise train.cache_gb" in caplog.text


def test_two_roots_and_two_services_are_told_apart(remote, cache, monkeypatch):
    here = cache.keep(remote, "tars/1")
    assert cache.keep(open_store(f"{remote.url}/tars"), "1") != here
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://another.example")
    assert cache.keep(remote, "tars/1") != here


def test_a_file_that_the_store_lacks_is_named_and_leaves_nothing(remote, cache):
    for act in (cache.keep, cache.open):
        with pytest.raises(StorageError, match="no file tars/none"):
            act(remote, "tars/none")
    assert names(cache) == []


def test_a_file_whose_digest_is_told_is_never_stale_and_is_compared(remote, cache, counted):
    first, second = bytes([1]) * 1000, b"published again"
    for _ in range(2):
        assert cache.file(remote, "tars/1", sha256_of(first)).read_bytes() == first
    remote.publish("tars/1", second)
    assert cache.file(remote, "tars/1", sha256_of(second)).read_bytes() == second
    assert counted == ["tars/1"] * 2
    assert cache.file(remote, "tars/1", sha256_of(first)).read_bytes() == first  # whoever has the old index
    with pytest.raises(StorageError, match=r"tars/2 has SHA-256 \w+, not \w+ as published; remove it, then curate"):
        cache.file(remote, "tars/2", sha256_of(second))
    assert names(cache) == sorted(f"1.{sha256_of(data)}" for data in (first, second))


def test_threads_that_want_one_file_fetch_it_once(remote, cache, counted):
    threads = [threading.Thread(target=cache.keep, args=(remote, "tars/5")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted == ["tars/5"]


_READER = """
import random, sys
from corpus.storage import open_store
from shards.remote import cache

url, folder, seed, fresh_s = sys.argv[1:]
cache.FRESH_S = float(fresh_s)
store, kept = open_store(url), cache.LocalCache(folder, 300_000)
rng, most_bytes = random.Random(seed), 0
for _ in range(80):
    number = rng.randrange(12)
    with kept.open(store, f"{number}") as file:
        assert file.read() == bytes([number]) * 50_000
    most_bytes = max(most_bytes, kept.size_bytes())
print(most_bytes)
"""


@pytest.mark.slow
@pytest.mark.parametrize("fresh_s", ["0", "10"])
def test_processes_share_a_folder_that_is_too_small_for_them(bucket, tmp_path, repository, fresh_s):
    store = open_store(f"{bucket}/{tmp_path.name}")
    for number in range(12):
        store.publish(f"{number}", bytes([number]) * 50_000)
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", _READER, store.url, str(tmp_path / "cache"), str(seed), fresh_s],
            cwd=repository, stdout=subprocess.PIPE,
        )
        for seed in range(3)
    ]  # fmt: skip
    for reader in readers:
        told, _ = reader.communicate(timeout=200)
        assert reader.returncode == 0
        assert 250_000 <= int(told) <= 300_000


_KILLED = """
import sys, time
from shards.remote import cache
from corpus.storage import Store

def parts(store, relative, size_bytes):
    yield b"half"
    print("begun", flush=True)
    time.sleep(60)

cache.read_parts = parts
Store.size_bytes = lambda self, relative: 1000
cache.LocalCache(sys.argv[1], 3500).keep(Store("memory://bucket"), "tars/1")
"""


def test_kill_9_leaves_no_half_file_and_what_it_leaves_is_removed(remote, cache, tmp_path, repository):
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(cache.folder)], stdout=subprocess.PIPE, cwd=repository
    )
    assert process.stdout.readline() == b"begun\n"
    assert cache.size_bytes() == 1000  # under way, it counts whole
    for number in (2, 3):
        cache.keep(remote, f"tars/{number}")  # while it lives, what it writes is left alone
    assert len(names(cache)) == 3
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert "1" not in names(cache)
    cache.keep(remote, "tars/4")
    assert names(cache) == ["2", "3", "4"]
    assert cache.keep(remote, "tars/1").read_bytes() == b"\1" * 1000


@pytest.mark.parametrize("trouble", ["full", "readonly", "small"])
def test_without_room_reading_goes_on_and_one_line_says_so(remote, tmp_path, monkeypatch, caplog, trouble):
    cache = LocalCache(tmp_path / "cache", 100 if trouble == "small" else 10_000)
    if trouble == "full":

        def refuse(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", refuse)
    if trouble == "readonly":
        (tmp_path / "cache").write_bytes(b"a file, so that no folder can be made there")
    with caplog.at_level(logging.WARNING):
        for number in (1, 2, 1):
            assert cache.open(remote, f"tars/{number}").read() == bytes([number]) * 1000
            assert cache.keep(remote, f"tars/{number}") is None
            assert cache.file(remote, f"tars/{number}", sha256_of(bytes([number]) * 1000)) == bytes([number]) * 1000
        with pytest.raises(StorageError, match=r"tars/3 has SHA-256 .* as published"):
            cache.file(remote, "tars/3", sha256_of(b"another"))
    assert len(caplog.records) == 1
    assert "reading goes on without it" in caplog.text
    if trouble != "readonly":
        assert names(cache) == []


def test_the_folder_of_its_own_is_private(remote, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    cache = open_cache(None, 2.5)
    assert list(tmp_path.iterdir()) == []  # it is made when a file comes
    cache.keep(remote, "tars/1")
    folder = private_folder()
    assert cache.folder == folder == LocalCache().folder
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert cache.max_bytes == 2_500_000_000
    assert open_cache("~/kept", 1).folder == Path.home() / "kept"
    folder.chmod(0o777)
    with pytest.raises(StorageUnavailableError, match=r"only this user can read; remove it, name another"):
        LocalCache().keep(remote, "tars/1")
    shutil.rmtree(folder)
    folder.symlink_to(tmp_path)
    with pytest.raises(StorageUnavailableError, match="only this user"):
        private_folder()


def test_without_settings_it_is_what_they_say_by_default():
    settings = Training()
    default = open_cache(settings.cache_folder, settings.cache_gb)
    assert (default._folder, default.max_bytes) == (None, LocalCache().max_bytes)
