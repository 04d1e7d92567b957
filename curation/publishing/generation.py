"""Generation: publishes a judged corpus as `curated/<NNNN>-<digest>/`, once and whole; it never changes afterwards.

Files: photos.parquet (CURATED, every photo with its reasons), funnel.json (counts), natives.json (what was learned of
cameras), splits.json and folds.json (the ledger: the split and fold of every group there has ever been),
attribution.csv and .html (authors of the photos kept), report.html, README.md (the dataset card) and croissant.json;
the marker is written last. Equal rows give equal bytes: no clock, no host name. If the newest generation is equal, none
is published.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.records import CURATED
from corpus.sections import Shards
from corpus.storage import Store
from curation.cluster.frames import Advance
from curation.consensus import LearnedRow
from curation.generations import (
    FOLDER,
    FOLDS,
    FUNNEL,
    NATIVES,
    PHOTOS,
    SPLITS,
    Groups,
    Past,
    latest_generation,
    tables_of,
)  # fmt: skip
from curation.judging.columns.spelling import DIGESTS
from curation.judging.counts import Tally, counts
from curation.judging.refresh.state.ledger import Sides
from curation.judging.whole_corpus import Judged
from curation.publishing.attribution import PAGE_PHOTOS_MAX, attribution_csv, attribution_html, too_many_html
from curation.publishing.croissant import PARQUET, croissant
from curation.publishing.dataset_card import dataset_card
from curation.publishing.handed_on import known_classes
from curation.publishing.identity import generation_digest, name_after, packed_digest
from shards.plan import classes_after

Row = dict[str, Any]

ROW_GROUP = 50_000
"""Rows in a row group of photos.parquet, independent of the parts that the corpus was judged in."""


@dataclass(frozen=True)
class Published:
    """A published generation."""

    name: str
    counts: Row
    is_new: bool


def publish_generation(
    store: Store, judged: Judged, settings: Row, shards: Shards, advance: Advance, check: Callable[[], None]
) -> Published:
    """Publish a generation unless the newest one is the same.

    `settings`: the sections it was judged by, for its card. `shards`: part of its identity, since other tiles make
    another generation. `advance` is called with the number of parts written. `check` raises where another run has taken
    over; this one must then neither remove the other's files nor mark them done. Leftovers of crashes are removed.
    """
    latest = latest_generation(store)
    with tempfile.TemporaryDirectory(prefix="shutterprint-generation-") as folder:
        photos = Path(folder) / PHOTOS
        total, digest, packed = _write_photos(photos, judged, shards, known_classes(store), advance)
        cameras = (*judged.catalogue.cameras, *judged.catalogue.unlisted)
        names = {camera.key: (camera.name, camera.is_listed) for camera in cameras}
        counted = counts(total, names, judged.hubs, judged.pairs)
        marker = {"photos": counted["photos"], "kept": counted["kept"], "digest": digest, "packed": packed}
        if latest is not None and store.done(f"{FOLDER}/{latest}") == marker:
            return Published(latest, counted, False)
        check()
        clear_unfinished(store)
        name = name_after(latest, digest)
        store.publish_file(f"{FOLDER}/{name}/{PHOTOS}", photos)
        with photos.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        store.publish_json(f"{FOLDER}/{name}/{SPLITS}", Groups.of(judged.ledger.splits, pa.string()).as_dict())
        folds = {
            "folds": settings["curation"]["folds"],
            "groups": Groups.of(judged.ledger.folds, pa.int32()).as_dict(),
        }
        store.publish_json(f"{FOLDER}/{name}/{FOLDS}", folds)
        described = {"name": PHOTOS, "sha256": sha256, "size_bytes": photos.stat().st_size}
        publish_beside(store, name, judged.learned, counted, total.samples, settings, [described])
    check()
    store.mark_done(f"{FOLDER}/{name}", marker)
    return Published(name, counted, True)


def _write_photos(
    path: Path, judged: Judged, shards: Shards, known: tuple[str, ...], advance: Advance
) -> tuple[Tally, str, str]:
    """Write the table of all photos to a local file; return its tally, the generation's digest and that of its shards.

    Both cover the classes of the shards in the order of their labels, which `known` ones begin.
    """
    total, rows = Tally(), [0]

    def tables() -> Iterator[pa.Table]:
        for table, of_rows, found in judged.parts:
            rows[0] = (rows[0] + of_rows) % DIGESTS
            total.add(found)
            advance(1)
            yield table

    with pq.ParquetWriter(path, CURATED, compression="zstd") as writer:
        for table in _regrouped(tables()):
            writer.write_table(table, row_group_size=ROW_GROUP)
    classes = classes_after(known, {camera for camera, counted in total.cameras.items() if counted.kept})
    sides = Sides.of_ledger(judged.ledger)
    digest = generation_digest(rows[0], sides, judged.learned, judged.hubs, shards, classes)
    return total, digest, packed_digest(shards, classes)


def _regrouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield the same rows in tables of ROW_GROUP rows; the last one may have fewer."""
    waiting: list[pa.Table] = []
    number = 0
    for table in tables:
        waiting.append(table)
        number += len(table)
        while number >= ROW_GROUP:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, ROW_GROUP).combine_chunks()
            waiting, number = [whole.slice(ROW_GROUP)], number - ROW_GROUP
    if number:
        yield pa.concat_tables(waiting).combine_chunks()


def clear_unfinished(store: Store) -> None:
    """Remove what killed runs left of generations, and the files of tables that no generation names."""
    whole = store.done_names(FOLDER)
    begun = sorted(set(store.names(FOLDER)) - set(whole))
    named = {path for name in begun for path in tables_of(store, name)}
    if named:
        named -= {path for name in whole for path in tables_of(store, name)}
    for path in sorted(named):
        store.remove(path)
    for name in begun:
        store.remove(f"{FOLDER}/{name}")


def publish_beside(
    store: Store, name: str, learned: list[LearnedRow], counted: Row, samples: Mapping[str, list[Row]], settings: Row,
    photos: list[Row],
) -> None:  # fmt: skip
    """Publish the files of a generation that both forms have; `photos`: the files of its table, for Croissant."""
    # imported here, so that workers and unchanged runs do not load Pillow
    from curation.publishing.report.page import report_page
    from curation.publishing.report.thumbnails import RefusedPictures, thumbnails

    folder = f"{FOLDER}/{name}"
    is_whole = [file["name"] for file in photos] == [PHOTOS]
    natives: list[Row] = [{**row, "text": row["text"].replace("\n", " ").strip()} for row in learned]
    store.publish_json(f"{folder}/{FUNNEL}", counted)
    store.publish_json(f"{folder}/{NATIVES}", learned)
    files = [{**file, "encoding": PARQUET} for file in photos]
    if is_whole or counted["kept"] <= PAGE_PHOTOS_MAX:
        csv = attribution_csv(store, name)
        store.publish(f"{folder}/attribution.csv", csv)
        told = {"sha256": hashlib.sha256(csv).hexdigest(), "size_bytes": len(csv), "encoding": "text/csv"}
        files.append({"name": "attribution.csv", **told})
        store.publish(f"{folder}/attribution.html", attribution_html(store, name).encode())
    else:
        store.publish(f"{folder}/attribution.html", too_many_html(counted["kept"]).encode())
    pictures = RefusedPictures.read(store)
    shown = pictures.samples(Past(store, name), samples)
    report = report_page(name, counted, natives, thumbnails(store, shown, pictures))
    store.publish(f"{folder}/report.html", report.encode())
    store.publish(f"{folder}/README.md", dataset_card(name, counted, natives, settings).encode())
    store.publish_json(f"{folder}/croissant.json", croissant(name, counted, files, CURATED))
