"""Verification: whether a part of a picture is another part of it, pixel for pixel, or only looks alike.

A copy differs from its original by no more than compression changes; windows of a front, or leaves, look alike and
differ by more, the more contrast they have. The movement is refined (Evangelidis and Psarakis, IEEE TPAMI 30, 2008),
the region grows to where both parts are alike, and in it their fine detail is compared.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.copy_move.agreement import Movement

Plane = NDArray[np.float32]
_MARGIN_PX = 48
_REFINED_MIN_PX, _REFINED_PX = 64, 256
"""Sides of the part by which a movement is refined, at least and at most."""
_REGION_MAX_PX = 1_000_000
"""Larger regions are compared at a smaller size."""
_DETAIL_PX, _FINE_PX = 4.0, 2.0
_EDGE_PX = 7
"""Soft edges of a copy, which differ from their original."""
_WINDOW_PX = 11
_AGREES = 0.7
_UNTURNED = 0.03
"""Turns (radians) and enlargements below this are taken for none."""
_REFINED_MAX = 0.1
_FEW = 200
"""Pixels with fine detail below which nothing is said of it."""
_OVERLAP_MAX = 0.1
_ONE_WAY = 0.8
_COMPRESSION = 3.0
"""Mean squared difference, in squared levels, that a compression at 95 leaves between a part and its copy."""


@dataclass(frozen=True, eq=False)
class Copy:
    """A region and its copy."""

    box: tuple[int, int, int, int]
    """Of the region: x, y, width, height."""
    mask: NDArray[np.bool_]
    """Which pixels of the box belong to it; smaller than the box by `shrink`."""
    shrink: float
    matrix: NDArray[np.float64]
    """(2, 3): x and y of the copy from x and y of the region."""
    area_px: float
    likeness: float
    """Mean correlation of detail in small windows."""
    agreement: float
    """How little the fine detail differs beyond compression, 0 to 1; 0 where there is too little of it."""
    places: int
    """Pairs of places that agree with the movement."""

    @property
    def score(self) -> float:
        """The agreement, a little lower where few pairs of places led to it: of many movements some agree by chance."""
        return self.agreement * (1 - 1 / self.places)


def verified(luma: NDArray[np.uint8], movement: Movement, scale: float) -> Copy | None:
    """Return the copy that a movement means; None where the parts do not agree.

    `scale`: pixels of `luma` for one of those that the movement was found in.
    """
    matrix = movement.matrix.copy()
    matrix[:, 2] = scale * (matrix[:, 2] + 0.5 - matrix[:, :2] @ (0.5, 0.5)) + matrix[:, :2] @ (0.5, 0.5) - 0.5
    places = (movement.places + 0.5) * scale - 0.5
    matrix = _refined(luma, matrix, places, scale)
    margin = _MARGIN_PX * scale
    left, top = (int(max(0, each)) for each in places.min(axis=0) - margin)
    right, bottom = (int(min(each)) for each in zip(places.max(axis=0) + margin, luma.shape[::-1], strict=True))
    shrink = max(1.0, ((right - left) * (bottom - top) / _REGION_MAX_PX) ** 0.5)
    region, copy, inside = _both(luma, matrix, (left, top, right, bottom), shrink)
    likeness = _local_correlation(region, copy, _DETAIL_PX)
    agree = ((likeness > _AGREES) & inside).astype(np.uint8)
    agrees = cv2.morphologyEx(agree, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    count, labels = cv2.connectedComponents(agrees)
    if count < 2:
        return None
    columns, rows = ((places - (left, top)) / shrink).astype(int).T
    seen = labels[rows.clip(0, labels.shape[0] - 1), columns.clip(0, labels.shape[1] - 1)]
    votes = np.bincount(seen, minlength=count)
    votes[0] = 0
    mask = labels == int(votes.argmax())
    if votes.max() == 0:
        return None
    if _overlap(mask, matrix, (left, top), shrink) > _OVERLAP_MAX:
        return None
    inner = cv2.erode(mask.astype(np.uint8), np.ones((_EDGE_PX, _EDGE_PX), np.uint8)).astype(bool)
    inner = inner if np.count_nonzero(inner) > _FEW else mask
    return Copy(
        (left, top, right - left, bottom - top), mask, shrink, matrix, float(mask.sum()) * shrink**2,
        float(likeness[mask].mean()), _agreement(region, copy, inner & (_direction(region) < _ONE_WAY)), len(places),
    )  # fmt: skip


def _agreement(region: Plane, copy: Plane, where: NDArray[np.bool_]) -> float:
    """Return how little the fine detail of two parts differs, beyond what rounding and compression change.

    1: not at all; 0: as much as unrelated parts do, or no more detail than compression makes. The mean squared
    difference is set against the mean variance of both, over all pixels at once: where a repeated thing has corners,
    it differs at them.
    """
    if np.count_nonzero(where) <= _FEW:
        return 0.0
    one, two = ((each - cv2.GaussianBlur(each, (0, 0), _FINE_PX))[where] for each in (region, copy))
    one, two = one - one.mean(), two - two.mean()
    difference, variance = float(np.mean((one - two) ** 2)), float(np.mean(one * one + two * two)) / 2
    return max(0.0, 1 - max(0.0, difference - _COMPRESSION) / (2 * variance)) if variance > _COMPRESSION else 0.0


def _refined(
    luma: NDArray[np.uint8], matrix: NDArray[np.float64], places: NDArray[np.float32], scale: float
) -> NDArray[np.float64]:
    """Return the movement, to a fraction of a pixel; whole pixels where nothing was turned or enlarged."""
    middle = np.median(places, axis=0).astype(np.float64)
    box = _around(places, (luma.shape[1], luma.shape[0]))
    if np.abs(matrix[:, :2] - np.eye(2)).max() < _UNTURNED:
        shift = matrix @ np.append(middle, 1.0) - middle
        found = _whole_shift(luma, box, np.rint(shift), 2 + int(2 * scale))
        return np.asarray(np.c_[np.eye(2), found], np.float64)
    region, copy, inside = _both(luma, matrix, box, 1.0)
    try:
        _, off = cv2.findTransformECC(
            region, copy, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE,
            (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 1e-4), inside.astype(np.uint8), 3,
        )  # fmt: skip
    except cv2.error:  # it does not converge: the parts do not agree
        return matrix
    # pixels of the box → pixels of the copy's own box → pixels of the picture
    to_box, from_box = np.eye(3), np.eye(3)
    to_box[:2, 2], from_box[:2, 2] = (-box[0], -box[1]), box[:2]
    refined = (np.vstack([matrix, (0, 0, 1)]) @ from_box @ np.vstack([off, (0, 0, 1)]) @ to_box)[:2]
    return np.asarray(refined if np.abs(refined[:, :2] - matrix[:, :2]).max() < _REFINED_MAX else matrix, np.float64)


def _around(places: NDArray[np.float32], size_px: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return a box (left, top, right, bottom) around the middle of most places; what lies beside a copy misleads."""
    low, middle, high = np.quantile(places, (0.1, 0.5, 0.9), axis=0)
    half = np.clip(0.6 * (high - low), _REFINED_MIN_PX / 2, _REFINED_PX / 2)
    left, top = (max(0, int(each)) for each in middle - half)
    right, bottom = (min(int(each), side) for each, side in zip(middle + half, size_px, strict=True))
    return left, top, right, bottom


def _whole_shift(
    luma: NDArray[np.uint8], box: tuple[int, int, int, int], shift: NDArray[np.float64], reach_px: int
) -> NDArray[np.float64]:
    """Return the shift of whole pixels, near this one, at which a box agrees best with what lies there."""
    height, width = luma.shape
    across, down = (int(each) for each in shift)
    left, right = max(box[0], reach_px - across), min(box[2], width - reach_px - across)
    top, bottom = max(box[1], reach_px - down), min(box[3], height - reach_px - down)
    if right - left < _WINDOW_PX or bottom - top < _WINDOW_PX:
        return shift
    there = luma[top + down - reach_px : bottom + down + reach_px, left + across - reach_px : right + across + reach_px]
    agreement = cv2.matchTemplate(_detail(there), _detail(luma[top:bottom, left:right]), cv2.TM_CCOEFF_NORMED)
    row, column = np.unravel_index(int(agreement.argmax()), agreement.shape)
    return np.array([across + int(column) - reach_px, down + int(row) - reach_px], np.float64)


def _detail(part: NDArray[np.uint8]) -> Plane:
    plane = part.astype(np.float32)
    return np.asarray(plane - cv2.GaussianBlur(plane, (0, 0), _DETAIL_PX), np.float32)


def _both(
    luma: NDArray[np.uint8], matrix: NDArray[np.float64], box: tuple[int, int, int, int], shrink: float
) -> tuple[Plane, Plane, NDArray[np.bool_]]:
    """Return a box of the picture, what lies where the movement takes it, and where that is inside the picture."""
    left, top, right, bottom = box
    size = max(1, round((right - left) / shrink)), max(1, round((bottom - top) / shrink))
    region = luma[top:bottom, left:right].astype(np.float32)
    if shrink > 1:
        region = np.asarray(cv2.resize(region, size, interpolation=cv2.INTER_AREA), np.float32)
    place = np.array([[shrink, 0, left + (shrink - 1) / 2], [0, shrink, top + (shrink - 1) / 2], [0, 0, 1]])
    there = matrix @ place
    flags = (cv2.INTER_AREA if shrink > 1 else cv2.INTER_CUBIC) | cv2.WARP_INVERSE_MAP
    copy = cv2.warpAffine(luma, there, size, flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    columns, rows = np.arange(size[0]), np.arange(size[1])[:, None]
    x = there[0, 0] * columns + there[0, 1] * rows + there[0, 2]
    y = there[1, 0] * columns + there[1, 1] * rows + there[1, 2]
    inside = (x >= 0) & (y >= 0) & (x <= luma.shape[1] - 1) & (y <= luma.shape[0] - 1)
    return region, copy, inside


def _overlap(mask: NDArray[np.bool_], matrix: NDArray[np.float64], corner: tuple[int, int], shrink: float) -> float:
    """Return the share of a region that its own copy covers: curves and circles fit on themselves."""
    place = np.array([[shrink, 0, corner[0]], [0, shrink, corner[1]], [0, 0, 1]])
    there = (np.linalg.inv(place) @ np.vstack([matrix, (0, 0, 1)]) @ place)[:2]
    moved = cv2.warpAffine(mask.astype(np.uint8), there, mask.shape[::-1], flags=cv2.INTER_NEAREST)
    return int(np.count_nonzero(mask & (moved > 0))) / max(1, int(np.count_nonzero(mask)))


def _direction(plane: Plane) -> Plane:
    """Return how much the structure around each pixel has one direction: 0 none, 1 a straight edge.

    An edge is like any other part of itself. Source: coherence of the structure tensor (Weickert 1998).
    """
    across, down = cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1)
    window = (_WINDOW_PX, _WINDOW_PX)
    a, b, c = (cv2.blur(each, window) for each in (across * across, across * down, down * down))
    return np.asarray(np.sqrt((a - c) ** 2 + 4 * b * b) / (a + c + 1e-3), np.float32)


def _local_correlation(first: Plane, second: Plane, scale_px: float) -> Plane:
    """Return the correlation, in a window around each pixel, of detail finer than `scale_px`."""
    a, b = (each - cv2.GaussianBlur(each, (0, 0), scale_px) for each in (first, second))
    window = (_WINDOW_PX, _WINDOW_PX)
    mean_a, mean_b = cv2.blur(a, window), cv2.blur(b, window)
    variance_a = np.maximum(cv2.blur(a * a, window) - mean_a**2, 1e-2)
    variance_b = np.maximum(cv2.blur(b * b, window) - mean_b**2, 1e-2)
    return np.asarray((cv2.blur(a * b, window) - mean_a * mean_b) / np.sqrt(variance_a * variance_b), np.float32)
