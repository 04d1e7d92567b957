"""The fetcher asks for ranges or for the whole file, whichever costs less; a photo's row is the same either way."""

import dataclasses
from collections import Counter

import pytest
import yaml

from corpus.sections import Rules
from crawlers.download.fetcher import DECISIONS_KEPT, Fetcher, page_instead
from crawlers.vetting.door import Door
from crawlers.windows.records import ListedPhoto

pytestmark = pytest.mark.slow

PHOTOS = 24


@pytest.fixture
def fetcher(cameras):
    async def nobody(request):
        raise AssertionError("these tests ask for nothing")

    return Fetcher(nobody, Door(cameras, cameras, Rules(), 1 << 20), header_bytes=4096)


def test_the_first_photos_of_a_query_are_fetched_in_ranges(fetcher):
    listed = ListedPhoto("flickr:1", "flickr", claimed_camera="acme-one")
    for _ in range(8):
        assert not fetcher.asks_whole(listed)
        fetcher.decisions["acme-one"].append(False)
    fetcher.decisions["acme-one"].append(False)
    assert fetcher.asks_whole(listed)


@pytest.mark.parametrize(("refused", "is_whole"), [(0, True), (4, True), (5, False), (50, False)])
def test_files_are_fetched_whole_where_less_than_a_tenth_of_the_last_were_refused(fetcher, refused, is_whole):
    fetcher.decisions["acme-one"] += [True] * 100 + [True] * refused + [False] * (DECISIONS_KEPT - refused)
    assert fetcher.asks_whole(ListedPhoto("flickr:1", "flickr", claimed_camera="acme-one")) is is_whole


def test_each_camera_has_its_own_decisions(fetcher):
    fetcher.decisions["acme-one"] += [False] * DECISIONS_KEPT
    assert fetcher.asks_whole(ListedPhoto("flickr:1", "flickr", claimed_camera="acme-one"))
    assert not fetcher.asks_whole(ListedPhoto("flickr:1", "flickr", claimed_camera="acme-two"))
    assert not fetcher.asks_whole(ListedPhoto("flickr:1", "flickr"))


@pytest.mark.parametrize(("size_bytes", "is_whole"), [(None, False), (8192, True), (8193, False)])
def test_a_file_known_to_be_hardly_longer_than_a_header_is_fetched_whole(fetcher, size_bytes, is_whole):
    assert fetcher.asks_whole(ListedPhoto("wikimedia:1", "wikimedia", size_bytes=size_bytes)) is is_whole


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty answer"),
        (b"\xef\xbb\xbf <!doctype HTML>", "an HTML page"),
        (b"<?xml version='1.0'?>", "an HTML or XML page"),
        ("Zu viele Anfragen, bitte später".encode(), "a text"),
        ("später".encode("latin-1"), "a text"),
        ("<html>".encode("utf-16"), "a text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), None),
        (b"GIF89a\x01\x00", None),
        (bytes(10), None),
    ],
)
def test_a_page_is_distinguished_from_a_picture_of_another_kind(data, what):
    assert page_instead(data) == what


def asked(site, since=0):
    """Return the requests of files in order: the path, and whether a range was asked for."""
    return [(request.path, bool(request.range_header)) for request in site.requests[since:] if request.file]


def test_a_photo_has_the_same_row_whether_it_is_fetched_in_ranges_or_whole(start_site, make_crawler):
    site = start_site()
    by_ranges, whole = make_crawler(site), make_crawler(site)
    assert by_ranges.run("wikimedia", "crawl.header_bytes=1024").exit_code == 0
    before = len(site.requests)
    assert whole.run("wikimedia", "crawl.header_bytes=1048576").exit_code == 0  # all files are smaller
    assert all(is_range for _, is_range in asked(site)[: len(asked(site)) - len(asked(site, before))])
    assert not any(is_range for _, is_range in asked(site, before))
    rows = by_ranges.rows("wikimedia")
    assert {row["state"] for row in rows} == {"stored", "refused"}
    assert whole.rows("wikimedia") == rows


@pytest.fixture(scope="module")
def genuine(uploads):
    """Return many uploads of one camera, none of which is refused."""
    some = [each for each in uploads.of("flickr") if each.file.startswith("genuine")]
    begin_s = some[0].uploaded_at_s
    many = [
        dataclasses.replace(some[number % len(some)], id=str(2000 + number), uploaded_at_s=begin_s + 60 * number)
        for number in range(PHOTOS)
    ]
    return dataclasses.replace(uploads, listed=many).write_again()


def test_where_nothing_is_refused_photos_soon_cost_one_request_each(genuine, start_site, make_crawler):
    site = start_site(genuine)
    crawler = make_crawler(site)
    assert crawler.run("flickr", "sources.flickr.file_requests=1", "cameras=[acme-one]").exit_code == 0
    assert {row["state"] for row in crawler.rows("flickr")} == {"stored"}
    requests = Counter(path for path, _ in asked(site))
    assert len(requests) == PHOTOS
    # nine photos decide; two are in work at a time, so one or two more start before the last of the nine is done
    assert sorted(requests.values())[-9:] == [2] * 9
    assert sum(requests.values()) <= PHOTOS + 11


def test_photos_that_the_catalogue_gives_to_two_cameras_fail_with_a_sentence_and_are_retried(
    start_site, make_crawler, cameras_file
):
    crawler = make_crawler(start_site())
    cameras = yaml.safe_load(cameras_file.read_text())
    cameras["acme-copy"] = {"name": "Acme Copy", "make": ["Acme"], "model": ["One"], "sizes": ["320x240"]}
    catalogue = crawler.folder / "cameras.yaml"
    catalogue.write_text(yaml.safe_dump(cameras))
    crawler.tree["catalogue"] = str(catalogue)
    crawl = crawler.run("flickr")
    assert crawl.exit_code == 0, crawl.log
    rows = crawler.rows("flickr")
    failed = [row for row in rows if row["state"] == "failed"]
    assert len(failed) >= 4
    for row in failed:
        assert row["is_transient"]
        assert "is taken by acme-copy, acme-one; narrow their model patterns" in row["error"]
    assert {row["claimed_camera"] for row in rows if row["state"] == "stored"} == {"acme-two"}
