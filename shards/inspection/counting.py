"""Counting: what a generation of shards holds, in figures."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from corpus.records import SPLITS
from corpus.storage import Store
from forensics.coefficients import read_coefficients, write_rectangle
from shards.entries import read_entry, read_tiles_table
from shards.index import Index
from shards.reader import Tile, TileReader

Row = dict[str, Any]

SIZES_TOLD = 10
WRITTEN_AGAIN = 20
"""Samples that are written without restart markers, to tell what the markers cost."""
_DRI_BYTES, _MARKER_BYTES = 6, 2


def counted(store: Store, index: Index) -> Row:
    """Return the figures of a generation as plain data.

    `total` and `splits`: shards, photos, tiles, groups, classes, size_bytes (of the pictures); `classes`: the same for
    each class, with its tiles by split; `sizes`: the commonest sizes of tiles; `files`: bytes of tars, tables and
    index; `restarts`: see `_restarts`; `content`, `not_packed`.
    """
    groups = index.groups
    split, label = index.splits.astype(np.int64), groups["label"].astype(np.int64)
    size_bytes = _sums(index.tiles["length_bytes"], groups.at("first_tile", np.arange(len(groups))))
    names = np.array(_names(index))

    def figures(chosen: npt.NDArray[np.bool_]) -> Row:
        return {
            "photos": int(groups["photos"][chosen].sum()), "tiles": int(groups["tiles"][chosen].sum()),
            "groups": len(np.unique(names[chosen])), "classes": len(np.unique(label[chosen])),
            "size_bytes": int(size_bytes[chosen].sum()),
        }  # fmt: skip

    splits = {
        name: {"shards": len(index.content["splits"][name]["shards"])} | figures(split == number)
        for number, name in enumerate(SPLITS)
    }
    classes = []
    for number, camera in enumerate(index.classes):
        of_split = {name: groups["tiles"][(label == number) & (split == place)] for place, name in enumerate(SPLITS)}
        tiles = {"splits": {name: int(own.sum()) for name, own in of_split.items()}}
        classes.append({"label": number, "camera": camera} | figures(label == number) | tiles)
    contents, tars_bytes, tables_bytes = set(), 0, 0
    for tar in index.tars:
        entry = read_entry(store, tar)
        contents.add(entry.plan.cutting.content)
        tars_bytes, tables_bytes = tars_bytes + entry.size_bytes, tables_bytes + entry.table_bytes
    return {
        "generation": index.generation,
        "content": sorted(contents),
        "total": {"shards": len(index.tars)} | figures(np.ones(len(groups), bool)),
        "splits": splits,
        "classes": classes,
        "sizes": _sizes(index),
        "files": {
            "tars_bytes": tars_bytes,
            "tables_bytes": tables_bytes,
            "index_bytes": sum(file["size_bytes"] for file in index.content["files"].values()),
        },
        "restarts": _restarts(store, index),
        "not_packed": len(index.failures),
    }


def _names(index: Index) -> list[str]:
    return index.groups.texts("group", np.arange(len(index.groups)))


def _sums(values: npt.NDArray[Any], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the sums of the runs of `values` that begin at `starts`."""
    if not len(starts):
        return np.empty(0, np.int64)
    return np.add.reduceat(values, starts, dtype=np.int64)


def _sizes(index: Index) -> list[Row]:
    both = index.tiles["width_px"].astype(np.int64) << 16 | index.tiles["height_px"]
    values, counts = np.unique(both, return_counts=True)
    order = np.lexsort((values, -counts))[:SIZES_TOLD]
    return [
        {"width_px": int(values[n] >> 16), "height_px": int(values[n] & 0xFFFF), "tiles": int(counts[n])} for n in order
    ]


def _restarts(store: Store, index: Index) -> Row:
    """Return what restart markers take: `tiles` that have them, `segments`, `markers_bytes`.

    `share`: by how much they make a picture larger, measured on `written_again` tiles that are written without them;
    None where there are none. Damaged tiles are left out of it.
    """
    tiles = segments = 0
    for tar in index.tars:
        table = read_tiles_table(store, tar, ["restart_mcus", "segment_bytes"])
        tiles += int(np.count_nonzero(table["restart_mcus"].to_numpy()))
        segments += pc.sum(pc.list_value_length(table["segment_bytes"])).as_py() or 0
    with_markers = without = written_again = 0
    rows = np.unique(
        np.linspace(0, max(len(index.tiles) - 1, 0), min(len(index.tiles), WRITTEN_AGAIN)).astype(np.int64)
    )
    with TileReader(store, index) as reader:
        for tile in reader.stream(rows) if tiles else ():
            if isinstance(tile, Tile):
                photo = read_coefficients(tile.jpeg)
                with_markers += len(tile.jpeg)
                without += len(write_rectangle(photo, 0, 0, photo.frame.width_px, photo.frame.height_px))
                written_again += 1
    return {
        "tiles": tiles, "segments": segments,
        "markers_bytes": _DRI_BYTES * tiles + _MARKER_BYTES * (segments - tiles),
        "share": with_markers / without - 1 if without else None, "written_again": written_again,
    }  # fmt: skip
