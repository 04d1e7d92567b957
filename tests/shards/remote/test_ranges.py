"""Range reads: the same bytes from every object store, and the sentence of what the store cannot give."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from corpus.errors import StorageError, StorageUnavailableError
from corpus.storage import open_store
from shards.remote import ranges
from shards.remote.ranges import RangeReads

DATA = bytes(range(256)) * 40


@pytest.fixture(params=["memory", "s3"])
def remote(request, tmp_path):
    """Return an object store of each kind, with one file."""
    url = f"{request.getfixturevalue('bucket')}/{tmp_path.name}" if request.param == "s3" else f"memory://{tmp_path}"
    store = open_store(url)
    store.publish("shards/tars/a.tar", DATA)
    return store


@pytest.mark.parametrize(("start", "end"), [(0, 4), (100, 5000), (10200, 10240), (10200, 10300), (10240, 10250)])
def test_a_range_is_what_the_file_has_there(remote, start, end):
    reads = RangeReads(remote)
    assert reads.read("shards/tars/a.tar", start, end) == DATA[start:end]
    assert reads.submit("shards/tars/a.tar", start, end).result() == DATA[start:end]
    reads.close()


def test_s3_is_read_by_obstore(bucket):
    assert RangeReads(open_store(bucket))._client is not None


def test_a_missing_file_is_named(remote):
    with pytest.raises(StorageError, match=r"no file shards/tars/b\.tar"):
        RangeReads(remote).read("shards/tars/b.tar", 0, 4)


def test_a_service_that_refuses_is_told_as_the_store_tells_it(bucket):
    store = open_store("s3://no-such-bucket/prefix")
    with pytest.raises(StorageUnavailableError, match="there is no such bucket"):
        RangeReads(store).read("a.tar", 0, 4)


def test_several_threads_share_one(remote):
    reads = RangeReads(remote, 4)
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda at: reads.read("shards/tars/a.tar", at, at + 10), range(0, 400, 10)))
    assert b"".join(parts) == DATA[:400]


def test_a_forked_child_reads_without_the_threads_that_its_parent_has(bucket, monkeypatch):
    assert RangeReads(open_store(bucket))._client is not None
    monkeypatch.setattr(ranges, "_runtime_of", os.getpid() + 1)  # as a child of that process sees it
    store = open_store(f"{bucket}/forked")
    store.publish("a", DATA)
    reads = RangeReads(store)
    assert reads._client is None
    assert reads.read("a", 3, 9) == DATA[3:9]


def test_credentials_that_are_missing_are_told(bucket, monkeypatch, tmp_path):
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(StorageUnavailableError, match="there are no credentials on this machine"):
        RangeReads(open_store(bucket)).read("a", 0, 1)
    s3fs.S3FileSystem.clear_instance_cache()
