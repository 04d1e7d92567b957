"""Publish: writes the index of a generation's shards as `shards/<generation>/`, its marker last.

`groups.arrow`, `photos.arrow` and `tiles.arrow` are the index proper. `index.json` has the classes, tars, failures and
checksums, `_info.json` the tars in the form that timm's WebDataset reader needs.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import StageError
from corpus.records import SPLITS
from corpus.storage import Store, json_bytes
from shards.entries import ShardEntry, files_of_tar, read_tiles_table
from shards.index.build import FOUND, PLANNED, build_index, digests_of
from shards.index.carried import Carried
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
    store: Store,
    generation: str,
    classes: tuple[str, ...],
    entries: list[ShardEntry],
    folds: Folds | None = None,
    carried: Carried | None = None,
) -> Index:
    """Publish the index of a generation, its marker last; a generation that is already whole is left alone.

    `carried`: the tars that it has from the generation before; `entries` are those of all others, and `folds` has then
    only to say what may have changed. Folds stand in the index alone, so that another fold packs no photograph again.
    An entry without tiles contributes its failures only. Raises StageError where a photograph is in two shards or a
    label is not its camera's place in `classes`.
    """
    if store.done(f"{ROOT}/{generation}") is not None:
        return read_index(store, generation)
    full = {entry.plan.name: entry for entry in entries if entry.tiles}
    tars = [_Tar(name, entry.plan.split, len(entry.plan.photos), entry.tiles, entry.size_bytes)
            for name, entry in full.items()]  # fmt: skip
    tars += [] if carried is None else _carried_tars(carried)
    tars.sort(key=lambda tar: (SPLITS.index(tar.split), tar.name))
    places = {tar.name: place for place, tar in enumerate(tars)}
    _check(full.values(), classes)
    known_folds = folds.of if folds else {}
    planned, found = [_planned(full.values(), places, known_folds)], [*_found(store, full.values(), places)]
    if carried is not None:
        before = carried.index.classes
        if classes[: len(before)] != before:
            earlier = carried.index.generation
            raise StageError(f"{generation}: its classes do not go on from those of {earlier}; plan again")
        planned.append(carried.planned(places, known_folds))
        found.append(carried.found(places))
    whole = pa.concat_tables(planned)
    if len(pc.unique(whole["photo"])) < len(whole):
        raise StageError(f"{generation}: a photo is in two of its shards; plan again")
    tables = build_index(whole, pa.concat_tables([FOUND.empty_table(), *found]))
    failures = sorted((failure for entry in entries for failure in entry.failures), key=lambda one: one.photo)
    by_split = {split: [tar for tar in tars if tar.split == split] for split in SPLITS}
    content = {
        "format": FORMAT, "generation": generation, "classes": list(classes), "splits": _counts(by_split),
        "failures": [asdict(failure) for failure in failures], "folds": folds.number if folds else None,
    }  # fmt: skip
    publish_tables(store, generation, tables, content, _timm_info(by_split))
    return read_index(store, generation)


class _Tar(NamedTuple):
    """What an index says of a tar as a whole."""

    name: str
    split: str
    photos: int
    tiles: int
    size_bytes: int


def _carried_tars(carried: Carried) -> list[_Tar]:
    tiles = carried.tiles
    return [_Tar(*one, tiles[one.name], carried.there[files_of_tar(one.name)[0]].size_bytes) for one in carried.packed]


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


def _check(entries: Iterable[ShardEntry], classes: tuple[str, ...]) -> None:
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


def _planned(entries: Iterable[ShardEntry], places: Mapping[str, int], folds: Mapping[str, int]) -> pa.Table:
    photos = [(places[entry.plan.name], entry.plan.split, photo) for entry in entries for photo in entry.plan.photos]
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


def _found(store: Store, entries: Iterable[ShardEntry], places: Mapping[str, int]) -> Iterator[pa.Table]:
    for entry in entries:
        own = read_tiles_table(store, entry.plan.name, _TOLD)
        rows = own.num_rows
        columns = {
            "photo": digests_of(own["photo"].combine_chunks()),
            "tar": np.full(rows, places[entry.plan.name], np.int32),
            "row": np.arange(rows, dtype=np.int32),
        }
        columns |= {name: own[name].cast(FOUND.field(name).type) for name in FOUND.names if name not in columns}
        yield pa.table([columns[name] for name in FOUND.names], schema=FOUND)


_TOLD = ["photo", "tile", "label", "offset_bytes", "length_bytes", "x_px", "y_px", "width_px", "height_px"]


def _counts(by_split: Mapping[str, Sequence[_Tar]]) -> dict[str, Any]:
    return {
        split: {
            "shards": [tar.name for tar in own],
            "photos": sum(tar.photos for tar in own),
            "tiles": sum(tar.tiles for tar in own),
            "size_bytes": sum(tar.size_bytes for tar in own),
        }
        for split, own in by_split.items()
    }


def _timm_info(by_split: Mapping[str, Sequence[_Tar]]) -> dict[str, Any]:
    """Return the content of `_info.json` for timm's `ReaderWds`; tars are named relative to the generation's folder."""
    return {
        "splits": {
            split: {
                "name": split,
                "filenames": [f"../tars/{tar.name}" for tar in own],
                "shard_lengths": [tar.tiles for tar in own],
                "num_samples": sum(tar.tiles for tar in own),
            }
            for split, own in by_split.items()
        }
    }
