"""Generation: checks the index of a generation against itself, and against the tars that it is of."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from corpus.errors import StorageError
from corpus.records import SPLITS
from corpus.storage import MARKER, Store
from shards.entries import OutdatedError, ShardEntry
from shards.index import Index, read_index
from shards.index.build import digests_of
from shards.index.tables import FORMAT
from shards.inspection.faults import Fault, hashed, read_own_json
from shards.inspection.tars import TarReport

_SAME = ("offset_bytes", "length_bytes", "x_px", "y_px", "width_px", "height_px", "tile")
"""Columns that the index has of each tile as the tar's own table has them."""


def check_index(store: Store, generation: str) -> tuple[Index | None, list[Fault]]:
    """Check the files of a generation's index; return the faults, and the index where its `index.json` is whole.

    Raises OutdatedError where another version of this program packed the generation.
    """
    faults: list[Fault] = []
    folder = f"shards/{generation}"
    marker = read_own_json(store, f"{folder}/{MARKER}", faults)
    sums = marker.get("sha256") if isinstance(marker, dict) else None
    sums = sums if isinstance(sums, dict) else {}
    values = {name: read_own_json(store, f"{folder}/{name}", faults, sums.get(name)) for name in _JSON}
    if marker is not None and set(sums) != set(_JSON):
        faults.append(Fault(f"{folder}/{MARKER}", f"has no checksums of {' and '.join(_JSON)}"))
    content = values["index.json"]
    if not isinstance(content, dict):
        return None, faults
    if content.get("format") != FORMAT:
        raise OutdatedError(
            f"{store.url}: {folder} was packed by another version of this program, which can check it; python -m "
            "curation.run packs a new generation"
        )
    for name, told in content.get("files", {}).items():
        found, size_bytes = hashed(store, f"{folder}/{name}", faults)
        if found and (found, size_bytes) != (told["sha256"], told["size_bytes"]):
            faults.append(Fault(f"{folder}/{name}", f"has SHA-256 {found}; index.json says {told['sha256']}"))
    try:
        index = read_index(store, generation)
    except StorageError as error:
        faults.append(Fault(f"{folder}/index.json", str(error)))
        return None, faults
    if marker is not None and not faults:
        found_counts = {"tiles": len(index.tiles), "shards": len(index.tars), "failures": len(index.failures)}
        if {name: marker.get(name) for name in found_counts} != found_counts:
            faults.append(Fault(f"{folder}/{MARKER}", f"does not count what is there: {found_counts}"))
    return index, faults


_JSON = ("_info.json", "index.json")


_COUNTED = ("photos", "tiles", "size_bytes")


def counts_of(entry: ShardEntry) -> dict[str, int]:
    """Return how many photos, tiles and bytes a tar has."""
    return {"photos": len(entry.plan.photos), "tiles": entry.tiles, "size_bytes": entry.size_bytes}


class Comparison:
    """Compares what a generation's index says of each tar with that tar's own table and entry."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._order = np.lexsort((index.tiles["row"], index.tiles["tar"]))
        self._bounds = np.searchsorted(index.tiles["tar"][self._order], np.arange(len(index.tars) + 1))
        self._folder = f"shards/{index.generation}"

    def tiles_of(self, number: int) -> int:
        """Return how many tiles the index has of the tar of a number."""
        return int(self._bounds[number + 1] - self._bounds[number])

    def faults(self, number: int, report: TarReport) -> Iterator[Fault]:
        """Yield how the index differs from a tar that was checked; `number`: the tar's place in the index."""
        entry, table = report.entry, report.table
        if entry is None or table is None:
            return
        tar, path = self._index.tars[number], f"{self._folder}/tiles.arrow"
        rows = self._order[self._bounds[number] : self._bounds[number + 1]]
        if not np.array_equal(self._index.tiles["row"][rows], np.arange(table.num_rows)):
            yield Fault(path, f"has {len(rows)} tiles of {tar}, which has {table.num_rows}")
            return
        photos = self._index.tiles.at("photo", rows)
        columns = {name: self._index.tiles.at(name, rows) for name in _SAME}
        columns |= {"label": self._index.labels(photos)}
        wanted = {name: table[name].to_numpy().astype(np.int64) for name in columns}
        for name, column in columns.items():
            if np.any(wrong := column != wanted[name]):
                yield Fault(path, f"{name} of {int(wrong.sum())} tiles is not that of {tar}", self._key(table, wrong))
        if np.any(wrong := self._index.photos["photo"][photos] != digests_of(table["photo"].combine_chunks())):
            yield Fault(path, f"the photo of {int(wrong.sum())} tiles is not that of {tar}", self._key(table, wrong))
        yield from self._against_plan(entry, table, photos)

    def _against_plan(self, entry: ShardEntry, table: pa.Table, photos: np.ndarray[Any, Any]) -> Iterator[Fault]:
        plan = {photo.photo: photo for photo in entry.plan.photos}
        splits = self._index.splits[self._index.photos["group"][photos]]
        if np.any(splits != SPLITS.index(entry.plan.split)):
            yield Fault(f"{self._folder}/groups.arrow", f"puts tiles of {entry.plan.name} into another split")
        names = table["photo"].to_pylist()
        for name, group in dict(zip(names, self._index.group_names(photos), strict=True)).items():
            photo = plan[name]
            if group != photo.group:
                yield Fault(f"{self._folder}/groups.arrow", f"{name} is of group {photo.group}, not of {group}")
            if self._index.classes[photo.label : photo.label + 1] != (photo.camera,):
                yield Fault(f"{self._folder}/index.json", f"label {photo.label} is not {photo.camera} in its classes")

    def _key(self, table: pa.Table, wrong: np.ndarray[Any, Any]) -> str:
        row = int(np.argmax(wrong))
        return f"{table['photo'][row].as_py()}_{table['tile'][row].as_py()}"

    def wrong_counts(self, counts: Mapping[str, Mapping[str, int]]) -> Iterator[Fault]:
        """Yield where the counts of index.json are not those of its tars; `counts`: `counts_of` those with an entry."""
        path = f"{self._folder}/index.json"
        for split in SPLITS:
            told = self._index.content["splits"][split]
            own = [counts[tar] for tar in told["shards"] if tar in counts]
            if len(own) < len(told["shards"]):
                continue  # what is wrong with the others has been said
            for name in _COUNTED:
                number = sum(each[name] for each in own)
                if told[name] != number:
                    yield Fault(path, f"counts {told[name]:,} {name} in split {split}; its tars have {number:,}")
