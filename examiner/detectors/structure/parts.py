"""Parts: what stands where in a file: a JPEG's segments and scans, chunks of PNG and WebP, boxes of HEIC and AVIF.

bytes → parts in file order, without gaps or overlaps. Lengths in the file are followed, never trusted: a part ends with
the file at the latest, and at most PARTS_MAX are listed. A damaged file has a last part that says so.
"""

from collections.abc import Generator, Iterator
from itertools import islice
from typing import NamedTuple

from forensics.errors import JpegError
from forensics.jpeg.scans import find_end_of_image, later_scans
from forensics.jpeg.segments import header_segments
from train.prediction.reading import Kind

PARTS_MAX = 2000
IMAGES_MAX = 8
"""Most JPEGs behind the first that are looked for."""
BEHIND = "bytes behind the end of the image"
UNLISTED = "parts that are not listed"
BROKEN = "bytes that belong to no part"
_JPEG_START = b"\xff\xd8\xff"
_PNG_START_BYTES, _RIFF_START_BYTES = 8, 12


class Part(NamedTuple):
    """The bytes `start` to `end` of a file."""

    name: str
    start: int
    end: int
    """Offsets from the start of the file, in bytes."""

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return self.end - self.start


def parts_of(data: bytes, kind: Kind) -> list[Part]:
    """Return the parts of a file; raises JpegError for a JPEG whose header is broken."""
    walk = {"JPEG": _jpeg, "PNG": _png, "WebP": _riff, "HEIC": _boxes, "AVIF": _boxes}.get(kind)
    found = [Part("file", 0, len(data))] if walk is None else list(_bounded(walk(data)))
    end = found[-1].end if found else 0
    if end < len(data):
        found.append(Part(UNLISTED if len(found) == PARTS_MAX else BROKEN, end, len(data)))
    return found


def _bounded(parts: Iterator[Part]) -> Iterator[Part]:
    return islice((part for part in parts if part.size_bytes > 0), PARTS_MAX)


def _jpeg(data: bytes) -> Iterator[Part]:
    end = yield from _image(data)
    for number in range(2, 2 + IMAGES_MAX):
        begin = data.find(_JPEG_START, end)
        if begin < 0:
            break
        if begin > end:
            yield Part(BEHIND, end, begin)
        image_end = image_end_of(data, begin)
        if image_end is None:
            yield Part(f"JPEG {number}, cut or damaged", begin, len(data))
            return
        yield Part(f"JPEG {number}", begin, image_end)
        end = image_end
    if end < len(data):
        yield Part(BEHIND, end, len(data))


def _image(data: bytes) -> Generator[Part, None, int]:
    """Yield the parts of the first JPEG; returns where it ends."""
    yield Part("SOI", 0, 2)
    end = 2
    for segment in header_segments(data, whole=True):
        if segment.offset > end:
            yield Part("bytes between segments", end, segment.offset)
        yield Part(segment.name, segment.offset, segment.end)
        end = segment.end
    end_of_image = find_end_of_image(data, end)
    picture_end = len(data) if end_of_image is None else end_of_image - 2
    for scan_begin in later_scans(data, end):
        if not end < scan_begin < picture_end:
            break
        yield Part("scan data", end, scan_begin)  # with the tables and the header of the next scan at its end
        end = scan_begin
    yield Part("scan data", end, picture_end)
    if end_of_image is not None:
        yield Part("EOI", picture_end, end_of_image)
    return picture_end if end_of_image is None else end_of_image


def image_end_of(data: bytes, begin: int) -> int | None:
    """Return where the JPEG that begins at `begin` ends; None where there is no whole one."""
    rest = data[begin:]
    try:
        scan_at = header_segments(rest, whole=True)[-1].end
    except JpegError:
        return None
    end = find_end_of_image(rest, scan_at)
    return None if end is None else begin + end


def _png(data: bytes) -> Iterator[Part]:
    yield Part("signature", 0, _PNG_START_BYTES)
    at = _PNG_START_BYTES
    while at + 12 <= len(data):
        end = min(len(data), at + 12 + int.from_bytes(data[at : at + 4]))
        name = data[at + 4 : at + 8]
        yield Part(_readable(name), at, end)
        at = end
        if name == b"IEND":
            break
    if at < len(data):
        yield Part(BEHIND, at, len(data))


def _riff(data: bytes) -> Iterator[Part]:
    yield Part("RIFF header", 0, _RIFF_START_BYTES)
    at = _RIFF_START_BYTES
    stated_end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= stated_end:
        size_bytes = int.from_bytes(data[at + 4 : at + 8], "little")
        end = min(len(data), at + 8 + size_bytes + size_bytes % 2)
        yield Part(_readable(data[at : at + 4]), at, end)
        at = end
    if stated_end <= at < len(data):
        yield Part(BEHIND, at, len(data))


def _boxes(data: bytes) -> Iterator[Part]:
    at = 0
    while at + 8 <= len(data):
        size_bytes = int.from_bytes(data[at : at + 4])
        if size_bytes == 1:
            size_bytes = int.from_bytes(data[at + 8 : at + 16])
        end = len(data) if size_bytes == 0 else min(len(data), at + size_bytes)
        if end < at + 8:
            return
        yield Part(_readable(data[at + 4 : at + 8]), at, end)
        at = end


def _readable(name: bytes) -> str:
    text = name.decode("latin-1").strip()
    return text if text.isascii() and text.isprintable() else name.hex(" ")
