"""Generation: judged rows in, `curated/<NNNN>-<digest>/` out, published once, whole and never changed.

photos.parquet (CURATED, every photo with its reasons), funnel.json (the counts), splits.json (the ledger: the split
of every group there ever was), attribution.csv (whom to name for the photos kept), report.html; the marker last.
The same rows give the same bytes: no clock, no host. The newest generation is not made again.
"""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from corpus.records import CURATED
from corpus.sections import Shards
from corpus.storage import Store
from curation.funnel import count
from curation.judge import Past

Row = dict[str, Any]

FOLDER = "curated"
FORMAT = 1
"""Raised when the files of a generation change their form: the same rows are then published anew."""

_ATTRIBUTION = ("photo", "title", "author", "licence", "licence_url", "page_url", "source")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets take a cell that begins so for a formula; an apostrophe before it makes it text (OWASP)."""


def latest_generation(store: Store) -> str | None:
    """Return the newest whole generation's name, None before the first."""
    names = store.done_names(FOLDER)
    return max(names, key=_number) if names else None


def read_past(store: Store, generation: str | None) -> Past:
    """Return what a generation says to its successor."""
    if generation is None:
        return Past({}, frozenset())
    ledger = store.read_json(f"{FOLDER}/{generation}/splits.json")
    table = store.read_table(f"{FOLDER}/{generation}/photos.parquet", ["photo", "version", "kept"])
    return Past(ledger, frozenset((row["photo"], row["version"]) for row in table.to_pylist() if row["kept"]))


def publish_generation(
    store: Store, rows: Sequence[Row], ledger: Mapping[str, str], shards: Shards
) -> tuple[str, dict[str, Any], bool]:
    """Publish a generation unless the newest one is the same; return its name, its counts and whether it is new.

    `shards` are part of its identity: other tiles are another generation. What a crash left is removed first.
    """
    counts = count(rows)
    latest = latest_generation(store)
    digest = _digest(rows, ledger, shards)
    if latest is not None and store.done(f"{FOLDER}/{latest}") == _marker(counts, digest):
        return latest, counts, False
    from curation.report import report_page  # here: workers and unchanged runs need not wait for matplotlib

    _remove_unfinished(store)
    name = f"{(_number(latest) if latest else 0) + 1:04d}-{digest[:10]}"
    folder = f"{FOLDER}/{name}"
    store.publish_table(f"{folder}/photos.parquet", pa.Table.from_pylist(list(rows), CURATED))
    store.publish_json(f"{folder}/funnel.json", counts)
    store.publish_json(f"{folder}/splits.json", dict(ledger))
    store.publish(f"{folder}/attribution.csv", attribution(rows).encode())
    store.publish(f"{folder}/report.html", report_page(name, rows, counts).encode())
    store.mark_done(folder, _marker(counts, digest))
    return name, counts, True


def attribution(rows: Sequence[Row]) -> str:
    """Return CSV that names author, licence and page of every kept photo."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_ATTRIBUTION)
    for row in rows:
        if row["kept"]:
            cells = {**row, "author": row["owner_name"] or row["owner_id"]}
            writer.writerow([_cell(cells[column]) for column in _ATTRIBUTION])
    return text.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def _digest(rows: Sequence[Row], ledger: Mapping[str, str], shards: Shards) -> str:
    """Return SHA-256 of all that decides a generation's content; of values, not of Parquet bytes, which change."""
    digest = hashlib.sha256(json.dumps([FORMAT, shards.model_dump(), ledger], sort_keys=True).encode())
    for row in rows:
        digest.update(json.dumps([row[name] for name in CURATED.names]).encode())
    return digest.hexdigest()


def _marker(counts: Mapping[str, Any], digest: str) -> dict[str, Any]:
    return {"photos": counts["photos"], "kept": counts["kept"], "digest": digest}


def _number(name: str) -> int:
    first = name.partition("-")[0]
    return int(first) if first.isdigit() else 0


def _remove_unfinished(store: Store) -> None:
    """Remove generations without a marker: a killed run's leftovers, which this one replaces."""
    whole = set(store.done_names(FOLDER))
    for name in store.names(FOLDER):
        if name not in whole:
            store.remove(f"{FOLDER}/{name}")
