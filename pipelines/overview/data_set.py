"""Data set: the generations that curation has published, their shards, and what the next curation is due for."""

from typing import Any

from corpus.configuration import Configuration
from corpus.leases import CURATION_UNIT, LEASES, holders
from corpus.receipts import last_receipt
from corpus.storage import MARKER, Store
from corpus.text import ago, count, escaped, leading_number
from pipelines.overview.part import Advice, Part

CURATED, SHARDS = "curated", "shards"
_SHOWN = 3
_CHANGES = ("stored", "refused", "failed", "deleted")
_CURATE = "python -m curation.run"


def data_set_part(configuration: Configuration, now_s: float) -> Part:
    """Return the newest generations, and what curation is due for."""
    store = configuration.store
    names = sorted(store.done_names(CURATED), key=leading_number)
    packed = set(store.done_names(SHARDS))
    at_work = holders(store, LEASES, now_s).get(CURATION_UNIT)
    newest = [_generation(store, name, name in packed) for name in reversed(names[-_SHOWN:])]
    rows = [
        (escaped(each["name"]), f"{each['photos']:,}", f"{each['kept']:,}", "whole" if each["packed"] else "none",
         ago(each["published_at_s"], now_s))
        for each in newest
    ]  # fmt: skip
    notes = [f"and {count(len(names) - _SHOWN, 'older generation')}"] if len(names) > _SHOWN else []
    if at_work is not None:
        notes.append(f"process {at_work.pid} on {escaped(at_work.host)} is curating, {ago(at_work.since_s, now_s)}")
    receipt = last_receipt(store, "curation")
    crawled = _crawled(store)
    advice = [] if at_work is not None else _advice(newest, receipt, crawled)
    columns = ("generation", "photos", "kept", "shards", "published") if rows else ()
    data = {
        "generations": names,
        "newest": newest,
        "curating": None if at_work is None else f"process {at_work.pid} on {at_work.host}",
    }
    return Part("Data set", columns, rows, notes or ([] if rows else ["no generation yet"]), data, advice)


def _generation(store: Store, name: str, packed: bool) -> dict[str, Any]:
    counts = store.read_json(f"{CURATED}/{name}/funnel.json")
    return {
        "name": name,
        "photos": counts["photos"],
        "kept": counts["kept"],
        "wanted": {source: each["wanted"] for source, each in counts["sources"].items() if each["wanted"]},
        "packed": packed,
        "published_at_s": store.modified_at_s(f"{CURATED}/{name}/{MARKER}"),
    }


def _crawled(store: Store) -> dict[str, float]:
    """Return when the last crawl of each source ended that has changed records; shares of a crawl count as crawls."""
    found: dict[str, float] = {}
    for name in store.names("receipts"):
        if name.startswith("crawl-") and name.endswith(".json"):
            receipt = store.read_json(f"receipts/{name}")
            source = name.removeprefix("crawl-").removesuffix(".json").partition("-")[0]
            if any(receipt.get(state) for state in _CHANGES):
                found[source] = max(found.get(source, 0.0), float(receipt["finished_at_s"]))
    return found


def _advice(newest: list[dict[str, Any]], receipt: dict[str, Any], crawled: dict[str, float]) -> list[Advice]:
    curated_s = float(receipt.get("finished_at_s", 0.0))
    later = sorted(source for source, ended_s in crawled.items() if ended_s > curated_s)
    advice = []
    if not newest:
        return [Advice("what was crawled is not judged yet", _CURATE, is_wrong=False)] if crawled else []
    last = newest[0]
    if later:
        advice.append(Advice(f"{', '.join(later)}: crawled since the last curation", _CURATE, is_wrong=False))
    if not last["packed"] and last["kept"]:
        advice.append(Advice(f"{last['name']}: its shards are not whole", _CURATE))
    for source, number in last["wanted"].items():
        if crawled.get(source, 0.0) <= curated_s:
            what = f"{escaped(source)}: {count(number, 'refused photo')} would pass by what was learned of cameras"
            advice.append(Advice(what, f"scrapy crawl {escaped(source)}, then {_CURATE}", is_wrong=False))
    return advice
