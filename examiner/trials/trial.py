"""Trial: something that is done to a genuine photograph, and the tools with which it is done."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

Plant = Callable[[bytes, bytes, np.random.Generator], bytes]


@dataclass(frozen=True)
class Trial:
    """Something that is done to a genuine photograph."""

    finding: str
    """Name of the finding that should see it."""
    what: str
    """What was done, as people read it: `saved at 70, cropped, saved at 90`."""
    plant: Plant
    """(genuine, another genuine photograph, random numbers) → the bytes to examine."""
    lossless: bool = False
    """Whether it is saved without loss, as PNG; else as a JPEG."""


def as_jpeg(picture: Image.Image, quality: int) -> bytes:
    """Return a picture as a JPEG with the IJG's tables, 4:2:0, without metadata."""
    saved = io.BytesIO()
    picture.save(saved, "JPEG", quality=quality)
    return saved.getvalue()


def as_png(picture: Image.Image) -> bytes:
    """Return a picture as a PNG without metadata."""
    saved = io.BytesIO()
    picture.save(saved, "PNG", compress_level=1)
    return saved.getvalue()


def opened(data: bytes) -> Image.Image:
    """Return the pixels of a photograph as they are stored, RGB."""
    return Image.open(io.BytesIO(data)).convert("RGB")
