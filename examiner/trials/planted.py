"""Planted: what is done to genuine photographs to measure how often a finding sees it.

One list for `examiner.calibrate` and the benchmarks, so that both measure the same. A trial takes a genuine
JPEG (and another one, for montages) and returns the bytes of the file that the finding should call unusual.
"""

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


def as_jpeg(picture: Image.Image, quality: int) -> bytes:
    """Return a picture as a JPEG with the IJG's tables, 4:2:0, without metadata."""
    saved = io.BytesIO()
    picture.save(saved, "JPEG", quality=quality)
    return saved.getvalue()


def opened(data: bytes) -> Image.Image:
    """Return the pixels of a photograph as they are stored, RGB."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def cropped_between(first: int, second: int) -> Plant:
    """Return a plant that saves at `first`, crops off the grid of blocks, and saves at `second`."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        picture = opened(as_jpeg(opened(genuine), first))
        left, top = (int(each) for each in random.choice([1, 2, 3, 5, 6, 7], 2))
        return as_jpeg(picture.crop((left, top, *picture.size)), second)

    return plant


TRIALS: tuple[Trial, ...] = tuple(
    Trial("shifted_grid", f"saved at {first}, cropped, saved at {second}", cropped_between(first, second))
    for first in (60, 75, 90)
    for second in (75, 90, 98)
)
