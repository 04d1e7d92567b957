"""Metrics of a crawl, from what it counts and what Scrapy's statistics have. Pure."""

from collections.abc import Mapping
from typing import Any

from corpus.metrics.family import Family, Sample

STATES = ("stored", "refused", "failed", "deleted")

FOUND = Family("shutterprint_crawl_found_photos_total", "counter", "Photos found in listings.", ("source",))
PHOTOS = Family(
    "shutterprint_crawl_photos_total", "counter", "Photos that came to a state in this crawl.", ("source", "state")
)
REFUSALS = Family(
    "shutterprint_crawl_refusals_total",
    "counter",
    "Refusals by reason; a photo may have several.",
    ("source", "reason"),
)
STORED = Family("shutterprint_crawl_stored_bytes_total", "counter", "Bytes of the originals stored.", ("source",))
WINDOWS = Family("shutterprint_crawl_windows_total", "counter", "Windows published whole.", ("source",))
REQUESTS = Family("shutterprint_crawl_requests_total", "counter", "Requests sent, those sent again too.", ("source",))
RESPONSES = Family(
    "shutterprint_crawl_responses_total", "counter", "Responses by HTTP status; other: what is no status.",
    ("source", "status"),
)  # fmt: skip
RECEIVED = Family("shutterprint_crawl_received_bytes_total", "counter", "Bytes of all responses.", ("source",))
WAITING = Family("shutterprint_crawl_waiting", "gauge", "1 while the crawl waits for a site's limits.", ("source",))
CALLS_LEFT = Family("shutterprint_crawl_calls_left", "gauge", "Calls the site's key may make now.", ("source",))
FAMILIES = (FOUND, PHOTOS, REFUSALS, STORED, WINDOWS, REQUESTS, RESPONSES, RECEIVED, WAITING, CALLS_LEFT)

_RESPONSE = "downloader/response_status_count/"


def crawl_samples(
    source: str,
    counts: Mapping[str, int],
    reasons: Mapping[str, int],
    stats: Mapping[str, Any],
    *,
    waits: bool,
    calls_left: int | None,
) -> list[Sample]:
    """Return a crawl's metrics; `stats`: Scrapy's, `reasons`: how many photos were refused for each reason."""
    of = (source,)
    told = [
        Sample(FOUND, counts.get("found", 0), of),
        *(Sample(PHOTOS, counts.get(state, 0), (source, state)) for state in STATES),
        *(Sample(REFUSALS, number, (source, reason)) for reason, number in sorted(reasons.items())),
        Sample(STORED, counts.get("bytes", 0), of),
        Sample(WINDOWS, counts.get("windows", 0), of),
        Sample(REQUESTS, stats.get("downloader/request_count", 0), of),
        Sample(RECEIVED, stats.get("downloader/response_bytes", 0), of),
        Sample(WAITING, float(waits), of),
    ]
    responses: dict[str, int] = {}
    for name, number in stats.items():
        if name.startswith(_RESPONSE):
            status = name.removeprefix(_RESPONSE)
            known = status if status.isdigit() and 100 <= int(status) <= 599 else "other"  # a server may answer 999
            responses[known] = responses.get(known, 0) + number
    told += [Sample(RESPONSES, number, (source, status)) for status, number in sorted(responses.items())]
    return told + ([] if calls_left is None else [Sample(CALLS_LEFT, calls_left, of)])
