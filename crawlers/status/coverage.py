"""Coverage: how much of the configured period the whole windows of each query cover. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from corpus.configuration import Configuration
from crawlers.spiders.wikimedia import SEARCH
from crawlers.windows.time_slices import TimeSlice, gaps


@dataclass(frozen=True)
class Coverage:
    """How much of the period is covered for one query."""

    query: str
    camera: str | None
    is_asked: bool  # whether the present configuration asks for it
    windows: int
    share: float  # share of the period that is covered, 0 to 1
    to_do: tuple[TimeSlice, ...]  # the parts of the period that are still open


def asked_queries(configuration: Configuration, source: str) -> dict[str, str | None]:
    """Return the queries that a crawl makes at a source, each with the camera it stands for; without subcategories."""
    cameras = configuration.chosen.cameras
    if source == "flickr":
        return {camera.flickr: camera.key for camera in cameras if camera.flickr}
    section = configuration.sources.wikimedia
    queries: dict[str, str | None] = {f"Category:{name.removeprefix('Category:')}": None for name in section.categories}
    queries |= {f"Category:{camera.commons}": camera.key for camera in cameras if camera.commons}
    if section.structured_search:
        queries |= {f"{SEARCH}{camera.wikidata}": camera.key for camera in cameras if camera.wikidata}
    return queries


def coverages(
    whole: TimeSlice,
    asked: Mapping[str, str | None],
    query_cameras: Mapping[str, str],
    windows: Iterable[Mapping[str, Any]],
    *,
    has_subcategories: bool,
) -> list[Coverage]:
    """Return the coverage of every query that is asked for or has windows, sorted by the query's text.

    `windows`: details of whole windows; those without query or window are ignored. Where the source
    `has_subcategories`, any category counts as asked for, as it may be below one that is.
    """
    done: defaultdict[str, list[TimeSlice]] = defaultdict(list)
    for details in windows:
        if "query" in details and "window" in details:
            done[str(details["query"])].append(TimeSlice(*details["window"]))
    length_s = max(whole.end_s - whole.start_s, 1)
    found = []
    for query in sorted(asked.keys() | done.keys()):
        is_asked = query in asked or (has_subcategories and query.startswith("Category:"))
        to_do = tuple(gaps(whole, done[query])) if is_asked or done[query] else ()
        open_s = sum(gap.end_s - gap.start_s for gap in to_do)
        camera = asked.get(query) or query_cameras.get(query)
        found.append(Coverage(query, camera, is_asked, len(done[query]), 1 - open_s / length_s, to_do))
    return found
