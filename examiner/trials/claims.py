"""Claims: forgeries that metadata and thumbnails give away: another camera's EXIF, an old thumbnail, changed dates.

Pixels are saved by the IJG's library, as most programs do; EXIF is put before them unchanged, as a forger copies it. A
photograph without a thumbnail gets one of its own size before it is altered, so that all can be compared.
"""

import io
import struct

import numpy as np
from PIL import Image, ImageOps

from examiner.trials.trial import Plant, Trial, as_jpeg, opened
from forensics.header import embedded_thumbnail
from forensics.jpeg.segments import EXIF_IDENTIFIER, header_segments
from forensics.metadata.exif.tags import read_exif

_THUMBNAIL_PX = (160, 120)
_APP1 = 0xE1
_DATE_BYTES = 19


def exif_segments(data: bytes) -> bytes:
    """Return the EXIF segments of a JPEG as they are; empty where it has none."""
    found = [each for each in header_segments(data, whole=True) if each.name == "APP1:Exif"]
    return b"".join(data[each.offset : each.end] for each in found)


def with_exif(jpeg: bytes, exif: bytes) -> bytes:
    """Return a JPEG with these EXIF segments first, in place of its own and of JFIF."""
    segments = header_segments(jpeg, whole=True)
    kept = [jpeg[each.offset : each.end] for each in segments if each.name not in ("APP1:Exif", "APP0:JFIF")]
    return b"".join([jpeg[:2], exif, *kept, jpeg[segments[-1].end :]])


def with_thumbnail(data: bytes) -> bytes:
    """Return EXIF segments with a thumbnail: those of a photograph, or new ones with its camera and its picture."""
    if embedded_thumbnail(data) is not None:
        return exif_segments(data)
    picture = ImageOps.contain(opened(data), _THUMBNAIL_PX, Image.Resampling.BOX)
    padded = ImageOps.pad(picture, _THUMBNAIL_PX, color="black")
    tiff = next(
        (
            data[each.payload_start + len(EXIF_IDENTIFIER) + 1 : each.end]
            for each in header_segments(data, whole=True)
            if each.name == "APP1:Exif"
        ),
        b"",
    )
    facts = read_exif(tiff)
    block = _block([text for text in (facts.make, facts.model) if text], as_jpeg(padded, 85))
    payload = EXIF_IDENTIFIER + b"\0" + block
    return struct.pack(">BBH", 0xFF, _APP1, len(payload) + 2) + payload


def _block(texts: list[str], thumbnail: bytes) -> bytes:
    """Return a TIFF block with Make and Model in IFD0, and a thumbnail in IFD1."""
    values = [text.encode("ascii", "replace") + b"\0" * (1 + len(text) % 2) for text in texts]
    ifd1_at = 8 + 2 + 12 * len(values) + 4
    values_at = ifd1_at + 2 + 2 * 12 + 4
    ifd0, at = struct.pack("<H", len(values)), values_at
    for tag, value in zip((0x010F, 0x0110), values, strict=False):
        padded = value.ljust(6, b"\0")
        ifd0 += struct.pack("<HHII", tag, 2, len(padded), at)
        at += len(padded)
    stored = b"".join(value.ljust(6, b"\0") for value in values)
    ifd1 = struct.pack("<H", 2) + struct.pack("<HHII", 0x0201, 4, 1, at)
    ifd1 += struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4)
    return b"II*\0\x08\0\0\0" + ifd0 + struct.pack("<I", ifd1_at) + ifd1 + stored + thumbnail


def cropped(share: float) -> Plant:
    """Return a plant that keeps a share of both sides, anywhere, and the old thumbnail."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        picture = opened(genuine)
        size = round(picture.width * share), round(picture.height * share)
        left, top = (int(random.integers(0, full - part + 1)) for full, part in zip(picture.size, size, strict=True))
        crop = picture.crop((left, top, left + size[0], top + size[1]))
        return with_exif(as_jpeg(crop, 92), with_thumbnail(genuine))

    return plant


def brightened(gamma: float) -> Plant:
    """Return a plant that changes the tones by a power and keeps the old thumbnail."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        table = [round(255 * (level / 255) ** gamma) for level in range(256)]
        return with_exif(as_jpeg(opened(genuine).point(table * 3), 92), with_thumbnail(genuine))

    return plant


def pasted(share: float) -> Plant:
    """Return a plant that pastes a square of another photograph, a share of the shorter side large."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        picture, stranger = opened(genuine), opened(other)
        side = min(round(min(picture.size) * share), *stranger.size)
        left, top = (int(random.integers(0, full - side + 1)) for full in stranger.size)
        x, y = (int(random.integers(0, full - side + 1)) for full in picture.size)
        picture.paste(stranger.crop((left, top, left + side, top + side)), (x, y))
        return with_exif(as_jpeg(picture, 92), with_thumbnail(genuine))

    return plant


def others_exif(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Put another photograph's EXIF, with its thumbnail, before a photograph whose coded picture is left as it is."""
    return with_exif(genuine, with_thumbnail(other))


def saved_again(quality: int) -> Plant:
    """Return a plant that saves the pixels again and copies the EXIF."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        return with_exif(as_jpeg(opened(genuine), quality), exif_segments(genuine))

    return plant


def saved_by_a_program(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Save the pixels again with JFIF first and Huffman tables made for the picture, and copy the EXIF behind JFIF."""
    saved = io.BytesIO()
    opened(genuine).save(saved, "JPEG", quality=92, optimize=True)
    jpeg = saved.getvalue()
    first = next(each for each in header_segments(jpeg, whole=True) if each.name == "APP0:JFIF")
    return jpeg[: first.end] + exif_segments(genuine) + jpeg[first.end :]


def changed_later(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Write a later hour into the date of the last change; ValueError for a photograph without one."""
    for segment in header_segments(genuine, whole=True):
        if segment.name == "APP1:Exif":
            at, tiff = segment.payload_start, genuine[segment.payload_start + len(EXIF_IDENTIFIER) + 1 : segment.end]
            modified = (read_exif(tiff).modified_at or "").encode()
            found = genuine.find(modified, at, segment.end) if len(modified) == _DATE_BYTES else -1
            if found >= 0:
                later = modified[:11] + b"%02d" % ((int(modified[11:13]) + 3) % 24) + modified[13:]
                return genuine[:found] + later + genuine[found + _DATE_BYTES :]
    raise ValueError("has no date of its last change")


TRIALS: tuple[Trial, ...] = (
    *(Trial("thumbnail_frame", f"cropped to {share:.0%} of its sides", cropped(share)) for share in (0.9, 0.8, 0.6)),
    *(Trial("thumbnail_tones", f"gamma {gamma}", brightened(gamma)) for gamma in (0.8, 1.25)),
    *(Trial("thumbnail_content", f"a square of {share:.0%} pasted", pasted(share)) for share in (0.1, 0.2, 0.4)),
    Trial("thumbnail_content", "EXIF of another photograph", others_exif),
    Trial("camera_form", "EXIF of another photograph", others_exif),
    *(Trial("camera_form", f"saved again at {quality}, EXIF kept", saved_again(quality)) for quality in (85, 95)),
    Trial("listed_form", "EXIF of another photograph", others_exif),
    Trial("listed_form", "saved again at 85, EXIF kept", saved_again(85)),
    Trial("software_signs", "saved by a program, EXIF kept", saved_by_a_program),
    Trial("dates", "date of the last change moved by three hours", changed_later),
)
