"""Slices of time: queries with more photos than a site will list."""

import dataclasses
from collections import Counter

import pytest

pytestmark = pytest.mark.slow

DAY_S = 86400


@pytest.fixture(scope="module")
def many(uploads):
    """Return 3,500 uploads over a day by one camera, 4,100 within a minute by another, and 1,200 on the wiki.

    None is ever downloaded: their licence is not allowed, or they are no JPEG.
    """
    model = uploads.of("flickr")[0]
    first_s = model.uploaded_at_s

    def upload(number, site, camera, at_s):
        return dataclasses.replace(
            model, id=str(10_000 + number), site=site, claimed_camera=camera, uploaded_at_s=at_s, licence="0"
        )

    listed = [upload(number, "flickr", "acme-one", first_s + number * 24) for number in range(3500)]
    listed += [upload(3500 + number, "flickr", "acme-two", first_s + 7000 + number % 60) for number in range(4100)]
    listed += [upload(7600 + number, "wikimedia", "acme-one", first_s + number * 70) for number in range(1200)]
    folder = dataclasses.replace(uploads, listed=listed).write_again()
    (folder.folder / model.file).write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def test_slices_are_halved_until_all_photos_are_listed_and_a_capped_slice_is_marked(many, start_site, make_crawler):
    crawler = make_crawler(start_site(many, numbers_as_text=True))
    crawl = crawler.run("flickr", "sources.flickr.until='2020-01-02'")
    assert crawl.exit_code == 0, crawl.log
    markers = [crawler.store.done(f"crawl/flickr/{name}") for name in crawler.store.done_names("crawl/flickr")]
    of_one = [marker["details"] for marker in markers if marker["details"]["query"] == "acme/one"]
    assert len(of_one) == 2
    assert not any(details["capped"] for details in of_one)
    capped = [marker["details"] for marker in markers if marker["details"]["capped"]]
    assert [(details["query"], details["total"]) for details in capped] == [("acme/two", 4100)]
    assert capped[0]["window"][1] - capped[0]["window"][0] < 600
    rows = crawler.rows("flickr")
    assert Counter(row["claimed_camera"] for row in rows) == {"acme-one": 3500, "acme-two": 4000}
    assert len({row["photo"] for row in rows}) == 7500
    tiles = sorted(details["window"] for details in of_one)
    assert tiles[0][1] == tiles[1][0]
    assert (tiles[0][0], tiles[1][1]) == (1577836800, 1577836800 + DAY_S)


def test_a_later_crawl_asks_only_for_the_time_since_the_last_one(many, start_site, make_crawler):
    site = start_site(many)
    crawler = make_crawler(site)
    assert crawler.run("flickr", "sources.flickr.until=2020-01-01T06:00", "cameras=[acme-one]").exit_code == 0
    first = set(crawler.tree_of_bytes())
    assert crawler.run("flickr", "sources.flickr.until=2020-01-01T07:00", "cameras=[acme-one]").exit_code == 0
    names = crawler.store.done_names("crawl/flickr")
    assert [name.partition("_acme")[0] for name in names] == [
        "20200101T000000Z_20200101T060000Z",
        "20200101T060000Z_20200101T070000Z",
    ]
    assert first < set(crawler.tree_of_bytes())
    assert len(crawler.rows("flickr")) == 7 * 150


def test_a_category_larger_than_one_answer_is_listed_in_slices(many, start_site, make_crawler):
    crawler = make_crawler(start_site(many))
    crawl = crawler.run("wikimedia", "cameras=[acme-one]", "sources.wikimedia.until='2020-01-02'")
    assert crawl.exit_code == 0, crawl.log
    rows = crawler.rows("wikimedia")
    assert len({row["photo"] for row in rows}) == len(rows) == 1200
    assert {tuple(row["reasons"]) for row in rows} == {("not_jpeg",)}
    assert len(crawler.store.done_names("crawl/wikimedia")) > 2
