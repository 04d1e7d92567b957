"""Generation: publishes a judged corpus as `curated/<NNNN>-<digest>/`, once and whole; it never changes afterwards.

Files: photos.parquet (CURATED, every photo with its reasons), funnel.json (counts), natives.json (what was learned of
cameras), splits.json and folds.json (the ledger: the split and fold of every group there has ever been),
attribution.csv and .html (authors of the photos kept), report.html, README.md (the dataset card) and croissant.json;
the marker is written last. Equal rows give equal bytes: no clock, no host name. If the newest generation is equal, none
is published.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.records import CURATED
from corpus.sections import Shards
from corpus.storage import Store
from corpus.text import leading_number
from curation.cluster.frames import Advance
from curation.generations import FOLDER, FOLDS, FUNNEL, NATIVES, PHOTOS, SPLITS, Past, latest_generation
from curation.judging.counts import Tally, counts
from curation.judging.whole_corpus import Judged
from curation.publishing.attribution import attribution_csv, attribution_html
from curation.publishing.croissant import PARQUET, croissant
from curation.publishing.dataset_card import dataset_card
from curation.publishing.handed_on import known_classes
from shards.plan import FORMAT as SHARDS_FORMAT
from shards.plan import classes_after

Row = dict[str, Any]

FORMAT = 3
"""Raise it when the files of a generation change their form: the same rows are then published again."""
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
        total, digest = _write_photos(photos, judged, shards, known_classes(store), advance)
        cameras = (*judged.catalogue.cameras, *judged.catalogue.unlisted)
        names = {camera.key: (camera.name, camera.is_listed) for camera in cameras}
        counted = counts(total, names, judged.hubs, judged.pairs)
        marker = {"photos": counted["photos"], "kept": counted["kept"], "digest": digest}
        if latest is not None and store.done(f"{FOLDER}/{latest}") == marker:
            return Published(latest, counted, False)
        check()
        for unfinished in set(store.names(FOLDER)) - set(store.done_names(FOLDER)):  # killed runs left them
            store.remove(f"{FOLDER}/{unfinished}")
        name = f"{(leading_number(latest) if latest else 0) + 1:04d}-{digest[:10]}"
        store.publish_file(f"{FOLDER}/{name}/{PHOTOS}", photos)
        with photos.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        _publish_beside(store, name, judged, counted, total, settings, (sha256, photos.stat().st_size))
    check()
    store.mark_done(f"{FOLDER}/{name}", marker)
    return Published(name, counted, True)


def _write_photos(
    path: Path, judged: Judged, shards: Shards, known: tuple[str, ...], advance: Advance
) -> tuple[Tally, str]:
    """Write the table of all photos to a local file; return its tally and the generation's digest.

    The digest covers everything that decides a generation's content: values, not Parquet bytes, which depend on the
    library's version; and the classes of its shards in the order of their labels, which `known` ones begin.
    """
    ledger = [dict(judged.ledger.splits), dict(judged.ledger.folds)]
    settings = shards.model_dump(exclude={"photos_at_once"})
    head = [FORMAT, SHARDS_FORMAT, settings, ledger, judged.learned, judged.hubs]
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    total = Tally()

    def tables() -> Iterator[pa.Table]:
        for table, digests, found in judged.parts:
            digest.update(b"".join(digests))
            total.add(found)
            advance(1)
            yield table

    with pq.ParquetWriter(path, CURATED, compression="zstd") as writer:
        for table in _regrouped(tables()):
            writer.write_table(table, row_group_size=ROW_GROUP)
    classes = classes_after(known, {camera for camera, counted in total.cameras.items() if counted.kept})
    digest.update(json.dumps(classes).encode())
    return total, digest.hexdigest()


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


def _publish_beside(
    store: Store, name: str, judged: Judged, counted: Row, total: Tally, settings: Row, photos: tuple[str, int]
) -> None:
    """Publish the other files of a generation; `photos`: SHA-256 and size in bytes of its table."""
    # imported here, so that workers and unchanged runs do not load matplotlib
    from curation.publishing.report import report_page
    from curation.publishing.thumbnails import RefusedPictures, thumbnails

    folder = f"{FOLDER}/{name}"
    csv = attribution_csv(store, f"{folder}/{PHOTOS}")
    natives = [row | {"text": row["text"].replace("\n", " ").strip()} for row in judged.learned]
    store.publish_json(f"{folder}/{FUNNEL}", counted)
    store.publish_json(f"{folder}/{NATIVES}", judged.learned)
    store.publish_json(f"{folder}/{SPLITS}", dict(judged.ledger.splits))
    store.publish_json(
        f"{folder}/{FOLDS}", {"folds": settings["curation"]["folds"], "groups": dict(judged.ledger.folds)}
    )
    store.publish(f"{folder}/attribution.csv", csv)
    store.publish(f"{folder}/attribution.html", attribution_html(store, f"{folder}/{PHOTOS}").encode())
    pictures = RefusedPictures.read(store)
    samples = pictures.samples(Past(store, name), total.samples)
    report = report_page(name, counted, natives, thumbnails(store, samples, pictures))
    store.publish(f"{folder}/report.html", report.encode())
    store.publish(f"{folder}/README.md", dataset_card(name, counted, natives, settings).encode())
    sha256 = hashlib.sha256(csv).hexdigest()
    files = [
        {"name": PHOTOS, "sha256": photos[0], "size_bytes": photos[1], "encoding": PARQUET},
        {"name": "attribution.csv", "sha256": sha256, "size_bytes": len(csv), "encoding": "text/csv"},
    ]
    store.publish_json(f"{folder}/croissant.json", croissant(name, counted, files, CURATED))
