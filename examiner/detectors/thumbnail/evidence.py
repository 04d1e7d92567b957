"""Evidence: what a person looks at: thumbnail, picture and difference side by side; the difference over the picture.

An alignment and its differences → a PNG, and a map in pixels of the picture at its full size.
"""

import io

import cv2
import numpy as np
from PIL import Image

from examiner.detectors.thumbnail.alignment import Aligned
from examiner.detectors.thumbnail.comparison import Difference
from examiner.finding import Map, Picture

STRONGEST = 10.0
"""Difference, in units of noise, that the map draws as the strongest evidence."""
_ENLARGED = 2
_GAP_PX = 4
_CELLS_ACROSS = 96


def side_by_side(aligned: Aligned, difference: Difference) -> Picture:
    """Return the thumbnail, the picture laid over it with the same tones, and where they differ, side by side."""
    height_px = aligned.thumbnail.shape[0]
    picture = np.where(np.isnan(aligned.picture), 255, difference.fitted)
    strength = np.nan_to_num(difference.map, nan=0.0) / STRONGEST * 255
    gap = np.full((height_px, _GAP_PX), 255.0)
    row = np.hstack([aligned.thumbnail, gap, picture, gap, strength])
    grey = Image.fromarray(np.clip(np.rint(row), 0, 255).astype(np.uint8))
    large = grey.resize((grey.width * _ENLARGED, grey.height * _ENLARGED), Image.Resampling.NEAREST)
    saved = io.BytesIO()
    large.save(saved, "PNG")
    caption = (
        "Left the thumbnail, in the middle the picture with the thumbnail's tones, right where they differ (white)."
    )
    return Picture("Thumbnail, picture, difference", saved.getvalue(), caption)


def difference_map(
    aligned: Aligned, difference: Difference, size_px: tuple[int, int]
) -> tuple[Map, tuple[int, int, int, int]]:
    """Return the differences over the picture, and x, y, width and height of the cells around the largest one."""
    width_px, height_px = size_px
    cell_px = max(1, -(-max(size_px) // _CELLS_ACROSS))
    columns, rows = -(-width_px // cell_px), -(-height_px // cell_px)
    # from cells to thumbnail: where the centre of each cell lies
    to_thumbnail = cv2.invertAffineTransform(aligned.to_picture(width_px, height_px))
    centres = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).astype(np.float64) * cell_px + cell_px / 2
    at = (centres @ to_thumbnail[:, :2].T + to_thumbnail[:, 2] - 0.5).astype(np.float32)
    values = cv2.remap(
        difference.map, at[..., 0], at[..., 1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT,
        borderValue=float("nan"),
    )  # fmt: skip
    scaled = np.clip(np.asarray(values, np.float32) / STRONGEST, 0, 1)
    row, column = np.unravel_index(int(np.argmax(np.nan_to_num(scaled, nan=-1.0))), scaled.shape)
    half = 2
    x, y = max(0, int(column) - half) * cell_px, max(0, int(row) - half) * cell_px
    right, bottom = min(width_px, (int(column) + half + 1) * cell_px), min(height_px, (int(row) + half + 1) * cell_px)
    caption = f"From 0 to {STRONGEST:.0f} times the noise of the thumbnail."
    return Map("Thumbnail against picture", scaled, cell_px, caption=caption), (x, y, right - x, bottom - y)
