"""Pictures: a photograph's bytes as a browser may show them: as stored, without what turns them.

Maps lie on the stored frame, and a browser turns a picture as its EXIF says. So metadata is left out, and whatever
follows the image, which also keeps places and serial numbers from being saved with the picture. Browsers decode JPEG,
PNG and WebP themselves, in a process without rights; other kinds are decoded in a process of its own
(`examiner.web.drawing`) and become a JPEG.
"""

import subprocess
import sys
from collections.abc import Iterable, Iterator

from examiner.sandbox.environment import environment
from forensics.jpeg.scans import find_end_of_image
from forensics.jpeg.segments import header_segments
from forensics.metadata.previews import raw_form
from train.prediction.reading import kind_of

DRAWING_S = 30.0
"""Time to draw a picture that browsers do not decode."""

_OF_MAKERS = ("APP", "COM")
_NEEDED = frozenset({"APP0:JFIF", "APP2:ICC", "APP14:Adobe"})
"""What a decoder asks of a JPEG's application segments: density, profile, colour space."""
_HIDDEN_CHUNKS = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"EXIF", b"XMP "})
_CHUNKS_MAX = 100_000
_XMP_FLAG, _EXIF_FLAG = 0x04, 0x08

Span = tuple[int, int]


def shown(data: bytes) -> tuple[bytes, str]:
    """Return what a browser shows of a file, and its media type; raises ValueError where it is no picture."""
    if raw_form(data) is not None:
        return _drawn(data), "image/jpeg"
    kind = kind_of(data)
    if kind == "JPEG":
        segments = header_segments(data, whole=True)
        hidden = (
            (each.offset, each.end)
            for each in segments
            if each.name.startswith(_OF_MAKERS) and each.name not in _NEEDED
        )
        return _without(data[: find_end_of_image(data, segments[-1].end)], hidden), "image/jpeg"
    if kind == "PNG":
        return _without(data, _chunks(data, 8, "big", 12)), "image/png"
    if kind == "WebP":
        return _webp(data), "image/webp"
    return _drawn(data), "image/jpeg"


def _without(data: bytes, spans: Iterable[Span]) -> bytes:
    kept, at = [], 0
    for start, end in spans:
        kept.append(data[at:start])
        at = end
    return b"".join(kept) + data[at:]


def _chunks(data: bytes, at: int, order: str, around_bytes: int) -> Iterator[Span]:
    """Yield where chunks with text stand: of PNG, whose length comes first, or of WebP, whose name does."""
    for _ in range(_CHUNKS_MAX):
        if at + 8 > len(data):
            return
        if order == "big":
            length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        else:
            name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
            length += length % 2
        end = min(at + around_bytes + length, len(data))
        if name in _HIDDEN_CHUNKS:
            yield at, end
        at = end
    raise ValueError(f"has more than {_CHUNKS_MAX:,} parts")


def _webp(data: bytes) -> bytes:
    bare = bytearray(_without(data, _chunks(data, 12, "little", 8)))
    if bare[12:16] == b"VP8X" and len(bare) > 20:
        bare[20] &= ~(_XMP_FLAG | _EXIF_FLAG) & 0xFF
    bare[4:8] = (len(bare) - 8).to_bytes(4, "little")
    return bytes(bare)


def _drawn(data: bytes) -> bytes:
    command = [sys.executable, "-P", "-m", "examiner.web.drawing"]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=DRAWING_S, check=False, env=environment(secrets=False)
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"takes more than {DRAWING_S:.0f} s to draw") from error
    if done.returncode != 0 or not done.stdout.startswith(b"\xff\xd8"):
        raise ValueError("cannot be drawn")
    return done.stdout
