"""Crawls of sites in trouble: each photo still ends as one row, and the limits are kept."""

import time

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def stored_of(uploads):
    """Return the genuine uploads that are stored according to the rows, after checking their bytes."""

    def stored(crawler, source):
        by_photo = {f"{source}:{each.id}": each for each in uploads.of(source)}
        rows = [row for row in crawler.rows(source) if row["state"] == "stored"]
        for row in rows:
            assert crawler.store.read(row["original"]) == uploads.data(by_photo[row["photo"]])
        return {by_photo[row["photo"]].file for row in rows}

    return stored


@pytest.fixture(scope="module")
def to_keep(uploads):
    return {each.file for each in uploads.of("flickr") if not each.expected_reasons}


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(start_site, make_crawler, stored_of, to_keep):
    site = start_site(fail_first={"_o.jpg": (429, 2)}, retry_after_s=2)
    crawler = make_crawler(site)
    crawl = crawler.run("flickr")
    assert crawl.exit_code == 0, crawl.log
    assert stored_of(crawler, "flickr") == to_keep
    refused = [request for request in site.requests if request.status == 429]
    after = [request for request in site.requests if request.at_s > max(each.at_s for each in refused)]
    assert len(refused) == 2
    # at most one request, already sent, arrives before the pause is over; no upper bound, since a busy machine is slow
    early = [each for each in after if each.at_s < max(request.at_s for request in refused) + 1.9]
    assert early == []


def test_a_site_that_puts_off_every_third_request_loses_no_photo_and_all_requests_wait(
    start_site, make_crawler, stored_of, to_keep, uploads
):
    pause_s = 1.0
    site = start_site(refuse_every=3, retry_after_s=int(pause_s))
    crawler = make_crawler(site)
    crawl = crawler.run("flickr", "crawl.retries=0", "sources.flickr.file_requests=4")  # being put off is no failure
    assert crawl.exit_code == 0, crawl.log
    assert stored_of(crawler, "flickr") == to_keep
    assert len(crawler.rows("flickr")) == len(uploads.of("flickr"))
    put_off_s = [request.at_s for request in site.requests if request.status == 429]
    assert len(put_off_s) > 5
    # a quarter of a second: requests that were sent before the answer arrived
    early = [
        request for request in site.requests for at_s in put_off_s if at_s + 0.25 < request.at_s < at_s + pause_s - 0.1
    ]
    assert early == []


def test_broken_responses_and_cut_connections_are_retried(start_site, make_crawler, stored_of, to_keep):
    site = start_site(
        fail_first={"/1001_": (500, 1), "rest": (503, 1)}, retry_after_s=0, cut_after_bytes={"/1002_": (2000, 1)}
    )
    crawler = make_crawler(site)
    crawl = crawler.run("flickr")
    assert crawl.exit_code == 0, crawl.log
    assert stored_of(crawler, "flickr") == to_keep


def test_a_server_that_ignores_ranges_is_stopped_once_a_header_is_refused(
    start_site, make_crawler, stored_of, to_keep, uploads
):
    site = start_site(honour_range=False, bytes_per_s=400_000)
    crawler = make_crawler(site)
    crawl = crawler.run("flickr", "sources.flickr.file_requests=8")
    assert crawl.exit_code == 0, crawl.log
    assert stored_of(crawler, "flickr") == to_keep
    reasons = {row["photo"]: tuple(row["reasons"]) for row in crawler.rows("flickr")}
    expected = {f"flickr:{each.id}": each.expected_reasons for each in uploads.of("flickr")}
    # photos that the listing refuses have only its reason
    assert reasons == {
        photo: ("not_native_size",) if "not_native_size" in all_of_them else all_of_them
        for photo, all_of_them in expected.items()
    }
    edited = site.downloads["edited.jpg"]
    assert edited.whole == 0
    assert edited.sent_bytes < 0.8 * len((uploads.folder / "edited.jpg").read_bytes())


def test_originals_above_the_limit_are_refused_without_being_downloaded(start_site, make_crawler, uploads):
    big = b"\xff\xd8" + bytes(1_200_000)
    folder = uploads.write_again()
    (folder.folder / "genuine-0.jpg").write_bytes(big)
    for behaviour in ({}, {"honour_range": False, "bytes_per_s": 400_000}):
        site = start_site(folder, **behaviour)
        crawler = make_crawler(site)
        assert crawler.run("flickr", "crawl.original_max_bytes=1048576", "cameras=[acme-one]").exit_code == 0
        row = next(row for row in crawler.rows("flickr") if row["photo"] == "flickr:1000")
        assert row["reasons"] == ["too_large"]
        assert row["size_bytes"] == len(big)
        assert site.downloads["genuine-0.jpg"].sent_bytes < 200_000


def test_photos_that_failed_for_a_transient_reason_are_retried_by_the_next_crawl(
    start_site, make_crawler, stored_of, to_keep
):
    site = start_site(fail_first={"/1000_": (500, 2), "/1001_": (404, 1)})
    crawler = make_crawler(site)
    assert crawler.run("flickr", "crawl.retries=1").exit_code == 0
    rows = {row["photo"]: row for row in crawler.rows("flickr")}
    assert (rows["flickr:1000"]["state"], rows["flickr:1000"]["http_status"]) == ("failed", 500)
    assert (rows["flickr:1001"]["state"], rows["flickr:1001"]["http_status"]) == ("failed", 404)
    before = len(site.requests)
    assert crawler.run("flickr").exit_code == 0
    after = {row["photo"]: row for row in crawler.rows("flickr")}
    assert after["flickr:1000"]["state"] == "stored"
    assert {photo: row for photo, row in after.items() if photo != "flickr:1000"} == {
        photo: row for photo, row in rows.items() if photo != "flickr:1000"
    }
    asked = [request.path for request in site.requests[before:]]
    assert not [path for path in asked if "/services/" not in path and "/1000_" not in path]
    assert stored_of(crawler, "flickr") == to_keep - {"genuine-1.jpg"}


def test_an_api_whose_name_leads_to_a_private_address_is_never_contacted(start_site, make_crawler):
    site = start_site()
    crawler = make_crawler(site)
    here = crawler.tree["sources"]["flickr"]
    here["api_url"] = here["api_url"].replace("127.0.0.1", "localhost")
    here["hosts"] = ["localhost"]
    crawl = crawler.run("flickr")
    assert crawl.exit_code == 1
    assert "host localhost leads to 127.0.0.1" in crawl.log
    assert "Traceback" not in crawl.log
    assert not site.requests
    here["hosts"] = ["localhost", "127.0.0.1"]
    assert crawler.run("flickr", "cameras=[acme-two]").exit_code == 0


def test_a_failed_listing_leaves_its_query_open_and_no_receipt(start_site, make_crawler):
    site = start_site(fail_first={"camera=acme%2Fone": (500, 2)})
    crawler = make_crawler(site)
    crawl = crawler.run("flickr", "crawl.retries=1")
    assert crawl.exit_code == 1
    assert "acme/one: stays open" in crawl.log
    assert not crawler.store.exists("receipts/crawl-flickr.json")
    assert {row["claimed_camera"] for row in crawler.rows("flickr")} == {"acme-two"}
    assert crawler.run("flickr").exit_code == 0
    assert {row["claimed_camera"] for row in crawler.rows("flickr")} == {"acme-one", "acme-two"}


def test_a_pause_between_requests_is_kept(start_site, make_crawler):
    site = start_site()
    began = time.time()
    assert make_crawler(site).run("flickr", "crawl.delay_s=0.1", "cameras=[acme-two]").exit_code == 0
    times = [request.at_s for request in site.requests if request.at_s > began]
    # the whole, not the shortest gap: a busy machine lets one request arrive late and the next one in time
    assert len(times) > 5
    assert max(times) - min(times) > 0.07 * (len(times) - 1)
