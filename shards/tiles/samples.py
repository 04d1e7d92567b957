"""Samples: what a tar holds of one tile or photograph, to the byte, and its row in the table beside the tar.

Pure functions, which writing and verifying share. A sample is three members of one key, in WebDataset's form: label,
JPEG and description. Headers tell nothing of a machine or a time.
"""

import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from shards.plan import PhotoPlan
from shards.restarts import find_restarts
from shards.tiles.cutting import Cut

Row = dict[str, Any]
"""A row of `shards.entries.TILES`."""


def key_of(photo: str, tile: int) -> str:
    """Return the key of a sample; it has no dot, where WebDataset would end the key."""
    return f"{photo}_{tile}"


def members(split: str, photo: PhotoPlan, tile: int, place: Mapping[str, int]) -> tuple[tuple[str, bytes], ...]:
    """Return names and contents of the members before and after the JPEG; `place`: x_px, y_px, width_px, height_px."""
    key = key_of(photo.photo, tile)
    about = {
        "camera": photo.camera, "photo": photo.photo, "quality_factor": photo.quality_factor, "split": split,
        "tile": tile, **{name: place[name] for name in ("x_px", "y_px", "width_px", "height_px")},
    }  # fmt: skip
    label, description = str(photo.label).encode(), json.dumps(about, sort_keys=True).encode()
    return (f"{key}.cls", label), (f"{key}.json", description)


def header(name: str, size_bytes: int) -> bytes:
    """Return the block before a member's content."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size_bytes, 0o444, 0
    member.uname = member.gname = "shutterprint"
    return member.tobuf(tarfile.USTAR_FORMAT)


def padding(size_bytes: int) -> bytes:
    """Return the zeros after a member's content."""
    return bytes(-size_bytes % tarfile.BLOCKSIZE)


def end_of_tar(size_bytes: int) -> bytes:
    """Return what ends a tar whose members take `size_bytes`."""
    return bytes(2 * tarfile.BLOCKSIZE + -(size_bytes + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE)


def sample_bytes(split: str, photo: PhotoPlan, tile: int, cut: Cut) -> Iterator[bytes]:
    """Yield the bytes of one sample in its tar."""
    place = {"x_px": cut.x_px, "y_px": cut.y_px, "width_px": cut.width_px, "height_px": cut.height_px}
    label, description = members(split, photo, tile, place)
    for name, data in (label, (f"{key_of(photo.photo, tile)}.jpg", cut.jpeg), description):
        yield from (header(name, len(data)), data, padding(len(data)))


def jpeg_offset(start_bytes: int) -> int:
    """Return where the JPEG of the sample that starts at `start_bytes` begins: after two headers and the label."""
    return start_bytes + 3 * tarfile.BLOCKSIZE


def table_row(photo: PhotoPlan, tile: int, cut: Cut, offset_bytes: int, restart_mcus: int) -> Row:
    """Return the row of a sample; `restart_mcus`: as the plan says, 0 where the JPEG has no markers."""
    row = {
        "photo": photo.photo, "tile": tile, "label": photo.label, "offset_bytes": offset_bytes,
        "length_bytes": len(cut.jpeg), "x_px": cut.x_px, "y_px": cut.y_px, "width_px": cut.width_px,
        "height_px": cut.height_px, "checksum": zlib.crc32(cut.jpeg),
    }  # fmt: skip
    if restart_mcus == 0:
        return row | {"restart_mcus": 0, "header": b"", "segment_bytes": [], "checksums": []}
    found = find_restarts(cut.jpeg)
    return row | {
        "restart_mcus": found.mcus, "header": found.header, "segment_bytes": found.segment_bytes,
        "checksums": found.checksums,
    }  # fmt: skip
