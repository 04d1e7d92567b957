"""A store with originals for the tests of examination."""

import hashlib

import pytest

from corpus.storage import open_store
from curation.facts.examine import Original


@pytest.fixture
def store(tmp_path):
    return open_store("data", tmp_path)


@pytest.fixture
def put(store):
    """Return what stores bytes and returns them as an original."""

    def store_it(data, name="1", sha256=None):
        store.publish(f"originals/{name}.jpg", data)
        digest = sha256 or hashlib.sha256(data).hexdigest()
        return Original(f"flickr:{name}", "v", f"originals/{name}.jpg", digest)

    return store_it
