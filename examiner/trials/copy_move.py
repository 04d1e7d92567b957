"""Copy-move: a part of a genuine photograph copied to another place in it, unchanged, turned or enlarged."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from examiner.trials.trial import Plant, Trial, as_jpeg, opened

SIDES_PX = (48, 96, 160, 256)
_CONTRAST = 8.0
"""Deviation of the brightness of a part that is worth copying, in levels."""
_TRIES = 100


def copied(side_px: int, degrees: float = 0.0, enlargement: float = 1.0, quality: int = 95) -> Plant:
    """Return a plant that copies a round part of this size, with a soft edge of two pixels, and saves at `quality`."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        picture = np.asarray(opened(genuine))
        return as_jpeg(Image.fromarray(with_copy(picture, side_px, degrees, enlargement, random)[0]), quality)

    return plant


def with_copy(
    picture: NDArray[np.uint8], side_px: int, degrees: float, enlargement: float, random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return a picture with a copied part, and the movement (2, 3) that took it there.

    The part is one with some contrast, where a few tries find one; raises ValueError where the picture is too small.
    """
    height, width = picture.shape[:2]
    half, far = side_px / 2, side_px * enlargement / 2 * 1.5
    if min(height, width) < 3 * side_px * enlargement:
        raise ValueError(f"is {width}×{height} px, too small to copy {side_px} px in it")
    for _ in range(_TRIES):
        x, y = random.uniform(half, width - half), random.uniform(half, height - half)
        part = picture[int(y - half) : int(y + half), int(x - half) : int(x + half)]
        if float(part.mean(axis=2).std()) >= _CONTRAST:
            break
    for _ in range(_TRIES):
        to_x, to_y = random.uniform(far, width - far), random.uniform(far, height - far)
        if max(abs(to_x - x), abs(to_y - y)) > 1.2 * side_px * enlargement:
            break
    if degrees == 0 and enlargement == 1:
        x, y, to_x, to_y = (float(round(each)) for each in (x, y, to_x, to_y))
    cosine, sine = (enlargement * float(each(np.radians(degrees))) for each in (np.cos, np.sin))
    matrix = np.array([[cosine, -sine, to_x - cosine * x + sine * y], [sine, cosine, to_y - sine * x - cosine * y]])
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    inside = np.clip((half - np.hypot(columns - np.float32(x), rows - np.float32(y))) / 2, 0, 1)
    share = cv2.warpAffine(inside, matrix, (width, height))[..., None]
    moved = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC)
    return np.asarray(np.rint(moved * share + picture * (1 - share)), np.uint8), matrix


TRIALS: tuple[Trial, ...] = tuple(
    Trial("copied_region", f"{side_px} px copied{how}", copied(side_px, degrees, enlargement, quality))
    for side_px in SIDES_PX
    for how, degrees, enlargement, quality in (
        ("", 0.0, 1.0, 95),
        (", turned by 15°", 15.0, 1.0, 95),
        (", enlarged to 120 %", 0.0, 1.2, 95),
        (", saved at 75", 0.0, 1.0, 75),
    )
)
