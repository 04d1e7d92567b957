"""`scrapy crawl flickr` against a site that answers as Flickr does."""

import base64
import dataclasses
import re

import pytest

from corpus.records import RECORD
from demo.photo_site.server.site import API_KEY
from forensics.header import read_facts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(start_site):
    return start_site(numbers_as_text=True, delay_s=0.03)


@pytest.fixture(scope="module")
def crawler(site, make_crawler):
    return make_crawler(site)


@pytest.fixture(scope="module")
def crawl(crawler):
    return crawler.run("flickr", "sources.flickr.file_requests=3", log_level="DEBUG")


@pytest.fixture(scope="module")
def rows(crawl, crawler):
    return {row["photo"]: row for row in crawler.rows("flickr")}


def test_the_crawl_succeeds_and_leaves_a_receipt(crawl, crawler, uploads):
    assert crawl.exit_code == 0, crawl.log
    receipt = crawler.store.read_json("receipts/crawl-flickr.json")
    assert receipt["found"] == receipt["stored"] + receipt["refused"] == len(uploads.of("flickr"))


def test_every_upload_has_exactly_one_row(crawl, crawler, uploads):
    rows = crawler.rows("flickr")
    assert sorted(row["photo"] for row in rows) == sorted(f"flickr:{each.id}" for each in uploads.of("flickr"))


def test_genuine_photos_are_stored_byte_for_byte(rows, crawler, uploads):
    for each in uploads.of("flickr"):
        row = rows[f"flickr:{each.id}"]
        if each.expected_reasons:
            assert (row["state"], row["original"]) == ("refused", None)
        else:
            assert row["state"] == "stored"
            assert crawler.store.read(row["original"]) == uploads.data(each)
            assert row["size_bytes"] == each.size_bytes


def told_by_the_listing(each):
    """Whether Flickr's listing, which states the size in pixels, is enough to refuse a photo."""
    return "not_native_size" in each.expected_reasons


def test_photos_refused_by_their_header_have_all_reasons_and_their_facts(rows, uploads):
    refused = [each for each in uploads.of("flickr") if each.expected_reasons and not told_by_the_listing(each)]
    assert refused
    for each in refused:
        row = rows[f"flickr:{each.id}"]
        assert tuple(row["reasons"]) == each.expected_reasons
        if each.expected_reasons == ("unreadable",):
            assert "offset" in row["error"]
        else:
            assert row["facts"]["width_px"] > 0


def test_photos_whose_listed_size_no_camera_produces_are_not_requested(crawl, rows, site, uploads):
    refused = [each for each in uploads.of("flickr") if told_by_the_listing(each)]
    assert refused
    for each in refused:
        assert rows[f"flickr:{each.id}"]["reasons"] == ["not_native_size"]
        assert not [request for request in site.requests if f"/{each.id}_" in request.path]


def test_refused_photos_are_not_downloaded_beyond_their_header(crawl, site, uploads):
    for each in uploads.of("flickr"):
        if each.expected_reasons and not told_by_the_listing(each):
            sent = [request for request in site.requests if f"/{each.id}_" in request.path]
            assert sum(request.sent_bytes for request in sent) == 4096
            assert len(sent) == 1


def test_of_a_photo_refused_by_its_header_the_thumbnail_is_kept_and_nothing_else(crawl, crawler, uploads):
    (bare,) = [each for each in uploads.of("flickr") if each.file == "bare.jpg"]
    assert crawler.store.names("refused-pictures/flickr") == ["no_camera_model"]
    (name,) = crawler.store.names("refused-pictures/flickr/no_camera_model")
    kept = crawler.store.read_json(f"refused-pictures/flickr/no_camera_model/{name}")
    assert kept["photo"] == f"flickr:{bare.id}"
    assert read_facts(base64.b64decode(kept["jpeg"]), whole=True).width_px == 16


def test_every_byte_of_a_stored_photo_is_sent_only_once(crawl, site, uploads):
    for each in uploads.of("flickr"):
        if not each.expected_reasons:
            sent = [request for request in site.requests if f"/{each.id}_" in request.path]
            assert sum(request.sent_bytes for request in sent) == each.size_bytes


def test_the_limit_of_parallel_requests_is_reached_and_never_exceeded(crawl, site):
    assert site.peak_parallel_requests == 3


def test_every_request_names_the_crawler_and_its_contact(crawl, site):
    assert {request.user_agent for request in site.requests} == {next(iter(site.requests)).user_agent}
    assert re.fullmatch(r"Shutterprint/\S+ \(tests@example\.org\)", site.requests[0].user_agent)


def test_the_records_have_the_schema_and_what_attribution_needs(rows, crawler, uploads):
    for window in crawler.store.done_names("crawl/flickr"):
        assert crawler.store.read_table(f"crawl/flickr/{window}/records.parquet").schema == RECORD
    each = uploads.of("flickr")[0]
    row = rows[f"flickr:{each.id}"]
    assert row["licence"] == "Attribution License"
    assert row["licence_url"].startswith("https://creativecommons.org/licenses/by/2.0")
    assert (row["owner_id"], row["owner_name"], row["title"]) == (each.owner_id, each.owner_name, each.title)
    assert (row["claimed_camera"], row["uploaded_at"]) == ("acme-one", "2020-01-01T00:00:00Z")


def test_the_key_is_in_no_log_and_in_no_file_of_the_store(crawl, crawler):
    assert "api_key=[key]" in crawl.log  # addresses are logged, and redacted
    assert API_KEY not in crawl.log
    assert not [name for name, data in crawler.tree_of_bytes().items() if API_KEY.encode() in data]


def test_a_second_crawl_asks_for_no_photo_and_changes_nothing(crawl, crawler, site):
    before, requests = crawler.tree_of_bytes(), len(site.requests)
    again = crawler.run("flickr")
    assert again.exit_code == 0, again.log
    assert crawler.tree_of_bytes() == before
    assert [request.path for request in site.requests[requests:]] == ["/services/rest/"]  # the licences


def test_a_page_with_fewer_photos_than_asked_for_is_not_treated_as_the_last(start_site, make_crawler, uploads):
    first = dataclasses.replace(uploads.of("flickr")[0], licence="0")  # refused by the listing: nothing is downloaded
    many = [dataclasses.replace(first, id=str(10_000 + number)) for number in range(600)]
    site = start_site(dataclasses.replace(uploads, listed=many).write_again(), hidden=["10007"])
    crawler = make_crawler(site)
    assert crawler.run("flickr", "cameras=[acme-one]").exit_code == 0
    assert {row["photo"] for row in crawler.rows("flickr")} == {f"flickr:{each.id}" for each in many} - {"flickr:10007"}


def test_a_malformed_key_is_refused_before_it_could_be_logged(start_site, make_crawler):
    site = start_site()
    crawl = make_crawler(site).run("flickr", FLICKR_API_KEY=f'"{API_KEY}"')
    assert crawl.exit_code == 2
    assert "FLICKR_API_KEY: is not a key" in crawl.log
    assert API_KEY not in crawl.log
    assert not site.requests


def test_photos_that_the_listing_refuses_are_not_requested(start_site, make_crawler, uploads):
    reserved = uploads.of("flickr")[0]
    forbidden = uploads.of("flickr")[1]
    listed = [dataclasses.replace(each, licence="0") if each == reserved else each for each in uploads.listed]
    folder = dataclasses.replace(uploads, listed=listed).write_again()
    site = start_site(folder, download_forbidden=[forbidden.id])
    crawler = make_crawler(site)
    assert crawler.run("flickr").exit_code == 0
    rows = {row["photo"]: row for row in crawler.rows("flickr")}
    assert rows[f"flickr:{reserved.id}"]["reasons"] == ["licence_not_allowed"]
    assert rows[f"flickr:{forbidden.id}"]["reasons"] == ["no_original", "download_forbidden"]
    assert len(rows) == len(uploads.of("flickr"))
    assert not [request for request in site.requests if f"/{reserved.id}_" in request.path]
    assert not [request for request in site.requests if f"/{forbidden.id}_" in request.path]
