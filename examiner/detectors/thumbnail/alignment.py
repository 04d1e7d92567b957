"""Alignment: finds where a picture lies in its thumbnail, allowing black bars, stretching, and a crop of either.

Two pictures in grey → the place of one in the other. Cameras fit a picture into 160×120 px with bars, stretch it, or
cut its sides; a picture that was cropped later is smaller than what its thumbnail shows. Hypotheses of all these are
compared by correlation, and the best is refined by maximising the enhanced correlation coefficient (Evangelidis and
Psarakis, TPAMI 30, 2008), which a change of brightness or contrast does not move.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Warp = NDArray[np.float32]
Box = tuple[int, int, int, int]
"""x, y, width and height, in pixels of the thumbnail."""

BAR_LEVEL_MAX = 40
"""Darker rows and columns beside a picture of another shape are bars; compression brightens them beside the picture."""
_SMALLEST_PX = 24
"""Smallest side of a thumbnail, and of a cropped picture in it, that can be aligned."""
_SHARES = tuple(float(share) for share in np.geomspace(0.97, 0.25, 22))
"""Sides of a cropped picture that are tried, as shares of the largest that fits."""
_BLEED_PX, _SHAPE_TOLERANCE = 2, 0.06
_LONGEST_PX = 160
_LONG = 12
"""A picture whose sides have a larger ratio is a line in its thumbnail."""
_CLEARLY = 0.6
"""A crop is believed where what is left unexplained is less than this share of what is left without it."""
_CROP_CORRELATION_MIN = 0.9
"""Smooth pictures of different things have smaller parts that look alike: up to 0.7 was seen."""
_STEPS, _PRECISION = 40, 1e-4
_BLUR_PX = 5


@dataclass(frozen=True, eq=False)
class Aligned:
    """A thumbnail and the picture as it would lie in it; all in pixels of the thumbnail."""

    thumbnail: Grey
    picture: Grey
    """As large as the thumbnail; NaN where the picture does not reach."""
    content: Box
    """The thumbnail without its bars."""
    warp: Warp
    """From its pixels' centres to those of the reduced picture."""
    corners: NDArray[np.float32]
    """x and y of the picture's corners in the thumbnail, from the upper left one clockwise."""
    correlation: float

    @property
    def contrast_levels(self) -> float:
        """Standard deviation of the flatter of the two, in levels of 0..255."""
        x, y, width, height = self.content
        return min(float(self.thumbnail[y : y + height, x : x + width].std()), float(np.nanstd(self.picture)))

    @property
    def beyond(self) -> float:
        """Share of the thumbnail's content that shows what lies outside the picture."""
        x, y, width, height = self.content
        inside = self.picture[y : y + height, x : x + width]
        return float(np.isnan(inside).mean())

    def to_picture(self, width_px: int, height_px: int) -> NDArray[np.float64]:
        """Return the affine map (2 × 3) from the thumbnail's pixels to those of the picture at its full size."""
        source = np.array([[0, 0], [width_px, 0], [width_px, height_px]], np.float32)
        return np.asarray(cv2.getAffineTransform(self.corners[:3], source), np.float64)


def reduced(luma: NDArray[np.uint8], thumbnail: Grey) -> Grey:
    """Return a picture reduced, by the mean of its pixels, to about the thumbnail's number of pixels; float32."""
    height_px, width_px = luma.shape
    scale = max(thumbnail.shape[1] / width_px, thumbnail.shape[0] / height_px, 1e-4)
    size = (max(1, round(width_px * min(1.0, scale))), max(1, round(height_px * min(1.0, scale))))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)


def align(luma: NDArray[np.uint8], thumbnail: NDArray[np.uint8]) -> Aligned | None:
    """Return where a picture lies in a thumbnail (both grey, height × width); None where one is too small or long."""
    if min(thumbnail.shape) < _SMALLEST_PX or min(luma.shape) < _SMALLEST_PX:
        return None
    if max(luma.shape) > _LONG * min(luma.shape):
        return None
    scale = min(1.0, _LONGEST_PX / max(thumbnail.shape))
    size = (round(thumbnail.shape[1] * scale), round(thumbnail.shape[0] * scale))
    small_thumbnail = np.asarray(cv2.resize(thumbnail, size, interpolation=cv2.INTER_AREA), np.float32)
    picture = reduced(luma, small_thumbnail)
    if min(picture.shape) < _SMALLEST_PX:
        return None
    contents = _contents(small_thumbnail, picture.shape[1] / picture.shape[0])
    first = [
        _aligned(small_thumbnail, picture, warp, content)
        for content in contents
        for warp in _uncropped(picture, content)
    ]
    best = _refined(small_thumbnail, picture, max(first, key=lambda found: found.correlation))
    content = best.content
    cropped = _cropped(small_thumbnail, picture, content)
    if cropped is not None and 1 - best.correlation > 1e-3:
        found = _refined(small_thumbnail, picture, _aligned(small_thumbnail, picture, cropped, content))
        if found.correlation > _CROP_CORRELATION_MIN and 1 - found.correlation < _CLEARLY * (1 - best.correlation):
            return found
    return best


def _contents(thumbnail: Grey, shape: float) -> list[Box]:
    """Return what may be the thumbnail without its bars; `shape`: width / height of the picture.

    All of it; the middle of that shape, if what is beside it is dark; all but the dark rows and columns at its edges,
    if that has the shape.
    """
    height_px, width_px = thumbnail.shape
    found = [(0, 0, width_px, height_px)]
    size = (min(width_px, round(height_px * shape)), min(height_px, round(width_px / shape)))
    x, y = (width_px - size[0]) // 2, (height_px - size[1]) // 2
    beside = [thumbnail[: max(0, y - _BLEED_PX)], thumbnail[y + size[1] + _BLEED_PX :]]
    beside += [thumbnail[:, : max(0, x - _BLEED_PX)], thumbnail[:, x + size[0] + _BLEED_PX :]]
    bars = [bar for bar in beside if bar.size]
    if min(size) >= _SMALLEST_PX and bars and all(float(np.percentile(bar, 90)) <= BAR_LEVEL_MAX for bar in bars):
        found.append((x, y, *size))
    columns = np.flatnonzero(np.percentile(thumbnail, 95, axis=0) > BAR_LEVEL_MAX)
    rows = np.flatnonzero(np.percentile(thumbnail, 95, axis=1) > BAR_LEVEL_MAX)
    if len(columns) and len(rows):
        lit = (int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
        is_alike = abs(np.log(lit[2] / lit[3] / shape)) < _SHAPE_TOLERANCE
        if min(lit[2:]) >= _SMALLEST_PX and is_alike and lit not in found:
            found.append(lit)
    return found


def _uncropped(picture: Grey, content: Box) -> Iterator[Warp]:
    """Yield hypotheses: the picture fills the content, or the content is the middle of the picture."""
    x, y, width, height = content
    picture_height, picture_width = picture.shape
    yield _warp(picture_width / width, picture_height / height, x, y)
    scale = min(picture_width / width, picture_height / height)
    yield _warp(scale, scale, x + (width - picture_width / scale) / 2, y + (height - picture_height / scale) / 2)


def _cropped(thumbnail: Grey, picture: Grey, content: Box) -> Warp | None:
    """Return the best place of the picture as a part of the content, down to a quarter of its sides, or None."""
    x, y, width, height = content
    scene = cv2.GaussianBlur(thumbnail[y : y + height, x : x + width], (0, 0), 1.0)
    picture_height, picture_width = picture.shape
    largest = min(width / picture_width, height / picture_height)
    best: tuple[float, Warp] | None = None
    for share in _SHARES:
        scale = largest * share
        size = (round(picture_width * scale), round(picture_height * scale))
        if min(size) < _SMALLEST_PX:
            break
        template = cv2.GaussianBlur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), (0, 0), 1.0)
        matched = cv2.matchTemplate(scene, template, cv2.TM_CCOEFF_NORMED)
        _, correlation, _, (left, top) = cv2.minMaxLoc(np.nan_to_num(matched, nan=-1.0, posinf=-1.0, neginf=-1.0))
        if best is None or correlation > best[0]:
            best = correlation, _warp(picture_width / size[0], picture_height / size[1], x + left, y + top)
    return None if best is None else best[1]


def _warp(scale_x: float, scale_y: float, left: float, top: float) -> Warp:
    """Return the affine map from a thumbnail's pixel centres to a picture whose corner lies at (left, top)."""
    return np.array(
        [
            [scale_x, 0, (0.5 - left) * scale_x - 0.5],
            [0, scale_y, (0.5 - top) * scale_y - 0.5],
        ],
        np.float32,
    )


def _refined(thumbnail: Grey, picture: Grey, first: Aligned) -> Aligned:
    """Return an alignment with its map refined, where that is better and near."""
    x, y, width, height = first.content
    mask = np.zeros(thumbnail.shape, np.uint8)
    mask[y + 1 : y + height - 1, x + 1 : x + width - 1] = 255
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _STEPS, _PRECISION)
    try:  # the mask is that of the input, so the thumbnail is the input, and the picture the template
        back = cv2.invertAffineTransform(first.warp).astype(np.float32)
        _, refined = cv2.findTransformECC(picture, thumbnail, back, cv2.MOTION_AFFINE, criteria, mask, _BLUR_PX)
        warp = np.asarray(cv2.invertAffineTransform(refined), np.float32)
    except cv2.error:  # the two have too little in common
        return first
    second = _aligned(thumbnail, picture, warp, first.content)
    return second if second.correlation > first.correlation and _is_near(second, first) else first


def _is_near(refined: Aligned, first: Aligned) -> bool:
    """Whether a refined map has moved the corners by a sixth of the content's sides at most."""
    width, height = refined.content[2:]
    moved = np.abs(refined.corners - first.corners).max(axis=0)
    return bool(moved[0] <= width / 6 and moved[1] <= height / 6)


def _aligned(thumbnail: Grey, picture: Grey, warp: Warp, content: Box) -> Aligned:
    height_px, width_px = thumbnail.shape
    picture_height, picture_width = picture.shape
    warped: Any = cv2.warpAffine(
        picture, warp, (width_px, height_px), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    grid = np.stack(np.meshgrid(np.arange(width_px), np.arange(height_px)), -1).astype(np.float32)
    at = grid @ warp[:, :2].T + warp[:, 2]
    outside = ((at < -1.0) | (at > np.array([picture_width, picture_height], np.float32))).any(-1)
    warped[outside] = np.nan
    x, y, width, height = content
    beside = np.ones(thumbnail.shape, bool)
    beside[y : y + height, x : x + width] = False
    warped[beside] = np.nan
    ends = (
        np.array([[0, 0], [picture_width, 0], [picture_width, picture_height], [0, picture_height]], np.float32) - 0.5
    )
    back = cv2.invertAffineTransform(warp)
    corners = ends @ back[:, :2].T + back[:, 2] + 0.5
    return Aligned(thumbnail, warped, content, warp, corners.astype(np.float32), _correlation(thumbnail, warped))


def _correlation(thumbnail: Grey, picture: Grey) -> float:
    """Return the correlation where both are, after a slight blur; 0 where one of them is flat."""
    known = ~np.isnan(picture)
    if known.sum() < _SMALLEST_PX * _SMALLEST_PX:
        return 0.0
    filled = np.where(known, picture, picture[known].mean()).astype(np.float32)
    first = cv2.GaussianBlur(thumbnail, (0, 0), 1.0)[known]
    second = cv2.GaussianBlur(filled, (0, 0), 1.0)[known]
    if first.std() < 0.5 or second.std() < 0.5:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
