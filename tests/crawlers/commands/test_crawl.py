"""`scrapy crawl`: a mistake gives one sentence and an exit code before any request is made."""

import pytest
from scrapy.crawler import Crawler
from scrapy.spiderloader import SpiderLoader
from scrapy.utils.project import get_project_settings

from corpus.errors import ConfigurationError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("spider", "settings", "environment", "sentence"),
    [
        ("flickr", [], {"FLICKR_API_KEY": ""}, "FLICKR_API_KEY: is not set"),
        ("wikimedia", ["crawl.contact=''"], {}, "crawl.contact: is empty"),
        ("instagram", [], {}, "there is no spider instagram; there are flickr, folder, manifest, wikimedia"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(start_site, make_crawler, spider, settings, environment, sentence):
    site = start_site()
    crawler = make_crawler(site)
    crawl = crawler.run(spider, *settings, **environment)
    assert crawl.exit_code == 2, crawl.log
    assert sentence in crawl.log
    assert "Traceback" not in crawl.log
    assert site.requests == []
    assert crawler.tree_of_bytes() == {}


@pytest.mark.parametrize(
    ("spider", "arguments", "sentence"),
    [
        ("flickr", {"set": "crawl.contact=' '"}, "crawl.contact: is empty"),
        ("flickr", {"set": "sources.flickr.since=yesterday"}, "sources.flickr.since: 'yesterday' is not an ISO date"),
        ("flickr", {"set": "sources.flickr.until='2019-01-01'"}, "sources.flickr.until: '2019-01-01' is not later"),
        ("flickr", {"set": "sources.flickr.hosts=[x.example]"}, "sources.flickr.hosts: does not name the host"),
        ("folder", {}, "sources.folder.path: is empty"),
        ("folder", {"set": "sources.folder.path=nowhere"}, "nowhere is not a folder"),
        ("folder", {"set": "crawl.retries=1\ncrawl.typo=1"}, "crawl.typo: is not a known key"),
        ("flickr", {"depth": "3"}, "-a depth: is not an argument; there are config=FILE, set=a.b=c and part=i/n"),
        ("folder", {"depth": "3"}, "there are config=FILE, set=a.b=c, gone=accept and part=i/n"),
        ("folder", {"gone": "yes"}, "-a gone=yes: is not one of ask, accept"),
    ],
)
def test_a_spider_refuses_an_impossible_configuration_before_any_request(
    start_site, make_crawler, monkeypatch, spider, arguments, sentence
):
    site = start_site()
    crawler = make_crawler(site)
    crawler.command(spider)  # writes the configuration
    monkeypatch.setenv("SHUTTERPRINT_CONFIG", str(crawler.folder / "pipelines.yaml"))
    monkeypatch.setenv("FLICKR_API_KEY", "0" * 32)
    monkeypatch.chdir(crawler.repository)
    settings = get_project_settings()
    loader = SpiderLoader.from_settings(settings)
    spider_class = loader.load(spider)
    with pytest.raises(ConfigurationError, match=sentence):
        spider_class.from_crawler(Crawler(spider_class, settings), **arguments)
    assert site.requests == []


def test_a_key_the_site_refuses_stops_the_crawl_without_a_receipt(start_site, make_crawler):
    crawler = make_crawler(start_site())
    crawl = crawler.run("flickr", FLICKR_API_KEY="noKeyOfFlickr")
    assert crawl.exit_code == 1
    assert "error 100: Invalid API Key" in crawl.log
    assert "check FLICKR_API_KEY" in crawl.log
    assert "noKeyOfFlickr" not in crawl.log
    assert "Traceback" not in crawl.log
    assert crawler.tree_of_bytes() == {}
    assert not crawler.store.exists("receipts/crawl-flickr.json")
