"""A downloaded file is compared with what its site states of it."""

import hashlib

from crawlers.download.photo import differs
from crawlers.windows.records import ListedPhoto


def test_bytes_are_compared_with_what_the_site_states():
    photo = ListedPhoto("flickr:1", "flickr", size_bytes=3)
    assert differs(photo, b"abc") is None
    assert "states 3 bytes and served 2" in differs(photo, b"ab")
    stated = ListedPhoto("wikimedia:1", "wikimedia", site_sha1=hashlib.sha1(b"abc").hexdigest())
    assert differs(stated, b"abc") is None
    assert "SHA-1" in differs(stated, b"abd")
