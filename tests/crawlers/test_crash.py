"""Killed crawls: the same command continues, and the result is that of a crawl that was never stopped."""

import signal

import pytest

pytestmark = pytest.mark.slow

KILLED_AFTER_REQUESTS = {"flickr": (1, 4, 7, 9), "wikimedia": (4, 12)}
"""Counted from each start: during the first listing, during headers, during originals."""


@pytest.fixture(scope="module")
def site(start_site):
    return start_site(delay_s=0.02)


@pytest.mark.parametrize("source", ["flickr", "wikimedia"])
def test_a_crawl_killed_at_any_moment_ends_like_one_that_was_not(site, make_crawler, source):
    whole = make_crawler(site)
    assert whole.run(source).exit_code == 0
    killed = make_crawler(site)
    for requests in KILLED_AFTER_REQUESTS[source]:
        before = len(site.requests)
        killed.kill_when(source, lambda until=before + requests: len(site.requests) >= until)
        assert not killed.store.exists(f"receipts/crawl-{source}.json")
    last = killed.run(source)
    assert last.exit_code == 0, last.log
    assert killed.tree_of_bytes() == whole.tree_of_bytes()


def test_originals_of_an_interrupted_window_are_not_downloaded_again(site, make_crawler):
    crawler = make_crawler(site)
    originals = crawler.folder / "data" / "originals"
    crawler.kill_when("flickr", lambda: len(list(originals.rglob("*.jpg"))) >= 2)
    assert crawler.store.done_names("crawl/flickr") == []
    kept = {path.name.partition("-")[0] for path in originals.rglob("*.jpg")}
    before = len(site.requests)
    assert crawler.run("flickr").exit_code == 0
    asked = {request.path.rpartition("/")[2].partition("_")[0] for request in site.requests[before:]}
    assert kept
    assert not kept & asked


def test_a_crawl_that_is_asked_to_stop_exits_with_1_and_without_a_receipt(site, make_crawler):
    crawler, before = make_crawler(site), len(site.requests)
    code = crawler.kill_when("flickr", lambda: len(site.requests) >= before + 6, with_signal=signal.SIGTERM)
    assert code == 1
    assert not crawler.store.exists("receipts/crawl-flickr.json")
    assert crawler.run("flickr").exit_code == 0
