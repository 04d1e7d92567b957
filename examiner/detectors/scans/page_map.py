"""Page map: where on a page the noise of the paper is another than on the rest of the page.

A page as it was scanned has the same noise everywhere on its paper. What was pasted, drawn by software or covered has
another strength of noise, another likeness of neighbouring pixels (resampling, other optics), another noise of colour
(Mahdian and Saic, "Using noise inconsistencies for blind image forensics", Image and Vision Computing 27, 2009, on
photographs), and not the pattern that the line of sensors and the motor have left in the columns and rows of this page.
Only paper between the letters is looked at. What is usual depends on how much ink is near, because compression spreads
its edges, so it is fitted on the page itself. Each cell of 8×8 px gets its distance from what is usual (Mahalanobis);
where there is too little paper around, there is no answer.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.scans.page import Page

CELL_PX = 8
AROUND = 3
"""Cells a side of the window that a cell is judged by."""
SMOOTHED = (5, 3)
"""Cells along a line of text and across it whose distances are averaged."""
LEAST_PAPER_PX = 40
_LEAST_CELLS = 400
_CAP = 6.0
_MOST_QUIET = 0.97
"""Of the paper: where more of it has no noise at all, software made the page, or cut off its white."""
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
_ALONG = np.array([[-0.5, 1.0, -0.5]], np.float32)
_FLOOR = np.float32(0.02)

Cells = NDArray[np.float32]
"""A value for each cell, (rows, columns)."""


def page_map(rgb: NDArray[np.uint8], luma: NDArray[np.uint8], page: Page) -> Cells:
    """Return by cell how far its paper is from the page's usual paper, in mean squared deviations; NaN: no answer."""
    paper = page.is_paper.astype(np.float32)
    count = _summed(paper)
    told = count >= LEAST_PAPER_PX
    if int(told.sum()) < _LEAST_CELLS or _quiet_share(luma, page) > _MOST_QUIET:
        return np.full(count.shape, np.nan, np.float32)
    traits = np.stack([each[told] for each in _traits(rgb, luma, page, paper, count)], axis=1).astype(np.float64)
    deviations = _deviations(traits, _surroundings(luma, page, count, told))
    covariance = deviations.T @ deviations / len(deviations) + 0.05 * np.eye(deviations.shape[1])
    distances = np.einsum("nt,tu,nu->n", deviations, np.linalg.inv(covariance), deviations) / deviations.shape[1]
    found = np.zeros(count.shape, np.float32)
    found[told] = distances
    weight = told.astype(np.float32)
    sums, weights = (cv2.boxFilter(each, -1, SMOOTHED, normalize=False) for each in (found, weight))
    return np.asarray(np.where(told, sums / np.maximum(weights, 1.0), np.nan), np.float32)


def _traits(
    rgb: NDArray[np.uint8], luma: NDArray[np.uint8], page: Page, paper: NDArray[np.float32], count: Cells
) -> list[Cells]:
    size = np.maximum(count, 1.0)
    noise = np.asarray(cv2.filter2D(luma, cv2.CV_32F, _NOISE), np.float32) * paper
    strength = _summed(np.square(noise)) / size
    beside, below = _summed(noise[:, :-1] * noise[:, 1:]), _summed(noise[:-1] * noise[1:])
    level = (luma.astype(np.float32) - page.paper) * paper
    mean = _summed(level) / size
    coarse = _summed(np.square(level)) / size - np.square(mean)
    traits = [
        np.log(strength + _FLOOR),
        beside / size / (strength + _FLOOR),
        below / size / (strength + _FLOOR),
        _summed((np.abs(noise) < 0.34) * paper) / size,
        np.log(np.maximum(coarse, 0.0) + _FLOOR),
        mean,
        _of_pattern(luma, paper, 0),
        _of_pattern(luma, paper, 1),
    ]
    colours = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb), np.uint8)
    for channel in (1, 2):
        other = np.asarray(cv2.filter2D(colours[..., channel], cv2.CV_32F, _NOISE), np.float32) * paper
        traits.append(np.log(_summed(np.square(other)) / size + _FLOOR))
    return [np.asarray(each, np.float32) for each in traits]


def _quiet_share(luma: NDArray[np.uint8], page: Page) -> float:
    return float(np.mean(cv2.convertScaleAbs(cv2.filter2D(luma, cv2.CV_16S, _ALONG * 2))[page.is_paper] == 0))


def _of_pattern(luma: NDArray[np.uint8], paper: NDArray[np.float32], axis: int) -> Cells:
    """Return how strong the pattern of the page's columns (axis 0) or rows (1) is in a cell: about 1 if it is own."""
    across = np.asarray(cv2.filter2D(luma, cv2.CV_32F, _ALONG if axis == 0 else _ALONG.T), np.float32) * paper
    counts = paper.sum(axis=axis, keepdims=True)
    pattern = np.where(counts > 50, across.sum(axis=axis, keepdims=True) / np.maximum(counts, 1.0), np.float32(0.0))
    limit = 4 * np.float32(np.median(np.abs(pattern))) + np.float32(0.05)
    pattern = np.clip(pattern, -limit, limit).astype(np.float32)
    power = _summed(np.square(pattern) * paper)
    usual = np.float32(np.median(power)) + np.float32(1e-3)
    return np.asarray(_summed(across * pattern) / np.sqrt((power + 0.2 * usual) * usual), np.float32)


def _surroundings(luma: NDArray[np.uint8], page: Page, count: Cells, told: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what the traits of genuine paper depend on, by cell that is told: products of ink, edges and paper."""
    ink = page.ink.astype(np.float32)
    steep = np.abs(np.asarray(cv2.filter2D(luma, cv2.CV_32F, _NOISE), np.float32)) * (1.0 - page.is_paper)
    window = float((AROUND * CELL_PX) ** 2)
    near_ink, near_steep = _summed(ink) / window, np.log1p(_summed(steep) / window)
    wide = [np.asarray(cv2.boxFilter(each, -1, (3, 3)), np.float32) for each in (near_ink, near_steep)]
    values = [count / window, near_ink, near_steep, *wide]
    columns = [each[told].astype(np.float64) for each in values]
    columns = [(each - each.mean()) / (each.std() + 1e-6) for each in columns]
    products = [one * two for number, one in enumerate(columns) for two in columns[number:]]
    return np.stack([np.ones(len(columns[0])), *columns, *products], axis=1)


def _summed(values: NDArray[np.float32]) -> Cells:
    """Return the sum of pixels in the window around each cell."""
    height, width = (-(-side // CELL_PX) for side in values.shape)
    whole = values
    if values.shape != (height * CELL_PX, width * CELL_PX):
        whole = np.zeros((height * CELL_PX, width * CELL_PX), np.float32)
        whole[: values.shape[0], : values.shape[1]] = values
    cells = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA) * np.float32(CELL_PX**2)
    return np.asarray(cv2.boxFilter(cells, -1, (AROUND, AROUND), normalize=False, borderType=cv2.BORDER_REFLECT))


def _deviations(traits: NDArray[np.float64], around: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how many deviations traits differ from those of cells with such surroundings, at most _CAP."""
    errors = traits - _fitted(around, traits)
    spread = 1.4826 * np.median(np.abs(errors), axis=0) + 1e-6
    # once more without those that are far off
    errors = traits - _fitted(around, traits - errors + np.clip(errors, -2 * spread, 2 * spread))
    sizes = np.log(np.square(np.clip(errors / (1.4826 * np.median(np.abs(errors), axis=0) + 1e-6), -4, 4)) + 0.05)
    scale = np.exp(0.5 * np.clip(_fitted(around, sizes), -3.0, 3.0))
    scaled = errors / scale
    return np.clip(scaled / (1.4826 * np.median(np.abs(scaled), axis=0) + 1e-6), -_CAP, _CAP)


def _fitted(around: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    gram = around.T @ around + 1e-3 * len(around) * np.eye(around.shape[1])
    return np.asarray(around @ np.linalg.solve(gram, around.T @ values), np.float64)
