"""Opened: one file as what findings ask of it: bytes, header, pixels, coefficients; each is made once, when asked.

bytes → Photograph. Refuses (ValueError, with the reason as a sentence) what is no picture, and pictures beyond
`DECODED_MAX_PX`. A damaged picture may still have a header: what cannot be made of it raises ValueError when asked.
Of a raw file the largest JPEG preview is examined, which is the picture that the camera itself made of it.
"""

import hashlib
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from corpus.text import size
from forensics.coefficients import Coefficients, read_coefficients
from forensics.header import read_facts
from forensics.jpeg.frame import DECODED_MAX_PX
from forensics.jpeg.segments import Segment, header_segments
from forensics.metadata.previews import largest_preview, raw_form
from forensics.photo_facts import PhotoFacts
from forensics.pixels.decoding import decode_whole
from forensics.pixels.grid import Grid, grid_evidence
from train.prediction.pictures import Stored, decode_stored
from train.prediction.reading import Kind, kind_of


class Photograph:
    """A file that is examined."""

    def __init__(self, data: bytes, name: str = "") -> None:
        """Look at what kind of file it is; `name` is shown to people and decides nothing."""
        self.file = data
        """All bytes of the file."""
        self.name = name
        self.raw = raw_form(data)
        """Which form of raw file it is (`DNG`, `CR2` …); None for pictures."""
        self.data = data if self.raw is None else _preview_in(data)
        """The bytes of the picture that is examined: the file's, or those of the preview in a raw file."""
        self.kind: Kind = kind_of(self.data)

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the file."""
        return hashlib.sha256(self.file).hexdigest()

    @property
    def form(self) -> str:
        """What people call the file: its kind, or the form of a raw file."""
        return self.kind if self.raw is None else "raw file" if self.raw == "raw" else f"{self.raw} raw file"

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is examined of the file where that is not all of it, and what its kind lacks. Raises ValueError."""
        if self.raw is None:
            return () if self.stored is None else self.stored.notes
        width_px, height_px = self.size_px
        return (
            f"the largest JPEG preview in it is examined, {width_px}×{height_px} px and {size(len(self.data))}; the "
            "data of its sensor are not read, nor is the EXIF that stands outside the preview",
        )

    @cached_property
    def facts(self) -> PhotoFacts | None:
        """What the header of a JPEG says; None for other kinds. Raises JpegError, a ValueError, for a broken one."""
        return read_facts(self.data, whole=True) if self.kind == "JPEG" else None

    @cached_property
    def segments(self) -> list[Segment]:
        """The segments of a JPEG's header, up to the first scan; empty for other kinds."""
        return header_segments(self.data, whole=True) if self.kind == "JPEG" else []

    @cached_property
    def coefficients(self) -> Coefficients | None:
        """The quantised DCT coefficients of a baseline JPEG; None for everything else."""
        if self.facts is None or self.facts.coding not in ("baseline", "extended") or self.facts.precision_bits != 8:
            return None
        self._refuse_large()
        return read_coefficients(self.data)

    @cached_property
    def stored(self) -> Stored | None:
        """A picture that is no JPEG, decoded; None for a JPEG."""
        return None if self.kind == "JPEG" else decode_stored(self.data, self.kind)

    @property
    def lossless(self) -> bool:
        """Whether the file's own coding has changed no pixel. Raises ValueError."""
        return self.stored is not None and self.stored.lossless

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """The pixels as they are stored, height × width × 3; EXIF turns nothing. Raises ValueError."""
        if self.stored is not None:
            return self.stored.picture
        self._refuse_large()
        return decode_whole(self.data, "RGB", fastdct=False, fastupsample=False).picture

    @cached_property
    def luma(self) -> NDArray[np.uint8]:
        """The luma, height × width; of a JPEG as its decoder gives it. Raises ValueError."""
        if self.kind == "JPEG":
            self._refuse_large()
            return decode_whole(self.data, "GRAY", fastdct=False).picture[..., 0]
        return np.ascontiguousarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), np.uint8)

    @cached_property
    def grid(self) -> Grid | None:
        """The grids of 8×8 blocks in the middle of the picture; None where it is too small or plain. Raises ValueError.

        Several findings begin with it: it takes an eighth of a second.
        """
        return grid_evidence(self.luma)

    @cached_property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the stored frame."""
        if self.facts is not None:
            return self.facts.width_px, self.facts.height_px
        height_px, width_px = self.rgb.shape[:2]
        return width_px, height_px

    def _refuse_large(self) -> None:
        width_px, height_px = self.size_px
        if width_px * height_px > DECODED_MAX_PX:
            raise ValueError(f"is of {width_px}×{height_px} px, beyond {DECODED_MAX_PX // 1_000_000} megapixels")


def _preview_in(data: bytes) -> bytes:
    preview = largest_preview(data)
    if preview is None:
        raise ValueError("is a raw file without a JPEG preview; give the JPEG that the camera wrote")
    return data[preview.start : preview.end]
