"""Demosaicing: five methods that compute three colours for each pixel of a raw mosaic.

Results are float32, (height, width, 3), red first, 0 to 1. Every method takes the mosaic's pattern, so any camera can
use any method. Borders are mirrored such that the pattern continues.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.simulation.scenes import Light, Plane
from demo.simulation.sensor import WHITE, Mosaic, Raw

_QUARTERS = ((0, 0), (0, 1), (1, 0), (1, 1))

# the kernels of Malvar, He and Cutler 2004, figure 2, in eighths
_MHC_GREEN = np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]])
_MHC_ALONG_ROW = np.array(
    [[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]]
)
_MHC_DIAGONAL = np.array(
    [[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]]
)
_BILINEAR = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4
_CROSS = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4


def bilinear(raw: Raw, mosaic: Mosaic) -> Light:
    """Return the mean of the nearest photosites for each colour."""
    return _unit(cv2.cvtColor(raw, getattr(cv2, f"COLOR_Bayer{mosaic}2RGB")))


def edge_aware(raw: Raw, mosaic: Mosaic) -> Light:
    """Return green interpolated along edges, red and blue from their neighbours' means."""
    return _unit(cv2.cvtColor(raw, getattr(cv2, f"COLOR_Bayer{mosaic}2RGB_EA")))


def gradient_corrected(raw: Raw, mosaic: Mosaic) -> Light:
    """Return bilinear means corrected by the measured colour's Laplacian (Malvar, He and Cutler 2004)."""
    plane = _unit(raw)
    green, along_row, diagonal = (_filtered(plane, k / 8) for k in (_MHC_GREEN, _MHC_ALONG_ROW, _MHC_DIAGONAL))
    along_column = _filtered(plane, _MHC_ALONG_ROW.T / 8)
    image = np.empty((*plane.shape, 3), np.float32)
    for site, (row, column) in zip(mosaic, _QUARTERS, strict=True):
        here = np.s_[row::2, column::2]
        neighbour = mosaic[2 * row + (1 - column)]  # the other colour of this row
        for channel, colour in enumerate("RGB"):
            if colour == site:
                source = plane
            elif colour == "G":
                source = green
            elif site == "G":
                source = along_row if neighbour == colour else along_column
            else:
                source = diagonal
            image[row::2, column::2, channel] = source[here]
    return image


def constant_hue(raw: Raw, mosaic: Mosaic) -> Light:
    """Return bilinear green, and red and blue by interpolating their difference to it (Cok 1987, on differences)."""
    plane = _unit(raw)
    return _by_colour_difference(plane, mosaic, _filtered(_sites(plane, mosaic, "G"), _CROSS))


def edge_directed(raw: Raw, mosaic: Mosaic) -> Light:
    """Return green along the smaller gradient, red and blue by their difference to it (Hamilton and Adams 1997)."""
    plane = _unit(raw)
    first, second = np.array([[-1, 0, 1]]) / 2, np.array([[-1, 0, 2, 0, -1]]) / 4
    across, down = _filtered(plane, second), _filtered(plane, second.T)
    steep_across = np.abs(_filtered(plane, first)) + np.abs(across)
    steep_down = np.abs(_filtered(plane, first.T)) + np.abs(down)
    mean = np.array([[1, 0, 1]]) / 2
    across += _filtered(plane, mean)
    down += _filtered(plane, mean.T)
    green = np.where(steep_across < steep_down, across, down)
    for site, (row, column) in zip(mosaic, _QUARTERS, strict=True):
        if site == "G":
            green[row::2, column::2] = plane[row::2, column::2]
    return _by_colour_difference(plane, mosaic, green)


def _by_colour_difference(plane: Plane, mosaic: Mosaic, green: Plane) -> Light:
    image = np.empty((*plane.shape, 3), np.float32)
    image[..., 1] = green
    difference = plane - green
    for channel, colour in ((0, "R"), (2, "B")):
        image[..., channel] = green + _filtered(_sites(difference, mosaic, colour), _BILINEAR)
    return image


def _sites(plane: Plane, mosaic: Mosaic, colour: str) -> Plane:
    kept = np.zeros_like(plane)
    for site, (row, column) in zip(mosaic, _QUARTERS, strict=True):
        if site == colour:
            kept[row::2, column::2] = plane[row::2, column::2]
    return kept


def _unit(raw: Any) -> NDArray[np.float32]:
    """Return values 0 to WHITE as 0 to 1, of one plane or three."""
    return np.asarray(np.multiply(raw, np.float32(1 / WHITE), dtype=np.float32))


def _filtered(plane: Plane, kernel: NDArray[np.floating]) -> Plane:
    # mirrored about the outermost pixel, the mosaic's pattern continues
    filtered = cv2.filter2D(plane, -1, kernel.astype(np.float32), borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(filtered, np.float32)
