"""`python -m shards.show GENERATION KEY`: prints what is known of one tile, and where in its photograph it lies.

KEY is a sample's key, as WebDataset and the logs of a training name it, or that of a photograph, for its first tile.

  python -m shards.show latest 0f3a5b7c9d1e2f40_0
  python -m shards.show latest 0f3a5b7c9d1e2f40_2 --out tile.jpg
"""

import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from corpus.command_line import command_parser, configuration_of, exit_with, plain_console
from corpus.errors import ConfigurationError, StageError, StorageError
from corpus.records import SPLITS
from corpus.storage import Store
from corpus.text import size
from forensics.errors import JpegError
from forensics.jpeg.frame import is_frame, read_frame
from forensics.jpeg.segments import header_segments
from shards.entries import POOL, entry_path, read_entry, read_tiles_table, table_path
from shards.index import Index, generation_named, read_index
from shards.reader import TileReader
from shards.tiles.samples import key_of

if TYPE_CHECKING:
    from rich.console import Console

Row = dict[str, Any]

_KEY = re.compile(r"([0-9a-f]{16})(?:_([0-9]{1,5}))?")
_PICTURE_COLUMNS = 64
_MARKS = "0123456789abcdefghijklmnopqrstuvwxyz"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m shards.show", __doc__ or "")
    parser.add_argument("generation", metavar="GENERATION", help="a name, its beginning, or `latest`")
    parser.add_argument("key", metavar="KEY", help="the key of a sample or of a photograph")
    parser.add_argument("--out", metavar="FILE.jpg", type=Path, help="write the tile to this file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    store = configuration_of(given).store
    index = read_index(store, generation_named(store, given.generation))
    found, jpeg = shown(store, index, given.key)
    if given.out is not None:
        try:
            given.out.write_bytes(jpeg)
        except OSError as error:
            raise ConfigurationError(f"--out: {given.out} cannot be written: {error.strerror}") from error
    console = plain_console()
    if given.json:
        console.print(json.dumps(found, indent=1), soft_wrap=True)
    else:
        print_tile(console, found)
    if not found["is_whole"]:
        console.print(f"the tile is damaged; `python -m shards.verify {index.generation}` says where", soft_wrap=True)
    return 0 if found["is_whole"] else 1


def shown(store: Store, index: Index, key: str) -> tuple[Row, bytes]:
    """Return what is known of a tile as plain data, and its JPEG.

    Raises StageError where there is no such tile, StorageError where index, table and entry do not tell of one tile.
    `photo_px` is the size of the photograph; where its original is gone, what its tiles reach to.
    """
    row = _row(index, key)
    tiles, rows = index.tiles, np.array([row])
    photo_rows = tiles.at("photo", rows)
    (group,) = index.groups_of(photo_rows).tolist()
    (first,), (number,) = (index.photos.at(name, photo_rows).tolist() for name in ("first_tile", "tiles"))
    with TileReader(store, index) as reader:
        ((tar, offset_bytes, length_bytes),), (own_key,) = reader.places(rows), reader.keys(rows)
    told = _told(store, index, tar, int(tiles["row"][row]))
    if (key_of(told["photo"], told["tile"]), told["offset_bytes"], told["length_bytes"]) != (
        own_key, offset_bytes, length_bytes,
    ):  # fmt: skip
        raise _damaged(index, f"{table_path(tar)} and the index tell of different tiles in row {tiles['row'][row]}")
    jpeg = store.read(f"{POOL}/{tar}", offset_bytes, offset_bytes + length_bytes)
    plan = next((photo for photo in read_entry(store, tar).plan.photos if photo.photo == told["photo"]), None)
    if plan is None:
        raise _damaged(index, f"{entry_path(tar)} plans no photograph {told['photo']}")
    if first < 0 or first + number > len(tiles):
        raise _damaged(index, f"photos.arrow has a wrong range of tiles of photograph {told['photo']}")
    places = [
        {"tile": int(tiles["tile"][one])} | {name: int(tiles[name][one]) for name in _PLACE}
        for one in range(first, first + number)
    ]
    photo_px, is_known = _photo_px(store, plan.original), True
    if photo_px is None:
        ends = [(place["x_px"] + place["width_px"], place["y_px"] + place["height_px"]) for place in places]
        photo_px, is_known = (max(x for x, _ in ends), max(y for _, y in ends)), False
    fold = int(index.groups["fold"][group])
    found = {
        "key": f"{told['photo']}_{told['tile']}", "generation": index.generation, "camera": plan.camera,
        "label": told["label"], "split": SPLITS[index.splits[group]], "fold": fold if fold >= 0 else None,
        "group": plan.group, "quality_factor": plan.quality_factor, "original": plan.original, "sha256": plan.sha256,
        "tar": tar, "offset_bytes": offset_bytes, "length_bytes": length_bytes,
        **{name: told[name] for name in _PLACE}, "photo_px": photo_px, "is_photo_px_known": is_known,
        "restart_mcus": told["restart_mcus"], "segments": len(told["segment_bytes"]),
        "checksum": f"{told['checksum']:08x}", "is_whole": zlib.crc32(jpeg) == told["checksum"], "tiles": places,
    }  # fmt: skip
    return found, jpeg


_PLACE = ("x_px", "y_px", "width_px", "height_px")


def _told(store: Store, index: Index, tar: str, row: int) -> Row:
    """Return what a tar's own table says in a row."""
    try:
        table = read_tiles_table(store, tar)
        table.validate(full=True)
        rows: list[Row] = table.slice(row, 1).to_pylist() if row >= 0 else []
    except (pa.ArrowException, ValueError) as error:
        raise _damaged(index, f"{table_path(tar)} is no table of tiles ({error})") from error
    if not rows:
        raise _damaged(index, f"{table_path(tar)} has no row {row}")
    return rows[0]


def _damaged(index: Index, what: str) -> StorageError:
    command = f"python -m shards.verify {index.generation}"
    return StorageError(f"{index.store.url}: {what}; {command} names what is damaged and how to mend it")


def _row(index: Index, key: str) -> int:
    parts = _KEY.fullmatch(key)
    if parts is None:
        raise StageError(f"{key!r} is no key: 16 hex digits of a photograph, and for a tile _ and its number")
    rows = index.photo_rows_of([parts[1]])
    if not len(rows):
        raise StageError(f"generation {index.generation} has no photograph {parts[1]}")
    (first,), (number,) = (index.photos.at(name, rows[:1]).tolist() for name in ("first_tile", "tiles"))
    numbers = index.tiles["tile"][first : first + number]
    places = np.flatnonzero(numbers == int(parts[2])) if parts[2] is not None else np.zeros(1, np.int64)
    if not len(places):
        raise StageError(f"photograph {parts[1]} has the tiles {', '.join(map(str, numbers))}; none is {parts[2]}")
    return int(first) + int(places[0])


def _photo_px(store: Store, original: str) -> tuple[int, int] | None:
    try:
        data = store.read(original)
        frame = next(segment for segment in header_segments(data, whole=True) if is_frame(segment.marker))
        found = read_frame(data, frame)
    except (StorageError, JpegError, StopIteration):
        return None
    return found.width_px, found.height_px


def print_tile(console: "Console", found: Row) -> None:
    """Print what `shown` found, aligned, and a picture of the place."""
    from rich.table import Table

    table = Table("", "", box=None, show_header=False)
    width_px, height_px = found["photo_px"]
    facts = {
        "key": found["key"],
        "camera": f"{found['camera']} (label {found['label']})",
        "split": found["split"] + ("" if found["fold"] is None else f", fold {found['fold']}"),
        "group": found["group"] or "(none)",
        "quality factor": "own tables" if found["quality_factor"] is None else str(found["quality_factor"]),
        "original": f"{found['original']}, SHA-256 {found['sha256']}",
        "place": f"{found['width_px']}x{found['height_px']} px at {found['x_px']},{found['y_px']} of "
        + f"{width_px}x{height_px} px"
        + ("" if found["is_photo_px_known"] else " or more (the original is gone)"),
        "in the tar": f"{found['tar']}, byte {found['offset_bytes']:,}, {size(found['length_bytes'])}",
        "segments": f"{found['segments']:,} of {found['restart_mcus']} MCUs" if found["restart_mcus"] else "none",
        "checksum": f"CRC-32 {found['checksum']}, " + ("as written" if found["is_whole"] else "NOT as written"),
    }
    for name, value in facts.items():
        table.add_row(name, value)
    console.print(table, soft_wrap=True)
    console.print("\n".join(["", *picture(found)]))


def picture(found: Row) -> list[str]:
    """Return the photograph as lines of text: its tiles by number, the shown one filled, `.` where there is none."""
    width_px, height_px = found["photo_px"]
    rows = max(round(_PICTURE_COLUMNS * height_px / width_px / 2), 1)  # a character is twice as high as wide
    shown_tile = int(found["key"].rpartition("_")[2])

    def mark(column: int, row: int) -> str:
        x_px, y_px = (column + 0.5) * width_px / _PICTURE_COLUMNS, (row + 0.5) * height_px / rows
        inside = [
            place["tile"]
            for place in found["tiles"]
            if 0 <= x_px - place["x_px"] < place["width_px"] and 0 <= y_px - place["y_px"] < place["height_px"]
        ]
        if shown_tile in inside:
            return "#"
        return _MARKS[inside[0] % len(_MARKS)] if inside else "."

    return ["".join(mark(column, row) for column in range(_PICTURE_COLUMNS)) for row in range(rows)]


if __name__ == "__main__":
    exit_with(main)
