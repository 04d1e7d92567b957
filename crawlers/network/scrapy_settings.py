"""Scrapy's settings that follow from `pipelines.yaml`: who crawls, which hosts, and how fast."""

import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from corpus.configuration import Configuration
from corpus.sections import Hosts, Site
from crawlers.network.hosts import ALLOWED_HOSTS_SETTING
from crawlers.network.limits import limits_folder
from crawlers.network.politeness import LIMITS_SETTING

ANSWER_MAX_BYTES = 16 << 20  # also after decompression; the longest, 500 photos with all fields, are below 2 MiB


def user_agent(contact: str) -> str:
    """Return the User-Agent: program, version and contact, as the sites' policies demand."""
    try:
        number = version("shutterprint")
    except PackageNotFoundError:  # run from a bare checkout
        number = "0"
    return f"Shutterprint/{number} ({contact.strip()})" if contact.strip() else f"Shutterprint/{number}"


def scrapy_settings(
    configuration: Configuration, site: Hosts | None, quota: tuple[str, int] | None, others: Sequence[Hosts] = ()
) -> dict[str, Any]:
    """Return Scrapy's settings for a crawl that may contact the hosts of `site` only, or no host where it is None.

    `quota`: the name of a key's quota and its calls an hour, where the site counts them. `others`: sites whose hosts
    may be contacted, too, each by its own limits.
    """
    crawl = configuration.crawl
    settings: dict[str, Any] = {
        "USER_AGENT": user_agent(crawl.contact),
        "DOWNLOAD_TIMEOUT": crawl.timeout_s,
        # the last resort: an original that is too large is refused before, by the size that its server announces
        "DOWNLOAD_MAXSIZE": max(2 * crawl.original_max_bytes, ANSWER_MAX_BYTES),
        ALLOWED_HOSTS_SETTING: [host for each in (site, *others) if each for host in each.hosts],
    }
    if site is not None:
        # crawlers.network.politeness keeps the limits, and Scrapy must not be stricter
        api_requests = site.api_requests if isinstance(site, Site) else 1
        at_once = api_requests + sum(each.file_requests for each in (site, *others))
        settings |= {
            "CONCURRENT_REQUESTS": at_once,
            "CONCURRENT_REQUESTS_PER_DOMAIN": at_once,
            LIMITS_SETTING: {
                "folder": str(limits_folder(crawl.limits_folder, os.environ)),
                "delay_s": crawl.delay_s,
                "retries": crawl.retries,
                "api_requests": api_requests,
                "file_requests": site.file_requests,
                "megabits_per_s": site.megabits_per_s,
                "quota": quota,
                "sites": [each.model_dump(include={"hosts", "file_requests", "megabits_per_s"}) for each in others],
            },
        }
    return settings
