"""A made-up corpus of any size: one of `planted.py`, again and again as other pictures of the same owners.

Planting a photograph by itself takes a third of a millisecond, so a corpus of ten millions is made from one of 20,000.
Each repetition has other keys, digests, hashes and times, by a mask of its own: what is equal or near within one stays
so, and nothing is across two. Cameras, owners and serial numbers are the same, so that owners and devices have more
photographs.
"""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.curation.planted import KIND, plant
from corpus.records import EXAMINED, RECORD
from corpus.storage import Store
from curation.facts.examine import facts_folder

BASE = 20_000
_TIME = "%Y:%m:%d %H:%M:%S"
_APART = timedelta(days=10)


def plant_many(store: Store, base: Store, photos: int) -> pa.Table:
    """Write a corpus of about `photos` uploads, a multiple of BASE; return the truth of each: photo, truth.

    `base`: an empty store, in which the corpus is made that is repeated.
    """
    truths = plant(base, BASE)
    told = pa.table({"photo": list(truths), "truth": list(truths.values())})
    windows = base.names("crawl/flickr")
    facts = base.names(facts_folder(KIND))
    found = []
    for repetition in range(-(-photos // BASE)):
        mask = np.random.default_rng(repetition).integers(0, 256, 32, np.uint8)
        for name in windows:
            table = base.read_table(f"crawl/flickr/{name}/records.parquet")
            folder = f"crawl/flickr/r{repetition:05d}-{name}"
            store.publish_table(f"{folder}/records.parquet", _record(table, mask))
            store.mark_done(folder, {"photos": len(table)})
        for name in facts:
            table = base.read_table(f"{facts_folder(KIND)}/{name}")
            path = f"{facts_folder(KIND)}/r{repetition:05d}-{name}"
            store.publish_table(path, _examined(table, mask, repetition))
        found.append(told.set_column(0, "photo", _photo(told["photo"], mask)))
    return pa.concat_tables(found)


def _record(table: pa.Table, mask: np.ndarray) -> pa.Table:
    changed = {name: _masked(table[name], mask) for name in ("version", "sha256")}
    changed["photo"] = _photo(table["photo"], mask)
    path = pc.binary_join_element_wise(
        "originals/flickr/00/", pc.utf8_slice_codeunits(changed["photo"], 7), "-", changed["version"], ".jpg", ""
    )
    changed["original"] = pc.if_else(table["original"].is_valid(), path, None)
    return pa.table([changed.get(name, table[name]) for name in RECORD.names], schema=RECORD)


def _examined(table: pa.Table, mask: np.ndarray, repetition: int) -> pa.Table:
    changed = {name: _masked(table[name], mask) for name in ("version", "sha256", "perceptual_hash")}
    changed["photo"] = _photo(table["photo"], mask)
    facts = table["facts"].combine_chunks()
    fields = dict(zip((field.name for field in facts.type), facts.flatten(), strict=True))
    fields["scan_digest"] = _masked(fields["scan_digest"], mask)
    for name in ("taken_at", "modified_at"):
        fields[name] = _later(fields[name], repetition * _APART)
    changed["facts"] = pa.StructArray.from_arrays(list(fields.values()), fields=list(facts.type))
    return pa.table([changed.get(name, table[name]) for name in EXAMINED.names], schema=EXAMINED)


def _photo(photos: pa.ChunkedArray, mask: np.ndarray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise("flickr:", _masked(pc.utf8_slice_codeunits(photos, 7), mask), "")


def _masked(texts: pa.ChunkedArray | pa.Array, mask: np.ndarray) -> pa.Array:
    """Return hexadecimal texts, all of one length, with the bits of `mask` changed; null where they are null."""
    there = texts.drop_null().to_pylist()
    if not there:
        return pa.nulls(len(texts), pa.string())
    digits = len(there[0])
    data = np.frombuffer(bytes.fromhex("".join(there)), np.uint8).reshape(len(there), -1) ^ mask[: digits // 2]
    spelled = data.tobytes().hex()
    found = pa.array([spelled[at : at + digits] for at in range(0, len(spelled), digits)], pa.string())
    is_there = (
        np.asarray(texts.is_valid().to_numpy(), bool)
        if isinstance(texts, pa.ChunkedArray)
        else np.asarray(texts.is_valid().to_numpy(zero_copy_only=False), bool)
    )
    return found.take(pa.array(np.cumsum(is_there) - 1, mask=~is_there))


def _later(times: pa.Array, by: timedelta) -> pa.Array:
    moved = pc.add(pc.strptime(times, format=_TIME, unit="s"), pa.scalar(by, pa.duration("s")))
    return pc.strftime(moved, format=_TIME)
