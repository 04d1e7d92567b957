"""Reproduction: a picture as print and as a display show it, before something scans or photographs it again.

In: linear light (height, width, 3), red first, 0 to 1. Out: light of the same size. A printer lays dots of four inks on
screens with angles of their own (15°, 75°, 0°, 45° for cyan, magenta, yellow and black), a display has a lattice of
pixels of three stripes each. Both are drawn finer than the result and averaged.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from demo.simulation.scenes import Light, Plane

_FINER = 4
_ANGLES = (15.0, 75.0, 0.0, 45.0)


def halftoned(light: Light, period_px: float) -> Light:
    """Return light as a colour print has it, with dots of `period_px` pixels of the result from one to the next."""
    size = (light.shape[1] * _FINER, light.shape[0] * _FINER)
    shown = np.power(np.clip(light, 0.0, 1.0), 1 / 2.2)
    ink = 1.0 - shown
    black = ink.min(axis=2)
    planes = [np.asarray((ink[..., each] - black) / np.maximum(1.0 - black, 1e-3), np.float32) for each in range(3)]
    printed = np.full((size[1], size[0], 3), 1.0, np.float32)
    for number, (plane, angle) in enumerate(zip([*planes, black], _ANGLES, strict=True)):
        wanted = np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.float32)
        dots = wanted > _screen((size[1], size[0]), period_px * _FINER, angle)
        channels = [number] if number < 3 else [0, 1, 2]
        for channel in channels:
            printed[..., channel] *= np.where(dots, np.float32(0.08), np.float32(1.0))
    reduced = cv2.resize(printed, light.shape[1::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(reduced * np.float32(0.85), np.float32)


def _screen(shape: tuple[int, int], period: float, degrees: float) -> Plane:
    """Return the thresholds of a screen, evenly spread from 0 to 1, of round dots."""
    rows, columns = np.arange(shape[0], dtype=np.float32)[:, None], np.arange(shape[1], dtype=np.float32)[None, :]
    turn = np.deg2rad(degrees)
    across = (columns * np.float32(np.cos(turn)) + rows * np.float32(np.sin(turn))) * np.float32(2 * np.pi / period)
    down = (rows * np.float32(np.cos(turn)) - columns * np.float32(np.sin(turn))) * np.float32(2 * np.pi / period)
    return np.asarray(0.5 + 0.25 * (np.cos(across) + np.cos(down)), np.float32)


@dataclass(frozen=True)
class View:
    """How a camera sees a display."""

    pitch_px: float
    """From one pixel of the display to the next, in pixels of the result."""
    tilt_degrees: float
    perspective: float = 0.0
    """Share by which the right edge's pixels are smaller than the left edge's."""


def displayed(light: Light, view: View) -> Light:
    """Return light as a display shows it to a camera."""
    height, width = light.shape[:2]
    finer = 3
    rows = np.arange(height * finer, dtype=np.float32)[:, None] / np.float32(finer)
    columns = np.arange(width * finer, dtype=np.float32)[None, :] / np.float32(finer)
    turn = np.deg2rad(view.tilt_degrees)
    far = 1.0 + np.float32(view.perspective) * columns / np.float32(width)
    across = (columns * np.float32(np.cos(turn)) + rows * np.float32(np.sin(turn))) * far / np.float32(view.pitch_px)
    down = (rows * np.float32(np.cos(turn)) - columns * np.float32(np.sin(turn))) * far / np.float32(view.pitch_px)
    lit_down = (down % 1.0) < 0.85
    shown = np.empty((height, width, 3), np.float32)
    for channel in range(3):
        within = (across % 1.0) * 3.0 - channel
        lit = (within >= 0.05) & (within < 0.9) & lit_down
        cells = cv2.resize(lit.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        shown[..., channel] = light[..., channel] * cells
    return np.asarray(shown * np.float32(3.0), np.float32)
