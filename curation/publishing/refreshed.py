"""Refreshed: publishes a generation whose table is in parts, of which a refresh writes those that changed.

Files below `curated/<NNNN>-<digest>/` are those of `curation.publishing.generation`, but for two: `photos.json` names
the files of the table (`corpus.storage.parts`), each with a CSV of its authors beside it, and `ledger.json` those of
the ledger. Files below `tables/` never change, and are shared by generations.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.sections import Shards
from corpus.storage import Store
from corpus.storage.parts import FOLDER as TABLES
from corpus.storage.parts import NAMED
from curation.generations import FOLDER, FUNNEL, LEDGER, ledger_files
from curation.judging.refresh.state.files import arrow_bytes
from curation.judging.refresh.state.known import Known
from curation.judging.refresh.written import Refreshed, curated_table
from curation.publishing.attribution import csv_of
from curation.publishing.generation import Published, clear_unfinished, publish_beside
from curation.publishing.handed_on import known_classes
from curation.publishing.identity import generation_digest, name_after, packed_digest
from shards.plan import classes_after

Row = dict[str, Any]

_LEDGER_ROWS_MIN = 1_000


def unchanged(store: Store, generation: str, shards: Shards) -> Published | None:
    """Return the newest generation where its uploads are as they were; None where it is to be made anew nonetheless.

    That is so where shards are cut otherwise, or classes have other labels, than when it was published.
    """
    counts = store.read_json(f"{FOLDER}/{generation}/{FUNNEL}")
    marker = store.done(f"{FOLDER}/{generation}") or {}
    is_same = marker.get("packed") == packed_digest(shards, _classes(store, counts))
    return Published(generation, counts, False) if is_same else None


def publish_refreshed(
    store: Store, found: Refreshed, last: Known, settings: Row, shards: Shards, check: Callable[[], None]
) -> Published:
    """Publish a generation unless the newest one is the same; its state is published with it.

    `last`: what the run before has left. `settings`, `check`: see `publish_generation`.
    """
    classes = _classes(store, found.counts)
    digest = generation_digest(int(found.known.rows_sum, 16), found.ledger, found.learned, found.hubs, shards, classes)
    marker = {"photos": found.counts["photos"], "kept": found.counts["kept"], "digest": digest}
    marker["packed"] = packed_digest(shards, classes)
    latest = last.generation
    check()
    if latest and store.done(f"{FOLDER}/{latest}") == marker and not last.parts:
        return Published(latest, found.counts, False)  # its tables were written again or copied, with equal rows
    files, written = _files(found, last.public)
    if latest and store.done(f"{FOLDER}/{latest}") == marker and last.public:
        known = replace(found.known, public=files)
        _publish_tables(store, written)
        known.publish(store)
        known.tidy(store)
        return Published(latest, found.counts, False)
    clear_unfinished(store)
    name = name_after(latest, digest)
    folder = f"{FOLDER}/{name}"
    of_ledger, ledger_data = _ledger_files(found, ledger_files(store, latest) if latest else [])
    # named first, so that a run that follows a killed one knows which files were begun
    store.publish_json(f"{folder}/{NAMED}", {
        "rows": found.counts["photos"], "files": files, "attribution": [_csv_of(path) for path in files],
    })  # fmt: skip
    store.publish_json(f"{folder}/{LEDGER}", {"folds": settings["curation"]["folds"], "files": of_ledger})
    _publish_tables(store, written | ledger_data)
    described = [{"name": path} for path in files]
    publish_beside(store, name, found.learned, found.counts, dict(found.samples), settings, described)
    check()
    known = replace(found.known, generation=name, public=files)
    known.publish(store)
    store.mark_done(folder, marker)
    known.tidy(store)
    return Published(name, found.counts, True)


def _classes(store: Store, counts: Row) -> tuple[str, ...]:
    kept = {key for key, camera in counts["cameras"].items() if camera["kept"]}
    return classes_after(known_classes(store), kept)


def _files(found: Refreshed, public: Any) -> tuple[list[str], dict[str, bytes]]:
    """Return the paths of the table's files, and the bytes of those that changed, with their authors', by path."""
    files, written = list(public), dict[str, bytes]()
    for place, table in found.written:
        rows = curated_table(table)
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd")
        data = sink.getvalue().to_pybytes()
        path = f"{TABLES}/{hashlib.sha256(data).hexdigest()[:24]}.parquet"
        written |= {path: data, _csv_of(path): csv_of(rows)}
        files[place : place + 1] = [path]
    return files, written


def _csv_of(path: str) -> str:
    return path.removesuffix(".parquet") + ".csv"


def _ledger_files(found: Refreshed, files: list[tuple[str, pa.Table]]) -> tuple[list[str], dict[str, bytes]]:
    """Return the files of a ledger, and the bytes of a new one; what stands in an earlier file is not written again.

    Files are brought together with the new one unless they are far larger, so that they stay few.
    """
    sides = found.new_sides if files else found.ledger
    if files and not len(sides.group):
        return [path for path, _ in files], {}
    new, earlier = sides.table(), list(files)
    while earlier and len(earlier[-1][1]) <= max(_LEDGER_ROWS_MIN, 2 * len(new)):
        new = pa.concat_tables([earlier.pop()[1], new])
    data = arrow_bytes(new.sort_by("group"))
    path = f"{TABLES}/{hashlib.sha256(data).hexdigest()[:24]}.arrow"
    return [*(path for path, _ in earlier), path], {path: data}


def _publish_tables(store: Store, written: dict[str, bytes]) -> None:
    for path, data in sorted(written.items()):
        if not store.exists(path):
            store.publish(path, data)
