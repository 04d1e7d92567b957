"""Publish: writes the index of a generation's shards as `shards/<generation>/`, its marker last.

`groups.arrow`, `photos.arrow` and `tiles.arrow` are the index proper. `index.json` has the classes, tars, failures and
checksums, `_info.json` the tars in the form that timm's WebDataset reader needs.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from corpus.errors import StageError
from corpus.records import SPLITS
from corpus.storage import Store, json_bytes
from shards.entries import ShardEntry, read_tiles_table
from shards.index.build import FOUND, PLANNED, build_index, digests_of
from shards.index.columns import write_columns
from shards.index.generation import Index, read_index
from shards.index.tables import FORMAT, ROOT


@dataclass(frozen=True)
class Folds:
    """The folds of a generation's photographs, for cross-validation."""

    number: int
    of: Mapping[str, int]
    """Fold, 0 … number - 1, by photograph (digest)."""


def publish_index(
    store: Store, generation: str, classes: tuple[str, ...], entries: list[ShardEntry], folds: Folds | None = None
) -> Index:
    """Publish the index of a generation, its marker last; a generation that is already whole is left alone.

    Folds stand in the index alone, so that another fold packs no photograph again. An entry without tiles contributes
    its failures only. Raises StageError where a photograph is in two shards or a label is not its camera's place in
    `classes`.
    """
    if store.done(f"{ROOT}/{generation}") is not None:
        return read_index(store, generation)
    full = {entry.plan.name: entry for entry in entries if entry.tiles}
    ordered = sorted(full.values(), key=lambda entry: (SPLITS.index(entry.plan.split), entry.plan.name))
    _check(ordered, classes)
    planned = _planned(ordered, folds.of if folds else {})
    found = pa.concat_tables([FOUND.empty_table(), *_found(store, ordered)])
    tables = build_index(planned, found)
    failures = sorted((failure for entry in entries for failure in entry.failures), key=lambda one: one.photo)
    by_split = {split: [entry for entry in ordered if entry.plan.split == split] for split in SPLITS}
    content = {
        "format": FORMAT, "generation": generation, "classes": list(classes), "splits": _counts(by_split),
        "failures": [asdict(failure) for failure in failures], "folds": folds.number if folds else None,
    }  # fmt: skip
    publish_tables(store, generation, tables, content, _timm_info(by_split))
    return read_index(store, generation)


def publish_tables(
    store: Store, generation: str, tables: Mapping[str, pa.Table], content: dict[str, Any], info: dict[str, Any]
) -> None:
    """Publish the tables of a generation, `index.json` with their sizes and checksums, `_info.json` and the marker."""
    directory = f"{ROOT}/{generation}"
    files = {}
    with tempfile.TemporaryDirectory(prefix="index-") as folder:
        for name, table in tables.items():
            local = Path(folder) / f"{name}.arrow"
            write_columns(local, table)
            with local.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            files[local.name] = {"size_bytes": local.stat().st_size, "sha256": sha256}
            store.publish_file(f"{directory}/{local.name}", local)
            local.unlink()
    told = {"_info.json": info, "index.json": {**content, "files": files}}
    for name, value in told.items():
        store.publish_json(f"{directory}/{name}", value)
    shards = sum(len(split["shards"]) for split in content["splits"].values())
    marker = {
        "tiles": tables["tiles"].num_rows, "shards": shards, "failures": len(content["failures"]),
        "sha256": {name: hashlib.sha256(json_bytes(value)).hexdigest() for name, value in told.items()},
    }  # fmt: skip
    store.mark_done(directory, marker)


def _check(entries: Sequence[ShardEntry], classes: tuple[str, ...]) -> None:
    seen: dict[str, str] = {}
    for entry in entries:
        for photo in entry.plan.photos:
            if photo.photo in seen:
                raise StageError(f"photo {photo.photo} is in {seen[photo.photo]} and in {entry.plan.name}")
            seen[photo.photo] = entry.plan.name
            if classes[photo.label : photo.label + 1] != (photo.camera,):
                raise StageError(
                    f"{entry.plan.name}: label {photo.label} is not camera {photo.camera} in the classes "
                    f"{', '.join(classes)}; plan the shards again"
                )


def _planned(entries: Sequence[ShardEntry], folds: Mapping[str, int]) -> pa.Table:
    photos = [(number, entry.plan.split, photo) for number, entry in enumerate(entries) for photo in entry.plan.photos]
    columns = {
        "photo": digests_of(pa.array([photo.photo for _, _, photo in photos], pa.string())),
        "tar": [tar for tar, _, _ in photos],
        "label": [photo.label for _, _, photo in photos],
        "group": [photo.group for _, _, photo in photos],
        "split": [SPLITS.index(split) for _, split, _ in photos],
        "fold": [folds.get(photo.photo, -1) for _, _, photo in photos],
        "quality_factor": [-1 if photo.quality_factor is None else photo.quality_factor for _, _, photo in photos],
    }
    return pa.table(columns, schema=PLANNED)


def _found(store: Store, entries: Sequence[ShardEntry]) -> Iterator[pa.Table]:
    for number, entry in enumerate(entries):
        own = read_tiles_table(store, entry.plan.name, _TOLD)
        rows = own.num_rows
        columns = {
            "photo": digests_of(own["photo"].combine_chunks()),
            "tar": np.full(rows, number, np.int32),
            "row": np.arange(rows, dtype=np.int32),
        }
        columns |= {name: own[name].cast(FOUND.field(name).type) for name in FOUND.names if name not in columns}
        yield pa.table([columns[name] for name in FOUND.names], schema=FOUND)


_TOLD = ["photo", "tile", "label", "offset_bytes", "length_bytes", "x_px", "y_px", "width_px", "height_px"]


def _counts(by_split: Mapping[str, Sequence[ShardEntry]]) -> dict[str, Any]:
    return {
        split: {
            "shards": [entry.plan.name for entry in own],
            "photos": sum(len(entry.plan.photos) for entry in own),
            "tiles": sum(entry.tiles for entry in own),
            "size_bytes": sum(entry.size_bytes for entry in own),
        }
        for split, own in by_split.items()
    }


def _timm_info(by_split: Mapping[str, Sequence[ShardEntry]]) -> dict[str, Any]:
    """Return the content of `_info.json` for timm's `ReaderWds`; tars are named relative to the generation's folder."""
    return {
        "splits": {
            split: {
                "name": split,
                "filenames": [f"../tars/{entry.plan.name}" for entry in own],
                "shard_lengths": [entry.tiles for entry in own],
                "num_samples": sum(entry.tiles for entry in own),
            }
            for split, own in by_split.items()
        }
    }
