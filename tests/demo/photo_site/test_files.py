"""The photo site sends its files whole and in parts, as HTTP has it."""

import pytest
import requests

from demo.photo_site.content.files import parse_range


@pytest.fixture
def photo(flickr, open_site, small_uploads):
    """Return the address and the bytes of one original."""
    site = open_site()
    url = flickr(site, camera="birch/two", extras="url_o")["photos"]["photo"][0]["url_o"]
    return url, (small_uploads / "flickr-111.jpg").read_bytes()


def get(url, **headers):
    return requests.get(url, headers={name.replace("_", "-"): text for name, text in headers.items()}, timeout=10)


def test_whole_file_comes_with_type_length_and_validators(photo):
    url, content = photo
    answer = get(url)
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Last-Modified"] == "Sun, 13 Sep 2020 15:30:00 GMT"
    assert answer.headers["ETag"].startswith('"')


def test_range_is_sent_with_its_place_in_the_whole(photo):
    url, content = photo
    answer = get(url, Range="bytes=10-99")
    assert (answer.status_code, answer.content) == (206, content[10:100])
    assert answer.headers["Content-Range"] == f"bytes 10-99/{len(content)}"
    assert get(url, Range="bytes=100-").content == content[100:]
    assert get(url, Range="bytes=-7").content == content[-7:]
    assert get(url, Range="bytes=0-999999").headers["Content-Range"] == f"bytes 0-{len(content) - 1}/{len(content)}"


def test_range_behind_the_end_is_refused_with_the_size(photo):
    url, content = photo
    answer = get(url, Range=f"bytes={len(content)}-")
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(content)}"


def test_range_of_another_version_brings_the_whole_file(photo):
    url, content = photo
    etag = get(url).headers["ETag"]
    assert get(url, Range="bytes=0-9", If_Range=etag).status_code == 206
    assert get(url, Range="bytes=0-9", If_Range="Sun, 13 Sep 2020 15:30:00 GMT").status_code == 206
    stale = get(url, Range="bytes=0-9", If_Range='"other"')
    assert (stale.status_code, stale.content) == (200, content)


def test_head_has_the_headers_alone(photo):
    url, content = photo
    answer = requests.head(url, timeout=10)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(content))


def test_originals_of_the_wiki_are_served_byte_for_byte(wiki, open_site, client, small_uploads):
    query = {"titles": "File:Harbour at dusk & 203 203.jpg", "prop": "imageinfo", "iiprop": "url"}
    url = wiki(open_site(), **query)["query"]["pages"][0]["imageinfo"][0]["url"]
    assert client.get(url, timeout=10).content == (small_uploads / "wikimedia-203.jpg").read_bytes()
    assert requests.get(url, timeout=10).status_code == 403  # names nobody to write to


def test_unknown_paths_are_not_found(open_site):
    site = open_site()
    for path in ("/", "/flickr-files/111_0000000000_o.jpg", "/../uploads.json", "/uploads.json"):
        assert get(site.url + path).status_code == 404


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=90-200", (90, 100)),
        ("bytes=-200", (0, 100)),
        ("bytes=100-", (100, 100)),
        ("bytes=-0", (100, 100)),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=0-1,4-5", None),
        ("pixels=0-1", None),
    ],
)
def test_ranges_are_read_as_the_rfc_says(text, span):
    assert parse_range(text, 100) == span
