"""Tars: compares one tar of the pool with its table and its entry, byte for byte; reads it once, from end to end.

Everything in a tar but the pictures follows from plan and table, and each segment of a picture has a checksum, so a
fault is found at its place and with its sample. Where the table itself is damaged, it is made anew from the tar.
"""

import hashlib
import json
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import simplejpeg

from corpus.errors import StorageError
from corpus.storage import Store
from shards.entries import POOL, TILES, ShardEntry, entry_path, read_entry, table_bytes, table_path
from shards.inspection.faults import Fault, first_difference, read_own_json, read_whole
from shards.plan import PhotoPlan
from shards.restarts import Restarts, find_restarts
from shards.tiles import Cut
from shards.tiles.samples import end_of_tar, header, jpeg_offset, key_of, members, padding, table_row

Row = dict[str, Any]

TOLD = ["photo", "tile", "label", "offset_bytes", "length_bytes", "x_px", "y_px", "width_px", "height_px", "checksum"]
"""Columns that every row is compared with."""


@dataclass(frozen=True)
class TarReport:
    """What the check of one tar found."""

    faults: list[Fault]
    entry: ShardEntry | None
    """None where it cannot be read."""
    table: pa.Table | None
    """The table of tiles; None where it is damaged."""
    decoded: int


def check_tar(store: Store, tar: str, decode: Collection[int], advance: Callable[[int], None]) -> TarReport:
    """Check a tar, its table and its entry, and decode the tiles in the rows `decode` of the table.

    `advance` is called with the number of bytes of the tar that were read. Raises StorageUnavailableError where the
    storage does not answer.
    """
    faults: list[Fault] = []
    entry = _entry(store, tar, faults)
    if entry is None:
        return TarReport(faults, None, None, 0)
    table = _table(store, entry, faults)
    path = f"{POOL}/{tar}"
    try:
        with store.open(path) as file:
            check = _Walk(path, file, advance)
            decoded = check.all_of(entry, table, decode) if table is not None else 0
            found, size_bytes = check.rest()
    except StorageError:
        return TarReport([*faults, Fault(path, "there is no such file")], entry, table, 0)
    faults += check.faults
    if not check.faults and (found, size_bytes) != (entry.sha256, entry.size_bytes):
        told = f"{tar}.json says {entry.size_bytes:,} with {entry.sha256}"
        faults.append(Fault(path, f"has {size_bytes:,} bytes with SHA-256 {found}; {told}"))
    return TarReport(faults, entry, table, decoded)


def _entry(store: Store, tar: str, faults: list[Fault]) -> ShardEntry | None:
    path = entry_path(tar)
    if read_own_json(store, path, faults) is None:
        return None
    try:
        entry = read_entry(store, tar)
    except StorageError as error:
        faults.append(Fault(path, str(error)))
        return None
    if entry.plan.name != tar:
        faults.append(Fault(path, f"its plan is that of {entry.plan.name}, not of this tar"))
        return None
    return entry


def _table(store: Store, entry: ShardEntry, faults: list[Fault]) -> pa.Table | None:
    """Return the table of tiles, None where it is not the one that the entry is of."""
    path = table_path(entry.plan.name)
    data = read_whole(store, path, faults)
    if data is None:
        return None
    found = hashlib.sha256(data).hexdigest()
    if (found, len(data)) != (entry.table_sha256, entry.table_bytes):
        wanted = _made_anew(store, entry)
        at = None if wanted is None else first_difference(data, wanted)
        told = f"{entry.plan.name}.json says {entry.table_bytes:,} with {entry.table_sha256}"
        faults.append(Fault(path, f"has {len(data):,} bytes with SHA-256 {found}; {told}", "", at))
        return None
    table = pa.ipc.open_file(pa.BufferReader(data)).read_all()
    if table.schema != TILES or table.num_rows != entry.tiles:
        faults.append(Fault(path, f"has {table.num_rows} rows; its entry says {entry.tiles}"))
        return None
    return table


def _made_anew(store: Store, entry: ShardEntry) -> bytes | None:
    """Return the table's bytes as the tar says that they were; None where that is not the tar or the table either."""
    photos = {photo.photo: photo for photo in entry.plan.photos}
    rows = []
    try:
        with store.open(f"{POOL}/{entry.plan.name}") as file, tarfile.open(fileobj=file) as archive:
            for place, cut, (photo, _, tile) in _cuts(archive):
                rows.append(table_row(photos[photo], int(tile), cut, place, entry.plan.cutting.restart_mcus))
        made = table_bytes(pa.Table.from_pylist(rows, schema=TILES))
    except (StorageError, tarfile.TarError, KeyError, ValueError, IndexError):
        return None
    return made if hashlib.sha256(made).hexdigest() == entry.table_sha256 else None


def _cuts(archive: tarfile.TarFile) -> Iterator[tuple[int, Cut, tuple[str, str, str]]]:
    def content(member: tarfile.TarInfo) -> bytes:
        file = archive.extractfile(member)
        return b"" if file is None else file.read()

    jpeg = None
    for member in archive:
        if member.name.endswith(".jpg"):
            jpeg = member
        elif member.name.endswith(".json") and jpeg is not None:
            about = json.loads(content(member))
            cut = Cut(content(jpeg), *(about[name] for name in ("x_px", "y_px", "width_px", "height_px")))
            yield jpeg.offset_data, cut, member.name.removesuffix(".json").partition("_")
            jpeg = None


class _Walk:
    """Reads a tar from end to end and keeps what is wrong in it."""

    def __init__(self, path: str, file: BinaryIO, advance: Callable[[int], None]) -> None:
        self.faults: list[Fault] = []
        self._path, self._file, self._advance = path, file, advance
        self._position = 0
        self._is_short = False
        self._sha256 = hashlib.sha256()

    def all_of(self, entry: ShardEntry, table: pa.Table, decode: Collection[int]) -> int:
        """Read all samples and the end of the tar; return how many were decoded."""
        photos = {photo.photo: photo for photo in entry.plan.photos}
        decoded = 0
        for number, row in enumerate(table.select(TOLD).to_pylist()):
            key, photo = key_of(row["photo"], row["tile"]), photos.get(row["photo"])
            if photo is None or photo.label != row["label"]:
                self._say("the plan has no such photograph with this label", key)
                return decoded
            if self._is_short:  # one fault has said so
                return decoded
            if row["offset_bytes"] != jpeg_offset(self._position):
                self._say(f"the table says that its JPEG begins at byte {row['offset_bytes']:,}", key)
                return decoded
            jpeg = self._sample(entry.plan.split, photo, row, table, number)
            if jpeg is not None and number in decode:
                decoded += 1
                if wrong := _wrong_with(jpeg, row, _restarts(table, number)):
                    self._say(wrong, key, row["offset_bytes"])
        if not self._is_short:
            self._expect(end_of_tar(self._position), "", "the end of the tar")
        return decoded

    def rest(self) -> tuple[str, int]:
        """Read on to the end; return the SHA-256 and the size of all."""
        while self._read(1 << 20):
            pass
        return self._sha256.hexdigest(), self._position

    def _sample(self, split: str, photo: PhotoPlan, row: Row, table: pa.Table, number: int) -> bytes | None:
        """Read one sample; return its JPEG if that is whole."""
        key, length_bytes = key_of(row["photo"], row["tile"]), row["length_bytes"]
        (label, label_data), (about, about_data) = members(split, photo, row["tile"], row)
        self._member(label, label_data, key)
        self._expect(header(f"{key}.jpg", length_bytes), key, f"the header of {key}.jpg")
        if self._is_short:
            return None
        start = self._position
        jpeg = self._read(length_bytes)
        is_whole = zlib.crc32(jpeg) == row["checksum"]
        if not is_whole:
            at, what = _damage(jpeg, length_bytes, row["checksum"], _restarts(table, number))
            self._say(what, key, start + at)
        self._expect(padding(length_bytes), key, f"the padding of {key}.jpg")
        self._member(about, about_data, key)
        return jpeg if is_whole else None

    def _member(self, name: str, data: bytes, key: str) -> None:
        self._expect(header(name, len(data)), key, f"the header of {name}")
        self._expect(data, key, f"the content of {name}")
        self._expect(padding(len(data)), key, f"the padding of {name}")

    def _expect(self, wanted: bytes, key: str, what: str) -> None:
        if self._is_short:
            return
        start = self._position
        found = self._read(len(wanted))
        if found != wanted:
            at = first_difference(found, wanted)
            self._say(f"{what} {'is cut off' if at == len(found) else 'is damaged'}", key, start + at)

    def _read(self, size_bytes: int) -> bytes:
        data = self._file.read(size_bytes)
        self._is_short |= len(data) < size_bytes
        self._position += len(data)
        self._sha256.update(data)
        self._advance(len(data))
        return data

    def _say(self, what: str, key: str, offset_bytes: int | None = None) -> None:
        self.faults.append(Fault(self._path, what, key, self._position if offset_bytes is None else offset_bytes))


def _restarts(table: pa.Table, number: int) -> Restarts | None:
    """Return the restart index in a row of the table, None where its JPEG has no markers."""
    mcus = table["restart_mcus"][number].as_py()
    if mcus == 0:
        return None
    lengths, checksums = (table[name][number].values.to_numpy() for name in ("segment_bytes", "checksums"))
    return Restarts(table["header"][number].as_py(), mcus, lengths, checksums)


def _damage(jpeg: bytes, length_bytes: int, checksum: int, restarts: Restarts | None) -> tuple[int, str]:
    """Return where a JPEG that is not the one of `checksum` differs from it, as nearly as can be told, and how."""
    if len(jpeg) < length_bytes:
        return len(jpeg), f"the tar ends {length_bytes - len(jpeg):,} bytes before the end of the JPEG"
    what = f"the JPEG has CRC-32 {zlib.crc32(jpeg):08x}, not {checksum:08x}"
    if restarts is None or restarts.checksums is None:
        return 0, what
    begun = jpeg[: len(restarts.header)]
    if begun != restarts.header:
        return first_difference(begun, restarts.header), f"{what}: its header is damaged"
    running = zlib.crc32(begun)
    for number, (start, end) in enumerate(zip(restarts.starts, restarts.starts[1:], strict=False)):
        running = zlib.crc32(jpeg[start:end], running)
        if running != restarts.checksums[number + 1]:
            count = len(restarts.segment_bytes)
            return int(start), f"{what}: segment {number} of {count}, {end - start} bytes from here, is damaged"
    return 0, what


def _wrong_with(jpeg: bytes, row: Mapping[str, Any], restarts: Restarts | None) -> str | None:
    """Return why a JPEG is not what its row says, None where it is: restart index, decoding, size."""
    if restarts is not None:
        try:
            found = find_restarts(jpeg)
        except ValueError as error:
            return f"its restart markers cannot be found: {error}"
        same = (found.header, found.mcus) == (restarts.header, restarts.mcus)
        if not same or not np.array_equal(found.segment_bytes, restarts.segment_bytes):
            return "its restart markers are not where the table says"
        if (
            found.checksums is None
            or restarts.checksums is None
            or not np.array_equal(found.checksums, restarts.checksums)
        ):
            return "its segments have other checksums than the table says"
    try:
        height_px, width_px = simplejpeg.decode_jpeg(jpeg, strict=True).shape[:2]
    except ValueError as error:
        return f"it cannot be decoded: {error}"
    if (width_px, height_px) != (row["width_px"], row["height_px"]):
        return f"it has {width_px}x{height_px} px; the table says {row['width_px']}x{row['height_px']}"
    return None
