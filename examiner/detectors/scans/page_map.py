"""Page map: where on a page the noise of the paper is another than on the rest of the page.

A page as it was scanned has the same noise everywhere on its paper. What was pasted, drawn by software or covered has
another strength of noise, another likeness of neighbouring pixels (resampling, other optics), another noise of colour
(Mahdian and Saic, "Using noise inconsistencies for blind image forensics", Image and Vision Computing 27, 2009, on
photographs), and not the pattern that the line of sensors and the motor have left in the columns and rows of this page.
Compression takes the fine part of that pattern first; its coarse part is the same in all rows of a block, so that few
coefficients hold it, and they outlive JPEG 80. Only paper between the letters is looked at. Each cell of 8×8 px gets
its distance from what is usual (`cells`); where there is too little paper around, there is no answer.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.scans import cells
from examiner.detectors.scans.cells import AROUND, CELL_PX, Cells, summed
from examiner.detectors.scans.page import Page

SMOOTHED = (7, 3)
"""Cells along a line of text and across it whose distances are averaged."""
LEAST_PAPER_PX = 40
_LEAST_CELLS = 400
_MOST_QUIET = 0.97
"""Of the paper: where more of it has no noise at all, software made the page, or cut off its white."""
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
_ALONG = np.array([[-0.5, 1.0, -0.5]], np.float32)
_FLOOR = np.float32(0.02)
_COARSE_PX = (1.0, 5.0)
"""Deviations of the two blurs whose difference is the coarse part of a pattern."""
_COARSE_CAP = 6.0
_LEAST_PIXELS = 50
"""Of a column or row on paper, which say what its pattern is."""


def page_map(rgb: NDArray[np.uint8], luma: NDArray[np.uint8], page: Page) -> Cells:
    """Return by cell how far its paper is from the page's usual paper, in mean squared deviations; NaN: no answer."""
    paper = page.is_paper.astype(np.float32)
    count = summed(paper)
    told = count >= LEAST_PAPER_PX
    if int(told.sum()) < _LEAST_CELLS or _quiet_share(luma, page) > _MOST_QUIET:
        return np.full(count.shape, np.nan, np.float32)
    around = cells.products(_surroundings(luma, page, count), told)
    deviations = cells.deviations(_traits(rgb, luma, page, paper, count), around, told)
    distances = cells.distances(cells.beside_neighbours(deviations, told))
    return np.asarray(np.where(told, cells.averaged(distances, told, SMOOTHED), np.nan), np.float32)


def _traits(
    rgb: NDArray[np.uint8], luma: NDArray[np.uint8], page: Page, paper: NDArray[np.float32], count: Cells
) -> list[Cells]:
    size = np.maximum(count, 1.0)
    noise = np.asarray(cv2.filter2D(luma, cv2.CV_32F, _NOISE), np.float32) * paper
    strength = summed(np.square(noise)) / size
    beside, below = summed(noise[:, :-1] * noise[:, 1:]), summed(noise[:-1] * noise[1:])
    level = (luma.astype(np.float32) - page.paper) * paper
    mean = summed(level) / size
    coarse = summed(np.square(level)) / size - np.square(mean)
    traits = [
        np.log(strength + _FLOOR),
        beside / size / (strength + _FLOOR),
        below / size / (strength + _FLOOR),
        summed((np.abs(noise) < 0.34) * paper) / size,
        np.log(np.maximum(coarse, 0.0) + _FLOOR),
        mean,
        *(_of_pattern(_fine(luma, paper, axis), paper, axis) for axis in (0, 1)),
        *(_of_pattern(_coarse(level, paper, axis), paper, axis) for axis in (0, 1)),
    ]
    colours = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb), np.uint8)
    for channel in (1, 2):
        other = np.asarray(cv2.filter2D(colours[..., channel], cv2.CV_32F, _NOISE), np.float32) * paper
        traits.append(np.log(summed(np.square(other)) / size + _FLOOR))
    return [np.asarray(each, np.float32) for each in traits]


def _quiet_share(luma: NDArray[np.uint8], page: Page) -> float:
    return float(np.mean(cv2.convertScaleAbs(cv2.filter2D(luma, cv2.CV_16S, _ALONG * 2))[page.is_paper] == 0))


def _fine(luma: NDArray[np.uint8], paper: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return the finest differences across columns (axis 0) or rows (1), on paper."""
    return np.asarray(cv2.filter2D(luma, cv2.CV_32F, _ALONG if axis == 0 else _ALONG.T), np.float32) * paper


def _coarse(level: NDArray[np.float32], paper: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return differences of paper (0 elsewhere) of a few pixels' width across columns or rows."""
    blurred = []
    for deviation in _COARSE_PX:
        reach = int(4 * deviation) | 1
        size = (reach, 1) if axis == 0 else (1, reach)
        weights = np.maximum(cv2.GaussianBlur(paper, size, deviation), np.float32(0.05))
        blurred.append(cv2.GaussianBlur(level, size, deviation) / weights)
    return np.asarray(np.clip(blurred[0] - blurred[1], -_COARSE_CAP, _COARSE_CAP) * paper, np.float32)


def _of_pattern(across: NDArray[np.float32], paper: NDArray[np.float32], axis: int) -> Cells:
    """Return how strong the pattern of the page's columns (axis 0) or rows (1) is in a cell: about 1 if it is own."""
    counts = paper.sum(axis=axis, keepdims=True)
    means = across.sum(axis=axis, keepdims=True) / np.maximum(counts, 1.0)
    pattern = np.where(counts > _LEAST_PIXELS, means, np.float32(0.0))
    limit = 4 * np.float32(np.median(np.abs(pattern))) + np.float32(0.05)
    pattern = np.clip(pattern, -limit, limit).astype(np.float32)
    power = summed(np.square(pattern) * paper)
    usual = np.float32(np.median(power)) + np.float32(1e-3)
    return np.asarray(summed(across * pattern) / np.sqrt((power + 0.2 * usual) * usual), np.float32)


def _surroundings(luma: NDArray[np.uint8], page: Page, count: Cells) -> list[Cells]:
    """Return what the traits of genuine paper depend on: ink, edges and paper around."""
    ink = page.ink.astype(np.float32)
    steep = np.abs(np.asarray(cv2.filter2D(luma, cv2.CV_32F, _NOISE), np.float32)) * (1.0 - page.is_paper)
    window = np.float32((AROUND * CELL_PX) ** 2)
    near_ink, near_steep = summed(ink) / window, np.log1p(summed(steep) / window)
    wide = [np.asarray(cv2.boxFilter(each, -1, (3, 3)), np.float32) for each in (near_ink, near_steep)]
    return [count / window, near_ink, near_steep, *wide]
