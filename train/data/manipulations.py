"""Manipulations: JPEG compression, resizing and gamma correction, as photographs undergo them on their way.

`MANIPULATIONS` are the eight of the IEEE Signal Processing Cup / Kaggle challenge of 2018: JPEG at quality
factor 70 and 90, bicubic resizing by 0.5, 0.8, 1.5 and 2.0, gamma 0.8 and 1.2. `random_manipulation` draws one
for training. Pictures are uint8 arrays, height × width × 3, RGB; the input is never changed.

JPEG is 4:2:0 baseline with the Annex K tables and libjpeg's accurate integer DCT, to the bit as Pillow and OpenCV write
it: OpenCV codes, because it takes half of Pillow's time. (simplejpeg codes by TurboJPEG, which below quality factor 96
takes a fast DCT that few other programs use, and so leaves traces of its own.) Resizing is plain bicubic (Keys' kernel
takes a fast DCT that few other programs use, and so leaves traces of its own.) Resizing is plain bicubic (Keys' kernel
at the scale of the input, no low-pass before reduction): OpenCV's INTER_CUBIC. With `train.interpolation: varied`
training draws the interpolation as well, as the challenge's second-placed team did (report arXiv 1810.02981).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from train.batched.gamma import gamma_table

Picture = npt.NDArray[np.uint8]
Interpolation = Literal["cubic", "linear", "area", "lanczos"]

_INTERPOLATIONS: Mapping[Interpolation, int] = MappingProxyType({
    "cubic": cv2.INTER_CUBIC, "linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "lanczos": cv2.INTER_LANCZOS4,
})  # fmt: skip

_420 = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
_MCU_PX = 16  # of 4:2:0: with this margin a window is coded as it would be in the whole picture
_CHROMA_PX = 4  # pixels beside it that a pixel's chroma may depend on, as `shards.restarts` says of libjpeg
_KERNEL_PX = 4  # input pixels on each side that a resized value depends on at most, along one axis


@dataclass(frozen=True)
class Manipulation:
    """One manipulation: its kind and its strength (JPEG quality factor, scale, or gamma)."""

    kind: Literal["jpeg", "scale", "gamma"]
    strength: float
    interpolation: Interpolation = "cubic"
    """Of resizing."""

    @property
    def name(self) -> str:
        """The name shown in reports, e.g. `jpeg_70`."""
        return f"{self.kind}_{self.strength:g}"

    def apply(self, picture: Picture) -> Picture:
        """Return the manipulated picture; resizing rounds to whole pixels, at least one."""
        match self.kind:
            case "jpeg":
                return compress(picture, round(self.strength))
            case "scale":
                return resize(picture, self.strength, self.interpolation)
            case "gamma":
                return correct_gamma(picture, self.strength)

    def crop(self, window: Picture, top: int, left: int, edge_px: int) -> Picture:
        """Return a square of the manipulated window: the pixels of `apply`, and less work where that is possible."""
        across, down = slice(left, left + edge_px), slice(top, top + edge_px)
        match self.kind:
            case "jpeg":
                above, below = coded_span(top, edge_px, window.shape[0])
                before, behind = coded_span(left, edge_px, window.shape[1])
                coded = compress(window[above:below, before:behind], round(self.strength))
                return coded[top - above : top - above + edge_px, left - before : left - before + edge_px]
            case "scale":
                return resize(window, self.strength, self.interpolation)[down, across]
            case "gamma":
                return correct_gamma(window[down, across], self.strength)

    def size_px(self, edge_px: int) -> int:
        """Return the edge, manipulated, of a square of `edge_px`."""
        return _resized_px(edge_px, self.strength) if self.kind == "scale" else edge_px

    def window_px(self, crop_px: int) -> int:
        """Return the size of the window that, manipulated alone, yields a crop of `crop_px` without border effects."""
        match self.kind:
            case "jpeg":
                return crop_px + 2 * _MCU_PX
            case "scale":
                return math.ceil(crop_px / self.strength) + 2 * _KERNEL_PX
            case "gamma":
                return crop_px


_EIGHT = (
    *(Manipulation("jpeg", quality_factor) for quality_factor in (70, 90)),
    *(Manipulation("scale", factor) for factor in (0.5, 0.8, 1.5, 2.0)),
    *(Manipulation("gamma", gamma) for gamma in (0.8, 1.2)),
)
MANIPULATIONS: Mapping[str, Manipulation] = MappingProxyType({each.name: each for each in _EIGHT})
"""The challenge's eight manipulations by name."""


def random_manipulation(rng: np.random.Generator, interpolation: Literal["cubic", "varied"] = "cubic") -> Manipulation:
    """Draw a manipulation for training: half the time one of the eight, else one from their ranges.

    The ranges are those of the second-placed team's later report (gamma 0.8–1.2, quality factor 70–90, scale 0.5–2
    with its logarithm drawn uniformly): they teach the neighbouring strengths, while the eight keep the weight on
    what the challenge tests. The kinds keep the challenge's shares: a quarter JPEG, half resizing, a quarter gamma.
    `varied`: each resizing is by any of OpenCV's interpolations but the nearest pixel's, all equally often.
    """
    drawn = _drawn(rng)
    if interpolation == "cubic" or drawn.kind != "scale":
        return drawn
    names = tuple(_INTERPOLATIONS)
    return replace(drawn, interpolation=names[rng.integers(len(names))])


def _drawn(rng: np.random.Generator) -> Manipulation:
    drawn = _EIGHT[rng.integers(len(_EIGHT))]
    if rng.random() < 0.5:
        return drawn
    match drawn.kind:
        case "jpeg":
            return Manipulation("jpeg", int(rng.integers(70, 91)))
        case "scale":
            return Manipulation("scale", 2.0 ** rng.uniform(-1.0, 1.0))
        case "gamma":
            return Manipulation("gamma", rng.uniform(0.8, 1.2))


def compress(picture: Picture, quality_factor: int) -> Picture:
    """Return the picture after JPEG compression at an IJG quality factor, 4:2:0."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality_factor, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _420]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    decoded: Picture = simplejpeg.decode_jpeg(data, colorspace="RGB", fastdct=False, fastupsample=False)
    return decoded


def resize(picture: Picture, scale: float, interpolation: Interpolation = "cubic") -> Picture:
    """Return the picture resized by a factor, by OpenCV's interpolation of that name; `cubic` is plain bicubic."""
    height_px, width_px = picture.shape[:2]
    size = (_resized_px(width_px, scale), _resized_px(height_px, scale))
    resized: Picture = cv2.resize(picture, size, interpolation=_INTERPOLATIONS[interpolation]).astype(
        np.uint8, copy=False
    )
    return resized


def correct_gamma(picture: Picture, gamma: float) -> Picture:
    """Return the picture with every value v of 0..1 raised to the power of gamma; below 1 brightens."""
    corrected: Picture = cv2.LUT(picture, gamma_table(gamma)).astype(
        np.uint8, copy=False
    )  # a sixth of the time of table[picture]
    return corrected


def _resized_px(edge_px: int, scale: float) -> int:
    return max(1, round(edge_px * scale))


def coded_span(start: int, length: int, whole: int) -> tuple[int, int]:
    """Return start and end of the MCUs that pixels from `start` on depend on when a window of `whole` px is coded.

    All in pixels, along one axis.
    """
    first = max(start - _CHROMA_PX, 0) // _MCU_PX * _MCU_PX
    return first, min(-(-(start + length + 1) // _MCU_PX) * _MCU_PX, whole)
