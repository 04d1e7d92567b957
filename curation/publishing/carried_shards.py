"""Carried shards: which shards of the generation before a refreshed generation keeps, told by what has changed alone.

Two generations that refreshes have published share the files of their tables but for those in which a row is new, has
changed or is gone (`corpus.storage.parts`). So a shard stays as it is where none of its photographs stands otherwise in
the files that only one of the two has, and neither the table nor the entries of all shards have to be read. What is
found is what `shards.plan.plan_shards` finds from the whole table.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from corpus.records import SPLITS, photo_digest
from corpus.sections import Shards
from corpus.storage import Entry, Store
from corpus.storage.parts import NAMED, files_of, part_table, photos_table
from curation.generations import FOLDER
from shards.entries import files_of_tar, read_entry
from shards.index import Carried, last_whole
from shards.plan import PhotoPlan, ShardPlan, cutting_of, plan_loose, planned_photos

PLANNED = ["photo", "version", "kept", "camera", "group", "split", "original", "sha256", "quality_factor", "fold"]
"""Columns of a generation that a plan and the index need."""

Row = dict[str, Any]


class ShardChanges(NamedTuple):
    """What becomes of the shards of the generation before."""

    carried: Carried
    """Those that stay."""
    new: list[ShardPlan]
    folds: Mapping[str, int]
    """Of the photographs of the new shards, and of all of which they may have changed, by digest."""


def shard_changes(
    store: Store, generation: str, classes: tuple[str, ...], settings: Shards, folds: int, there: Mapping[str, Entry]
) -> ShardChanges | None:
    """Return what becomes of the shards of the generation before; None where that has to be told from all photographs.

    `there`: the files in the pool of shards. So it is where one of the generations was judged whole, where a shard
    lacks a file or the index is damaged, and where photographs are cut otherwise or have another number of folds.
    """
    before = last_whole(store)
    named = [f"{FOLDER}/{name}/{NAMED}" for name in (generation, before.generation)] if before else []
    if before is None or not before.tars or before.folds != folds or not all(map(store.exists, named)):
        return None
    carried = Carried(before, frozenset(before.tars), there)
    if not all(path in there for tar in before.tars for path in files_of_tar(tar)) or not carried.is_sound:
        return None
    fits = all(tar.photos <= settings.shard_photos for tar in carried.packed)
    if not fits or read_entry(store, before.tars[0]).plan.cutting != cutting_of(settings):
        return None  # all tars of a generation are cut alike
    files = [dict.fromkeys(files_of(store, f"{FOLDER}/{name}")) for name in (before.generation, generation)]
    rows_then, rows_now = (
        _kept(part_table(store, path, PLANNED) for path in own if path not in others)
        for own, others in ((files[0], files[1]), (files[1], files[0]))
    )
    then, now = (_by_digest(planned_photos(rows, classes)) for rows in (rows_then, rows_now))
    changed = {digest for digest in then.keys() | now.keys() if then.get(digest) != now.get(digest)}
    again = carried.tars_of(np.array([int(digest, 16) for digest in changed], np.uint64))
    failed = _kept(_failed(store, generation, [one.original for one in before.failures]))
    loose = _by_digest(planned_photos(failed, classes))
    for plan in (read_entry(store, tar).plan for tar in sorted(again)):
        loose |= {photo.photo: (plan.split, photo) for photo in plan.photos}
    loose = {digest: of for digest, of in loose.items() if digest not in changed}
    loose |= {digest: now[digest] for digest in changed if digest in now}
    by_split = {split: [photo for of, photo in loose.values() if of == split] for split in SPLITS}
    kept = carried.without(again)
    stay, new = plan_loose(by_split, kept.packed, settings, lambda tar: read_entry(store, tar).plan)
    of_new = carried.folds_of(photo.photo for plan in new for photo in plan.photos)
    told = {photo_digest(row["photo"], row["version"]): row["fold"] for row in [*rows_now, *failed]}
    return ShardChanges(kept.without(kept.tars - set(stay)), new, of_new | told)


def _failed(store: Store, generation: str, originals: list[str]) -> Iterator[pa.Table]:
    """Yield the rows of the originals that could not be packed: they are tried again."""
    if originals:
        yield photos_table(store, f"{FOLDER}/{generation}", PLANNED, [[("original", "in", originals)]])


def _kept(tables: Iterable[pa.Table]) -> list[Row]:
    return [row for table in tables for row in table.filter(table["kept"]).to_pylist()]


def _by_digest(photos: Mapping[str, Mapping[str, PhotoPlan]]) -> dict[str, tuple[str, PhotoPlan]]:
    return {digest: (split, photo) for split, of in photos.items() for digest, photo in of.items()}
