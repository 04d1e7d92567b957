"""Reader: gives the tiles in any rows of an index, whole or only a rectangle of each, and says which are damaged.

A rectangle costs the bytes and the decoding of the restart segments that it touches (`shards.restarts`); a tile without
restart markers is read and decoded whole. All that is read is checked against the checksums of the tar's table. A
damaged tile is an answer like others, never an exception: the caller decides how many are too many.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self
from zlib import crc32

import numpy as np

from corpus.errors import StorageError
from corpus.storage import Store
from forensics.pixels.decoding import decode_whole
from shards.entries import MEND, table_path
from shards.index import Index
from shards.index.columns import Numbers
from shards.members import Members, Place
from shards.restarts import Pixels, Rectangle, byte_range, decode_rectangle
from shards.tar_tables import Record, TarTables

BLOCK_TILES = 256
"""Tiles that are looked up in the index at once."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One stored tile; `photo` is its photograph's digest, `tile` its number there (0 is the central one)."""

    key: str
    photo: str
    tile: int
    camera: str
    label: int
    """-1 where the index leaves the camera out; `camera` names it all the same."""
    group: str
    quality_factor: int | None
    x_px: int
    y_px: int
    width_px: int
    height_px: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of one tile."""

    key: str
    pixels: Pixels
    """Height × width × 3, RGB: a view of what was decoded."""


@dataclass(frozen=True, slots=True)
class Corrupt:
    """A tile that is damaged: where it is, and what is wrong, with the checksums expected and found."""

    key: str
    tar: str
    offset_bytes: int
    what: str


class TileReader:
    """A reader for one process and thread; close it, or use it in a `with`.

    Its methods raise StorageUnavailableError where the disk or the service does not answer, StorageError where the
    index itself is found damaged, and nothing for a tile that is missing or damaged.
    """

    def __init__(self, store: Store, index: Index) -> None:
        self._store, self._index = store, index
        self._members = Members(store)
        self._tables = TarTables(store, index.cache)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the tars opened so far."""
        self._members.close()

    def places(self, rows: Numbers) -> list[Place]:
        """Return where the JPEGs of these tiles are: tar, offset and length in bytes.

        Raises StorageError where the index names a tar that it does not have.
        """
        tiles, tars = self._index.tiles, self._index.tars
        columns = [tiles.taken(name, rows).tolist() for name in ("tar", "offset_bytes", "length_bytes")]
        if columns[0] and not 0 <= min(columns[0]) <= max(columns[0]) < len(tars):
            raise StorageError(f"{tiles.path} is damaged: it names a tar that the index does not have; {MEND}")
        return [
            (tars[tar], offset_bytes, length_bytes) for tar, offset_bytes, length_bytes in zip(*columns, strict=True)
        ]

    def keys(self, rows: Numbers) -> list[str]:
        """Return the keys of these tiles in their tars, `<photo>_<tile>`."""
        tiles = self._index.tiles
        photos, numbers = self._index.photo_names(tiles.at("photo", rows)), tiles.taken("tile", rows).tolist()
        return [f"{photo}_{number}" for photo, number in zip(photos, numbers, strict=True)]

    def tiles(self, rows: Numbers, *, is_checked: bool = True) -> list[Tile | Corrupt]:
        """Return these tiles whole; with `is_checked` False, without a look at their checksums."""
        return list(self._stored(np.asarray(rows, np.int64), is_checked=is_checked))

    def stream(self, rows: Numbers, *, is_checked: bool = True) -> Iterator[Tile | Corrupt]:
        """Yield these tiles whole, one after the other.

        Where each is dropped before the next, this is three times as fast as `tiles`: the next JPEG is read into the
        memory of the last one, and the kernel need not give pages for all of them.
        """
        for first in range(0, len(rows), BLOCK_TILES):
            yield from self._stored(np.asarray(rows[first : first + BLOCK_TILES], np.int64), is_checked=is_checked)

    def split(self, split: str) -> Iterator[Tile | Corrupt]:
        """Yield all tiles of a split in the order of the tars, for an export."""
        return self.stream(self._index.rows_in_tars(split))

    def _stored(self, rows: Numbers, *, is_checked: bool) -> Iterator[Tile | Corrupt]:
        index, tiles = self._index, self._index.tiles
        photo_rows = tiles.at("photo", rows)
        group_rows = index.groups_of(photo_rows)
        labels = index.group_labels[group_rows].tolist()
        classes = index.content["classes"]
        cameras = [classes[label] for label in index.groups.at("label", group_rows).tolist()]
        quality = index.photos.taken("quality_factor", photo_rows).tolist()
        photos, numbers = index.photo_names(photo_rows), tiles.taken("tile", rows).tolist()
        keys = [f"{photo}_{number}" for photo, number in zip(photos, numbers, strict=True)]
        places = self.places(rows)
        columns = (
            keys, photos, numbers, cameras, labels, index.groups.texts("group", group_rows), quality,
            *(tiles.taken(name, rows).tolist() for name in ("x_px", "y_px", "width_px", "height_px")),
        )  # fmt: skip
        records: Sequence[Record | str | None] = [None] * len(places)
        if is_checked:
            records = self._records(keys, places, rows)
        fetched = self._fetched([place for place, told in zip(places, records, strict=True) if type(told) is not str])
        for place, told, key, photo, number, camera, label, group, factor, x_px, y_px, width_px, height_px in zip(
            places, records, *columns, strict=True
        ):
            if isinstance(told, str):
                yield Corrupt(key, place[0], place[1], told)
                continue
            data = next(fetched)
            if isinstance(data, Exception):
                yield Corrupt(key, place[0], place[1], str(data))
            elif told is not None and (fault := _difference(told.checksum, data)):
                yield Corrupt(key, place[0], place[1], fault)
            else:
                known = None if factor < 0 else factor
                yield Tile(key, photo, number, camera, label, group, known, x_px, y_px, width_px, height_px, data)

    def regions(self, rows: Numbers, rectangles: Sequence[Rectangle]) -> list[Region | Corrupt]:
        """Return a rectangle of each of these tiles; raises ValueError for a rectangle that leaves its tile."""
        rows = np.asarray(rows, np.int64)
        self._check_rectangles(rows, rectangles)
        keys, places = self.keys(rows), self.places(rows)
        answers: list[Region | Corrupt | None] = [None] * len(keys)
        wanted: list[tuple[int, Record, int, Place]] = []
        for number, (place, record) in enumerate(zip(places, self._records(keys, places, rows), strict=True)):
            tar, offset_bytes, length_bytes = place
            if isinstance(record, str):
                answers[number] = Corrupt(keys[number], tar, offset_bytes, record)
                continue
            try:
                start, end = 0, length_bytes
                if record.restarts is not None:
                    start, end = byte_range(record.restarts, rectangles[number])
                if end > length_bytes:
                    raise ValueError(
                        f"its restart index, in {table_path(tar)}, goes to byte {end:,}; the JPEG has {length_bytes:,}"
                    )
                wanted.append((number, record, start, (tar, offset_bytes + start, end - start)))
            except ValueError as error:
                answers[number] = Corrupt(keys[number], tar, offset_bytes, str(error))
        fetched = self._fetched([place for *_, place in wanted])
        for (number, record, start, _), data in zip(wanted, fetched, strict=True):
            try:
                if isinstance(data, Exception):
                    raise data
                answers[number] = Region(keys[number], _decoded(record, rectangles[number], data, start))
            except (ValueError, StorageError) as error:
                answers[number] = Corrupt(keys[number], places[number][0], places[number][1], str(error))
        return [answer for answer in answers if answer is not None]

    def _fetched(self, places: Sequence[Place]) -> Iterator[bytes | Exception]:
        """Yield the bytes at each place; from an object store the next ones are under way meanwhile."""
        return (data for _, data in self._members.read((None, place) for place in places))

    def _records(self, keys: Sequence[str], places: Sequence[Place], rows: Numbers) -> list[Record | str]:
        """Return what the tars' own tables say of these tiles, or what is wrong: they must say what the index says."""
        records: list[Record | str] = []
        for key, (tar, *place), row in zip(keys, places, self._index.tiles.taken("row", rows).tolist(), strict=True):
            try:
                record = self._tables.record(tar, row)
            except (ValueError, StorageError) as error:
                records.append(str(error))
                continue
            told = f"{record.photo}_{record.tile}"
            if told == key and place == [record.offset_bytes, record.length_bytes]:
                records.append(record)
            else:
                records.append(
                    f"the index says {key} and bytes {place[0]:,} + {place[1]:,}; row {row} of {table_path(tar)} says "
                    f"{told} and bytes {record.offset_bytes:,} + {record.length_bytes:,}: one of them is damaged"
                )
        return records

    def _check_rectangles(self, rows: Numbers, rectangles: Sequence[Rectangle]) -> None:
        x_px, y_px, width_px, height_px = np.array(rectangles, np.int64).reshape(len(rows), 4).T
        tiles = self._index.tiles
        is_inside = (np.minimum(x_px, y_px) >= 0) & (np.minimum(width_px, height_px) > 0)
        is_inside &= (x_px + width_px <= tiles.taken("width_px", rows)) & (y_px + height_px <= tiles["height_px"][rows])
        if not is_inside.all():
            number = int(np.argmin(is_inside))
            raise ValueError(
                f"rectangle {rectangles[number]} leaves its tile of {tiles['width_px'][rows[number]]}x"
                f"{tiles['height_px'][rows[number]]} px"
            )


def _decoded(record: Record, rectangle: Rectangle, data: bytes, start: int) -> Pixels:
    if record.restarts is not None:
        return decode_rectangle(record.restarts, rectangle, data, start)
    if fault := _difference(record.checksum, data):
        raise ValueError(fault)
    x_px, y_px, width_px, height_px = rectangle
    picture: Pixels = decode_whole(data, "RGB", fastdct=False, fastupsample=False).picture
    return picture[y_px : y_px + height_px, x_px : x_px + width_px]


def _difference(expected: int, jpeg: bytes) -> str:
    found = crc32(jpeg)
    return "" if found == expected else f"its CRC-32 is {found:08x}, not {expected:08x}"
