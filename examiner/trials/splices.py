"""Splices: a square of one photograph pasted into another one, with the mask of what was pasted."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from examiner.trials.trial import Plant, Trial, as_jpeg, as_png, opened

How = Literal["as it is", "resized", "recompressed"]
FACTORS = (0.7, 0.8, 1.25, 1.5)
QUALITIES = (60, 70, 80)


@dataclass(frozen=True)
class Splice:
    """A photograph with a square of another one in it."""

    picture: Image.Image
    mask: NDArray[np.bool_]
    """(height, width): True where the pixels are those of the other photograph."""


def spliced(host: Image.Image, donor: Image.Image, side_px: int, how: How, random: np.random.Generator) -> Splice:
    """Return `host` with a square of `donor` at a random place, which lies on no grid in particular.

    `how`: what is done to the donor before: resized by one of 0.7, 0.8, 1.25, 1.5, or saved as a JPEG of 60, 70 or 80.
    The square is smaller where the donor does not hold it, or where it would take more than 3/4 of a side of the host.
    """
    if how == "resized":
        factor = float(random.choice(FACTORS))
        size_px = (round(donor.width * factor), round(donor.height * factor))
        donor = donor.resize(size_px, Image.Resampling.BICUBIC)
    elif how == "recompressed":
        donor = opened(as_jpeg(donor, int(random.choice(QUALITIES))))
    side_px = min(side_px, donor.width, donor.height, host.width * 3 // 4, host.height * 3 // 4)
    from_x, from_y = (int(random.integers(0, each - side_px + 1)) for each in donor.size)
    x_px, y_px = (int(random.integers(0, each - side_px + 1)) for each in host.size)
    picture = host.copy()
    picture.paste(donor.crop((from_x, from_y, from_x + side_px, from_y + side_px)), (x_px, y_px))
    mask = np.zeros((host.height, host.width), np.bool_)
    mask[y_px : y_px + side_px, x_px : x_px + side_px] = True
    return Splice(picture, mask)


def _pasted(side_px: int, quality: int | None) -> Plant:
    """Return a plant that pastes a square and saves at `quality`; None saves as PNG."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        picture = spliced(opened(genuine), opened(other), side_px, "as it is", random).picture
        return as_png(picture) if quality is None else as_jpeg(picture, quality)

    return plant


TRIALS: tuple[Trial, ...] = tuple(
    Trial(
        finding,
        f"a square of {side_px} px of another photograph, saved " + ("as PNG" if quality is None else f"at {quality}"),
        _pasted(side_px, quality), lossless=quality is None,
    )
    for finding in ("splices", "splices_without_network")
    for side_px in (128, 320)
    for quality in (80, 95, None)
)  # fmt: skip
