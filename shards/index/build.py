"""Build: makes the three tables of an index from the tables of its tars, by sorting whole columns; no I/O.

Photos that are planned without tiles, tiles without a planned photo, and labels on which the two disagree are refused.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import StageError
from shards.index.columns import GROUPS, PHOTOS, TILES

PLANNED = pa.schema(
    [
        ("photo", pa.uint64()), ("tar", pa.int32()), ("label", pa.int32()), ("group", pa.string()),
        ("split", pa.int8()), ("fold", pa.int32()), ("quality_factor", pa.int8()),
    ]
)  # fmt: skip
"""What the plans say of each photo; fold and quality factor are -1 where there is none."""

FOUND = pa.schema([("label", pa.int32()), *(field for field in TILES if field.name != "photo"), ("photo", pa.uint64())])
"""What the tars' own tables say of each tile; `photo` is the digest."""

Words = npt.NDArray[np.uint64]

_DIGITS = np.full(256, 255, np.uint8)
_DIGITS[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)


def digests_of(photos: pa.Array) -> Words:
    """Return the digests that texts of 16 hex digits stand for; raises StageError for another text."""
    photos = photos.cast(pa.string())
    _, ends, texts = photos.buffers()
    if not len(photos):
        return np.empty(0, np.uint64)
    bounds = np.frombuffer(ends, np.int32)[photos.offset : photos.offset + len(photos) + 1]
    letters = np.frombuffer(texts, np.uint8)[bounds[0] : bounds[-1]]
    result = np.zeros(len(photos), np.uint64)
    if np.all(np.diff(bounds) == 16):
        digits = _DIGITS[letters].reshape(-1, 16)
        if digits.max() < 16:
            for place in range(16):
                result = (result << np.uint64(4)) | digits[:, place]
            return result
    wrong = next(text for text in photos.to_pylist() if len(text) != 16 or set(text) - set("0123456789abcdef"))
    raise StageError(f"photo {wrong!r} is not named by 16 hex digits; plan the shards again")


def build_index(planned: pa.Table, found: pa.Table) -> dict[str, pa.Table]:
    """Return the tables `groups`, `photos` and `tiles` of an index; their schemas are in `shards.index.columns`.

    `planned` and `found` have the schemas PLANNED and FOUND, in any order of rows; a photo is planned once.
    """
    photo, tile = _arrays(planned), _arrays(found)
    order = np.argsort(photo["photo"])
    names = photo["photo"][order]
    places = np.minimum(np.searchsorted(names, tile["photo"]), max(len(names) - 1, 0))
    if len(tile["photo"]) and (not len(names) or np.any(names[places] != tile["photo"])):
        stray = tile["photo"][names[places] != tile["photo"]] if len(names) else tile["photo"]
        raise StageError(f"photo {stray[0]:016x} has tiles but is in no plan; plan the shards again")
    of_photo = order[places]
    counts = np.bincount(of_photo, minlength=len(names))
    if len(names) and counts.min() == 0:
        raise StageError(f"photo {photo['photo'][counts.argmin()]:016x} is planned but has no tile; plan again")
    if np.any(wrong := photo["label"][of_photo] != tile["label"]):
        raise StageError(f"photo {tile['photo'][wrong][0]:016x} has two labels in its shard; plan the shards again")
    least = np.full(len(names), 65535, np.uint16)
    np.minimum.at(least, of_photo, np.minimum(tile["width_px"], tile["height_px"]))

    sorted_photos = np.lexsort(
        (photo["photo"], -least.astype(np.int32), photo["fold"], photo["split"], _ranks(planned), photo["label"])
    )
    row_of_photo = np.empty(len(names), np.int32)
    row_of_photo[sorted_photos] = np.arange(len(names), dtype=np.int32)
    photo_row = row_of_photo[of_photo]
    sorted_tiles = np.argsort((photo_row.astype(np.int64) << 16) | tile["tile"], kind="stable")
    tiles = {name: array[sorted_tiles] for name, array in tile.items() if name in TILES.names}
    tiles["photo"] = photo_row[sorted_tiles]

    planned = planned.take(pa.array(sorted_photos))
    photo, counts = _arrays(planned), counts[sorted_photos]
    ranks = _ranks(planned)
    begins = np.ones(len(names), bool)
    begins[1:] = np.any([np.diff(each) != 0 for each in (photo["label"], ranks, photo["split"], photo["fold"])], axis=0)
    first_photo = np.flatnonzero(begins)
    first_tile = np.cumsum(counts) - counts
    photos = {
        "photo": photo["photo"], "group": np.cumsum(begins) - 1, "first_tile": first_tile, "tiles": counts,
        "least_px": least[sorted_photos], "quality_factor": photo["quality_factor"],
    }  # fmt: skip
    groups = {name: photo[name][first_photo] for name in ("label", "split", "fold")}
    groups |= {
        "group": planned["group"].take(pa.array(first_photo)).combine_chunks(), "first_photo": first_photo,
        "photos": np.diff(first_photo, append=len(names)), "first_tile": first_tile[first_photo],
        "tiles": np.diff(first_tile[first_photo], append=len(sorted_tiles)),
    }  # fmt: skip
    return {
        "groups": _table(groups, GROUPS), "photos": _table(photos, PHOTOS), "tiles": _table(tiles, TILES),
    }  # fmt: skip


def _arrays(table: pa.Table) -> dict[str, npt.NDArray[Any]]:
    return {field.name: table[field.name].to_numpy() for field in table.schema if field.type != pa.string()}


def _table(columns: dict[str, npt.NDArray[Any]], schema: pa.Schema) -> pa.Table:
    return pa.table([pa.array(columns[field.name]).cast(field.type) for field in schema], schema=schema)


def _ranks(planned: pa.Table) -> npt.NDArray[np.int64]:
    """Return each photo's group as its place among all groups in alphabetical order."""
    coded = planned["group"].combine_chunks().dictionary_encode()
    order = pc.sort_indices(coded.dictionary).to_numpy()
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    of_photos: npt.NDArray[np.int64] = ranks[coded.indices.to_numpy()]
    return of_photos
