"""Pictures: decodes PNG, WebP, TIFF, HEIC and AVIF to 8-bit RGB as they are stored, and says what such a file lacks.

The network was trained on JPEGs as cameras write them. A lossless copy has the same pixels, but no tables; a lossy one
was compressed a second time, by other means. Pictures beyond DECODED_MAX_PX are refused by their header; of a file with
several pictures the first counts. EXIF never turns a picture here.
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError, features

from forensics.jpeg.frame import DECODED_MAX_PX
from forensics.metadata.exif.tags import ExifFacts, read_exif
from train.prediction.jpegs import Pixels
from train.prediction.reading import Kind

_EXIF_START = b"Exif\0\0"
_NEW_SUBFILE_TYPE, _COMPRESSION, _BITS, _SUB_IFDS, _DNG_VERSION = 254, 259, 258, 330, 50706
_TIFF_JPEG = (6, 7, 34892)
_TIFF_PLAIN = 1
_TIFF_LOSSLESS = (_TIFF_PLAIN, 5, 8, 32773, 32946, 34925, 50000)  # LZW, deflate, PackBits, LZMA, Zstandard
_WEBP_PX = 4  # VP8 transforms 4×4 px (RFC 6386, 14.3)
_PNG_DEPTH_AT = 24  # of the header chunk, which comes first
_HEIF_HEADER_BYTES = 1 << 20
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, ArithmeticError, LookupError, TypeError)
"""What decoders raise for damaged files; MemoryError is the machine's."""
_TURNED_BACK: dict[int, Callable[[Pixels], Any]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
}
"""By EXIF orientation: what undoes the turn that it asks for."""


@dataclass(frozen=True)
class Stored:
    """A picture that is no JPEG."""

    picture: Pixels
    """Height × width × 3, RGB."""
    exif: ExifFacts
    grid_px: int
    """Pitch of the blocks in which its own coding has changed the pixels; 0 where that left no grid of its own."""
    lossless: bool
    """Whether its own coding has changed no pixel."""
    notes: tuple[str, ...]


def decode_stored(data: bytes, kind: Kind) -> Stored:
    """Return a PNG, WebP, TIFF, HEIC or AVIF; raises ValueError, which says why, for one that is not judged."""
    try:
        return _heic(data) if kind == "HEIC" else _by_pillow(data, kind)
    except _Refused as refused:
        raise ValueError(str(refused)) from None
    except Image.DecompressionBombError as error:
        raise ValueError(_too_large()) from error
    except UnidentifiedImageError as error:  # its text names an object of Python
        raise ValueError(f"does not decode: after its first bytes it is not {kind}") from error
    except _DECODER_ERRORS as error:
        raise ValueError(f"does not decode: {' '.join(str(error).split()) or type(error).__name__}") from error


class _Refused(Exception):  # noqa: N818 - the file is whole: it is not judged
    """What a person reads of a file that could be decoded, perhaps, but is not judged."""


def _by_pillow(data: bytes, kind: Kind) -> Stored:
    if kind == "AVIF" and not features.check("avif"):
        raise _Refused("is an AVIF, which needs another build of Pillow: pip install --force-reinstall pillow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata; pixels that are missing are errors
        with Image.open(io.BytesIO(data), formats=[kind.upper()]) as image:
            _check_size(*image.size)
            notes, grid_px, lossless = [f"a {kind} has the pixels, but no tables of a camera"], 0, True
            if kind == "TIFF":
                lossless = _read_tiff(image, notes)
            elif kind == "WebP" and not _is_lossless_webp(data):
                notes, grid_px = ["WebP compressed it again, which weakens the traces of its camera"], _WEBP_PX
                lossless = False
            elif kind == "AVIF":
                notes, lossless = ["AVIF is compressed by other means than the JPEGs that the network knows"], False
            elif kind == "PNG" and data[_PNG_DEPTH_AT] == 16:
                notes.append("16 bits a channel were reduced to 8")
            exif = read_exif((data if kind == "TIFF" else image.info.get("exif") or b"").removeprefix(_EXIF_START))
            picture = _as_rgb(image, notes)
    if kind == "TIFF":  # Pillow has turned it by its tag
        picture = _turned_back(picture, exif.orientation)
    return Stored(picture, exif, grid_px, lossless, tuple(notes))


def _as_rgb(image: Image.Image, notes: list[str]) -> Pixels:
    mode = image.mode
    if mode in ("RGB", "RGBX"):
        pass
    elif mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        notes.append("its transparency was left out")
    elif mode in ("P", "1"):
        raise _Refused("has a palette of at most 256 colours, which keeps no trace of a camera")
    elif mode == "L":
        notes.append("it is grey: the traces of its colours are lost")
    elif mode.startswith("I;16"):
        notes += ["it is grey: the traces of its colours are lost", "16 bits a channel were reduced to 8"]
        high = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(high[..., None], 3, axis=2))
    else:
        raise _Refused(f"has pixels of a kind that no camera writes ({mode}); save it as RGB")
    return np.asarray(image.convert("RGB"))


def _read_tiff(image: Image.Image, notes: list[str]) -> bool:
    """Add the notes of a TIFF and return whether it is lossless; refuses raw files, which are TIFFs as well."""
    tags: Any = getattr(image, "tag_v2", {})
    if tags.get(_DNG_VERSION) is not None or tags.get(_SUB_IFDS) is not None or tags.get(_NEW_SUBFILE_TYPE) == 1:
        raise _Refused("is a raw file, or has a preview first; give the JPEG that the camera wrote")
    if tags.get(_COMPRESSION) in _TIFF_JPEG:
        notes.append("it is compressed as JPEG inside, by software")
    bits = tags.get(_BITS)
    if isinstance(bits, tuple) and bits and bits[0] == 16 and image.mode == "RGB":
        notes.append("16 bits a channel were reduced to 8")
    return tags.get(_COMPRESSION, _TIFF_PLAIN) in _TIFF_LOSSLESS


def _heic(data: bytes) -> Stored:
    try:
        import pillow_heif
    except ImportError as error:
        raise _Refused("is a HEIC, which needs one more package: pip install 'shutterprint[heif]'") from error
    pillow_heif.options.DECODE_THREADS = 1  # the loaders are the parallelism
    opened = pillow_heif.open_heif(data)
    _check_size(*opened.size)
    exif = read_exif((opened.info.get("exif") or b"").removeprefix(_EXIF_START))
    image = opened.to_pillow()
    notes = ["HEIC is compressed by other means than the JPEGs that the network knows"]
    picture = _as_rgb(image, notes)
    # the decoder turns a picture as its properties say; EXIF says the same, and the sensor's picture is the one before
    header = data[:_HEIF_HEADER_BYTES]
    if b"irot" in header or b"imir" in header:
        picture = _turned_back(picture, exif.orientation)
    return Stored(picture, exif, 0, False, tuple(notes))


def _turned_back(picture: Pixels, orientation: int | None) -> Pixels:
    turn_back = _TURNED_BACK.get(orientation or 1)
    return picture if turn_back is None else np.ascontiguousarray(turn_back(picture), np.uint8)


def _check_size(width_px: int, height_px: int) -> None:
    if width_px * height_px > DECODED_MAX_PX:
        raise _Refused(f"{width_px}×{height_px} is beyond {DECODED_MAX_PX // 1_000_000} megapixels")


def _too_large() -> str:
    return f"is beyond {DECODED_MAX_PX // 1_000_000} megapixels"


def _is_lossless_webp(data: bytes) -> bool:
    """Return whether the first picture is lossless (RIFF chunk `VP8L`), by the chunks' lengths."""
    at = 12
    for _ in range(64):
        name = data[at : at + 4]
        if name in (b"VP8L", b"VP8 ", b""):
            return name == b"VP8L"
        at += 24 if name == b"ANMF" else 8 + (int.from_bytes(data[at + 4 : at + 8], "little") + 1) // 2 * 2
    return False
