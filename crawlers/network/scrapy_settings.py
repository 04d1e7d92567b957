"""Identity: the configuration in, the Scrapy settings that follow from it out: who crawls, whom, and how fast."""

import os
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from corpus.configuration import Configuration
from corpus.sections import Site
from crawlers.network.hosts import ALLOWED_HOSTS_SETTING
from crawlers.network.limits import limits_folder
from crawlers.network.politeness import LIMITS_SETTING

ANSWER_MAX_BYTES = 16 << 20
"""The longest answers, 500 photos with all they have, are below 2 MiB; also the most that a packed one unpacks to."""


def user_agent(contact: str) -> str:
    """Return the User-Agent: program, version and whom to write to, as the sites' policies ask."""
    try:
        number = version("shutterprint")
    except PackageNotFoundError:  # run from a bare checkout
        number = "0"
    return f"Shutterprint/{number} ({contact.strip()})" if contact.strip() else f"Shutterprint/{number}"


def scrapy_settings(configuration: Configuration, site: Site | None, quota: tuple[str, int] | None) -> dict[str, Any]:
    """Return Scrapy's settings for a crawl that may contact the hosts of `site` only, none where that is None.

    `quota`: the name of a key and its calls an hour, where the site counts them.
    """
    crawl = configuration.crawl
    settings: dict[str, Any] = {
        "USER_AGENT": user_agent(crawl.contact),
        "DOWNLOAD_TIMEOUT": crawl.timeout_s,
        # originals that are too large are refused by the door, which sees the size first; this is the last resort
        "DOWNLOAD_MAXSIZE": max(2 * crawl.original_max_bytes, ANSWER_MAX_BYTES),
        ALLOWED_HOSTS_SETTING: list(site.hosts) if site else [],
    }
    if site is not None:
        at_once = (
            site.api_requests + site.file_requests
        )  # held by crawlers.network.politeness; Scrapy may not be stricter
        settings |= {
            "CONCURRENT_REQUESTS": at_once,
            "CONCURRENT_REQUESTS_PER_DOMAIN": at_once,
            LIMITS_SETTING: {
                "folder": str(limits_folder(crawl.limits_folder, os.environ)),
                "delay_s": crawl.delay_s,
                "retries": crawl.retries,
                "api_requests": site.api_requests,
                "file_requests": site.file_requests,
                "megabits_per_s": site.megabits_per_s,
                "quota": quota,
            },
        }
    return settings
