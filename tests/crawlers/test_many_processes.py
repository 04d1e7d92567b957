"""Several processes crawl one site: together they leave what one would, within limits that they share."""

import dataclasses
import json
import signal
import time

import pytest

pytestmark = pytest.mark.slow

SINCE_S = 1577836800
PARTS = 8
YEAR_S = 366 * 86400
YEARS = ("2012-01-01", "2020-02-01")
"""Eight years and a bit: more than sixteen units for two cameras."""


@pytest.fixture(scope="module")
def over_years(uploads):
    """Return uploads of eight years, so that there is work for all parts."""
    listed = [
        dataclasses.replace(each, uploaded_at_s=SINCE_S - (place % 8) * YEAR_S + place * 3600)
        for place, each in enumerate(uploads.listed)
    ]
    return dataclasses.replace(uploads, listed=listed).write_again()


@pytest.fixture(scope="module")
def make_crawler_of_years(make_crawler):
    def make(site, source):
        crawler = make_crawler(site)
        crawler.tree["sources"][source] |= {"since": YEARS[0], "until": YEARS[1], "file_requests": 2, "api_requests": 2}
        return crawler

    return make


def side_by_side(crawler, source, parts, delay_s=0.0):
    """Crawl in several processes at once; return how they ended."""
    crawls = []
    for part in parts:
        crawls.append(crawler.start(source, own={"part": part} if part else {}))
        time.sleep(delay_s)
    return [crawl.wait() for crawl in crawls]


@pytest.mark.parametrize("source", ["flickr", "wikimedia"])
def test_eight_parts_leave_what_one_process_leaves_within_the_same_limits(
    over_years, start_site, make_crawler_of_years, source
):
    site = start_site(over_years, delay_s=0.03)
    alone = make_crawler_of_years(site, source)
    assert alone.run(source).exit_code == 0
    together = make_crawler_of_years(site, source)
    for crawl in side_by_side(together, source, [f"{number}/{PARTS}" for number in range(1, PARTS + 1)]):
        assert crawl.exit_code == 0, crawl.log
    assert together.tree_of_bytes() == alone.tree_of_bytes()
    assert len(together.rows(source)) == len(over_years.of(source))
    assert site.peak_parallel("file") == 2
    assert site.peak_parallel("api") <= 2
    receipts = {path.name for path in (together.folder / "data" / "receipts").iterdir()}
    assert receipts == {f"crawl-{source}-{number}-of-{PARTS}.json" for number in range(1, PARTS + 1)}


def test_two_processes_without_parts_share_the_work_and_do_nothing_twice(over_years, start_site, make_crawler_of_years):
    site = start_site(over_years, delay_s=0.05)
    alone = make_crawler_of_years(site, "flickr")
    assert alone.run("flickr").exit_code == 0
    before = len(site.requests)
    together = make_crawler_of_years(site, "flickr")
    for crawl in side_by_side(together, "flickr", [None, None], delay_s=0.7):
        assert crawl.exit_code == 0, crawl.log
    assert together.tree_of_bytes() == alone.tree_of_bytes()
    first_ranges = [
        request.path
        for request in site.requests[before:]
        if request.file and (request.range_header or "").startswith("bytes=0-")
    ]
    assert len(first_ranges) == len(set(first_ranges)) > 0


def test_a_unit_whose_process_was_killed_is_taken_over_at_once(over_years, start_site, make_crawler_of_years):
    site = start_site(over_years, delay_s=0.02)
    crawler = make_crawler_of_years(site, "flickr")
    crawler.kill_when("flickr", lambda: len(site.requests) >= 12)
    assert list((crawler.folder / "data" / "crawl" / "flickr" / "_leases").iterdir())
    assert crawler.run("flickr").exit_code == 0
    assert not list((crawler.folder / "data" / "crawl" / "flickr" / "_leases").iterdir())


def test_a_crawl_whose_unit_was_taken_over_leaves_it_at_once_and_returns_to_it_later(
    over_years, start_site, make_crawler_of_years
):
    site = start_site(over_years, delay_s=0.1)
    crawler = make_crawler_of_years(site, "flickr")
    leases = crawler.folder / "data" / "crawl" / "flickr" / "_leases"
    process = crawler.start("flickr")
    try:
        while not (held := list(leases.glob("*.0.json"))) or not any(request.file for request in site.requests):
            assert process.poll() is None
            time.sleep(0.005)
        theirs = json.loads(held[0].read_text()) | {"machine": "another", "token": "theirs"}
        taken = held[0].with_name(held[0].name.replace(".0.json", ".1.json"))
        taken.write_text(json.dumps(theirs | {"expires_at_s": time.time() + 600}))
        while "waiting for 1 units" not in process.log:
            assert process.poll() is None, process.log
            time.sleep(0.02)
        time.sleep(1)
        assert process.poll() is None  # it has done the other units and waits for this one
        taken.unlink()
        held[0].unlink()  # releasing a lease removes those before it, too
        crawl = process.wait()
        assert crawl.exit_code == 0
        assert "taken over" in crawl.log
    finally:
        process.send_signal(signal.SIGKILL)
    assert len(crawler.rows("flickr")) == len(over_years.of("flickr"))


@pytest.mark.parametrize("reactor", ["asyncioreactor.AsyncioSelectorReactor", "epollreactor.EPollReactor"])
def test_the_limit_of_downloads_holds_on_either_reactor(start_site, make_crawler, uploads, reactor):
    site = start_site(delay_s=0.01)
    crawler = make_crawler(site)
    crawler.tree["sources"]["flickr"]["file_requests"] = 3
    crawl = crawler.run("flickr", options=("-s", f"TWISTED_REACTOR=twisted.internet.{reactor}"))
    assert crawl.exit_code == 0, crawl.log
    assert site.peak_parallel("file") == 3
    assert len(crawler.rows("flickr")) == len(uploads.of("flickr"))


def test_an_impossible_part_stops_the_crawl_before_any_request(start_site, make_crawler):
    site = start_site()
    crawler = make_crawler(site)
    crawl = crawler.run("flickr", own={"part": "9/8"})
    assert crawl.exit_code == 2
    sentence = "-a part=9/8: is not of the form i/n with i from 1 to n, such as 2/8"
    assert crawl.log.splitlines()[-1] == sentence
    assert "Traceback" not in crawl.log
    assert not site.requests
