"""A downloaded file is compared with what its site states of it."""

import dataclasses
import hashlib
from collections import Counter

from corpus.records import original_path
from corpus.storage import open_store
from crawlers.download.known_originals import KnownOriginals
from crawlers.download.photo import PhotoDownloader, differs
from crawlers.windows.records import ListedPhoto


def test_bytes_are_compared_with_what_the_site_states():
    photo = ListedPhoto("flickr:1", "flickr", size_bytes=3)
    assert differs(photo, b"abc") is None
    assert "states 3 bytes and served 2" in differs(photo, b"ab")
    stated = ListedPhoto("wikimedia:1", "wikimedia", site_sha1=hashlib.sha1(b"abc").hexdigest())
    assert differs(stated, b"abc") is None
    assert "SHA-1" in differs(stated, b"abd")


def test_an_original_that_is_here_counts_only_with_the_bytes_that_the_site_states(tmp_path):
    store = open_store(str(tmp_path))
    listed = ListedPhoto("wikimedia:1", "wikimedia", "0123456789", site_sha1=hashlib.sha1(b"abc").hexdigest())
    path = original_path("wikimedia:1", "0123456789")
    downloader = PhotoDownloader(store, KnownOriginals(store, "wikimedia"), None, None, None, Counter())
    store.publish(path, b"planted")
    assert downloader._known_row(listed, path) is None
    assert downloader._known_row(dataclasses.replace(listed, site_sha1=None), path)["state"] == "stored"
    store.publish(path, b"abc")
    assert downloader._known_row(listed, path)["state"] == "stored"
