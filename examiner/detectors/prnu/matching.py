"""Matching: whether a device's pattern is in a photograph that may have been turned, mirrored, scaled or cropped.

A signal (`residual.signal_of`) or a pattern, and a pattern, in; the best match out. Whole frames are tried first, and
crops only where no whole frame matches, so that a search for crops costs no certainty where nothing was cropped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from examiner.detectors.prnu.correlation import log10_false_alarm, peak_of
from examiner.detectors.prnu.wavelet import Plane

RATIOS = (1.0, 3 / 4, 2 / 3, 1 / 2, 1 / 3, 1 / 4)
"""Sizes of a cropped photograph's pixels to search, as shares of the sensor's resolution."""
SURE_LOG10 = -6.0
"""False alarms below one in a million end the search."""
CROP_MIN_PX = 96
"""Smallest side of a crop that is searched."""
_ROUNDING_PX = 1.0
_REACH_PX = 2
"""Shifts by which resizing programs place their first pixel differently."""

TURNS = ("as stored", "turned by 180°", "turned clockwise", "turned anticlockwise",
         "mirrored", "mirrored upside down", "transposed", "transposed the other way")  # fmt: skip


class _Hypothesis(NamedTuple):
    turn: int
    width_px: int
    """Size of the pattern in the photograph's pixels."""
    height_px: int
    reach_px: int | None


@dataclass(frozen=True)
class Match:
    """The place at which a photograph agrees best with a pattern."""

    pce: float
    log10_false_alarm: float
    turn: str
    """How the photograph would be turned to lie as the pattern does; one of TURNS."""
    scale: float
    """Photograph's pixels per pixel of the pattern."""
    x: int
    y: int
    """Where its corner lies in the pattern, in pixels of the turned photograph."""
    searched: int
    """Number of shifts, turns and scales that were tried."""


def match(signal: Plane, pattern: Plane) -> Match:
    """Return the best agreement; raises ValueError where no hypothesis fits, such as a photograph larger than it."""
    best, searched = None, 0
    for stage in (_whole_frames, _crops):
        for hypothesis in stage(signal, pattern):
            turned = _turned(signal, hypothesis.turn)
            sized = _sized(pattern, hypothesis.width_px, hypothesis.height_px)
            peak = peak_of(turned, sized, hypothesis.reach_px)
            searched += peak.searched
            if best is None or peak.pce > best[0].pce:
                best = peak, hypothesis
            if log10_false_alarm(best[0].pce, searched) < SURE_LOG10:
                break
        if best is not None and log10_false_alarm(best[0].pce, searched) < SURE_LOG10:
            break
    if best is None:
        raise ValueError(
            f"is {signal.shape[1]}×{signal.shape[0]} px, which is no crop of {pattern.shape[1]}×{pattern.shape[0]} px, "
            "nor the whole of it in another size"
        )
    peak, found = best
    return Match(
        peak.pce, log10_false_alarm(peak.pce, searched), TURNS[found.turn], found.width_px / pattern.shape[1],
        peak.x, peak.y, searched,
    )  # fmt: skip


def _whole_frames(signal: Plane, pattern: Plane) -> Iterator[_Hypothesis]:
    height, width = pattern.shape
    for turn in range(len(TURNS)):
        down, across = _turned_shape(signal, turn)
        if (across, down) == (width, height):
            yield _Hypothesis(turn, across, down, 0)
        elif abs(across * height - down * width) <= _ROUNDING_PX * max(width, height):
            yield _Hypothesis(turn, across, down, _REACH_PX)


def _crops(signal: Plane, pattern: Plane) -> Iterator[_Hypothesis]:
    if min(signal.shape) < CROP_MIN_PX:
        return
    for ratio in RATIOS:
        height, width = (round(side * ratio) for side in pattern.shape)
        for turn in range(len(TURNS)):
            down, across = _turned_shape(signal, turn)
            if down <= height and across <= width and (down, across) != (height, width):
                yield _Hypothesis(turn, width, height, None)


def _turned_shape(signal: Plane, turn: int) -> tuple[int, int]:
    height, width = signal.shape
    return (width, height) if turn in (2, 3, 6, 7) else (height, width)


def _turned(plane: Plane, turn: int) -> Plane:
    forms = (
        lambda: plane,
        lambda: plane[::-1, ::-1],
        lambda: plane.T[:, ::-1],
        lambda: plane.T[::-1],
        lambda: plane[:, ::-1],
        lambda: plane[::-1],
        lambda: plane.T,
        lambda: plane.T[::-1, ::-1],
    )
    return np.ascontiguousarray(forms[turn]())


def _sized(pattern: Plane, width_px: int, height_px: int) -> Plane:
    if (height_px, width_px) == pattern.shape:
        return pattern
    smaller = width_px < pattern.shape[1]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pattern, (width_px, height_px), interpolation=interpolation), np.float32)
