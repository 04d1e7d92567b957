"""Identity: the configuration's section `crawl` in, the Scrapy settings that follow from it out."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from corpus.configuration import Configuration
from crawlers.hosts import ALLOWED_HOSTS_SETTING
from crawlers.politeness import REQUESTS_SETTING, RETRIES_SETTING

API_ANSWER_MAX_BYTES = 64 << 20


def user_agent(contact: str) -> str:
    """Return the User-Agent: program, version and whom to write to, as the sites' policies ask."""
    try:
        number = version("shutterprint")
    except PackageNotFoundError:  # run from a bare checkout
        number = "0"
    return f"Shutterprint/{number} ({contact.strip()})" if contact.strip() else f"Shutterprint/{number}"


def scrapy_settings(configuration: Configuration, hosts: tuple[str, ...]) -> dict[str, Any]:
    """Return Scrapy's settings for a crawl that may contact `hosts` only."""
    crawl = configuration.crawl
    return {
        "USER_AGENT": user_agent(crawl.contact),
        "CONCURRENT_REQUESTS": crawl.requests_per_host,
        "CONCURRENT_REQUESTS_PER_DOMAIN": crawl.requests_per_host,
        "DOWNLOAD_DELAY": crawl.delay_s,
        "DOWNLOAD_TIMEOUT": crawl.timeout_s,
        # originals that are too large are refused by the door, which sees the size first; this is the last resort
        "DOWNLOAD_MAXSIZE": max(2 * crawl.original_max_bytes, API_ANSWER_MAX_BYTES),
        ALLOWED_HOSTS_SETTING: list(hosts),
        REQUESTS_SETTING: crawl.requests_per_host,
        RETRIES_SETTING: crawl.retries,
    }
