"""Sources: how much of the configured time the crawls have covered, when they last ended, who is crawling now.

Only markers and receipts are read, never the rows of photos, so that it is quick: `--crawls` counts photos.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from corpus.configuration import Configuration
from corpus.errors import StorageError
from corpus.leases import holders
from corpus.storage import Store
from corpus.text import ago, count, escaped, iso_time
from crawlers.status.coverage import asked_queries, coverages
from crawlers.windows import checkpoint
from crawlers.windows.time_slices import period
from crawlers.windows.work_units import leases_folder
from pipelines.overview.part import Advice, Part

SLICED = ("flickr", "wikimedia")
_READ_AT_ONCE = 16
_GAPS_SHOWN = 3


def sources_part(configuration: Configuration, now_s: float) -> Part:
    """Return what the crawls of all sources have done."""
    store = configuration.store
    rows, data, advice, notes = [], {}, list[Advice](), list[str]()
    for source in store.names("crawl"):
        told = _source(configuration, source, now_s)
        data[source] = told
        share = "" if told["share"] is None else f"{int(told['share'] * 1000) / 10:.1f} %"
        work = count(len(told["leases"]), "process") if told["leases"] else ""
        rows.append((escaped(source), f"{told['windows']:,}", share, ago(told["ended_at_s"], now_s), work))
        notes += [f"{escaped(source)}: open: {text}" for text in told["open"][:_GAPS_SHOWN]]
        advice += _advice(source, told)
    if not data:
        notes.append("no crawl has left anything here yet")
        advice.append(Advice("there are no photographs yet", "shutterprint check, then scrapy crawl SOURCE", False))
    columns = ("source", "windows whole", "time covered", "last crawl that was complete", "crawling now")
    return Part("Sources", columns if rows else (), rows, notes, data, advice)


def _source(configuration: Configuration, source: str, now_s: float) -> dict[str, Any]:
    store = configuration.store
    windows = [name for name in store.names(f"crawl/{source}") if not name.startswith("_")]
    with ThreadPoolExecutor(_READ_AT_ONCE) as threads:
        read = list(threads.map(lambda name: _details(store, f"crawl/{source}/{name}"), windows))
    details = [each for each in read if isinstance(each, dict)]
    share, to_do = None, list[str]()
    if source in SLICED:
        whole = period(getattr(configuration.sources, source), now_s)
        is_tree = source == "wikimedia" and configuration.sources.wikimedia.depth > 0
        found = coverages(whole, asked_queries(configuration, source), {}, details, has_subcategories=is_tree)
        asked = [each for each in found if each.is_asked]
        share = sum(each.share for each in asked) / len(asked) if asked else None
        to_do = [
            f"{escaped(each.query)}: {iso_time(gap.start_s)} to {iso_time(gap.end_s)}"
            for each in asked
            for gap in each.to_do[:1]
        ]
    receipts = [
        store.read_json(f"receipts/{name}")
        for name in store.names("receipts")
        if name.endswith(".json") and name.startswith((f"crawl-{source}.", f"crawl-{source}-"))
    ]
    leases = holders(store, leases_folder(source), now_s)
    return {
        "windows": len(details),
        "share": share,
        "open": to_do,
        "ended_at_s": max((each["finished_at_s"] for each in receipts), default=None),
        "leases": {unit: f"process {holder.pid} on {holder.host}" for unit, holder in leases.items()},
        "unfinished": store.names(checkpoint.folder(source)),
        "unreadable": [f"crawl/{source}/{name}" for name, each in zip(windows, read, strict=True) if each == ""],
    }


def _details(store: Store, path: str) -> dict[str, Any] | str | None:
    """Return the details of a window's marker, None where it is not whole, "" where it cannot be read."""
    try:
        marker = store.done(path)
        return None if marker is None else dict(marker["details"])
    except (StorageError, ValueError, KeyError, TypeError):
        return ""


def _advice(source: str, told: dict[str, Any]) -> list[Advice]:
    crawl, name = f"scrapy crawl {escaped(source)}", escaped(source)
    advice = []
    if told["unreadable"]:
        what = f"{name}: {count(len(told['unreadable']), 'window')} cannot be read, such as {told['unreadable'][0]}"
        advice.append(Advice(what, f"look at the disk; remove that folder, and {crawl} lists it anew"))
    if told["unfinished"] and not told["leases"]:
        left = count(len(told["unfinished"]), "window")
        advice.append(Advice(f"{name}: a crawl was stopped in {left}", f"{crawl}  (it goes on from there)"))
    elif told["ended_at_s"] is None and not told["leases"]:
        advice.append(Advice(f"{name}: no crawl has been complete yet", crawl))
    return advice
