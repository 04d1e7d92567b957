"""Cells: traits of a page by cell of 8×8 px → how far each cell is from what is usual on this page.

What is usual for a trait depends on the surroundings, such as how much ink is near, because optics and compression
spread edges; it is fitted on the page itself, and so is how much the trait scatters. Deviations from it are joined by
Mahalanobis' distance. A page has paragraphs in several typefaces, each with traits of its own: what a wide
neighbourhood has in common is no change of a few words, and is taken off.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

CELL_PX = 8
AROUND = 3
"""Cells a side of the window whose pixels a trait is measured in."""
NEIGHBOURHOOD = (41, 11)
"""Cells along a line of text and across it, whose usual deviation is taken off."""
_CAP = 6.0
_COMMON_CAP = 2.5
"""A deviation counts for the neighbourhood's usual one no more than this: the word itself lies in it."""
_RIDGE = 0.05

Cells = NDArray[np.float32]
"""A value for each cell, (rows, columns)."""
Rows = NDArray[np.float64]
"""A row for each cell that has an answer."""
Told = NDArray[np.bool_]
"""Which cells have one, (rows, columns)."""


def summed(values: NDArray[np.float32]) -> Cells:
    """Return the sum of pixels (height, width) in the window around each cell."""
    height, width = (-(-side // CELL_PX) for side in values.shape)
    whole = values
    if values.shape != (height * CELL_PX, width * CELL_PX):
        whole = np.zeros((height * CELL_PX, width * CELL_PX), np.float32)
        whole[: values.shape[0], : values.shape[1]] = values
    cells = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA) * np.float32(CELL_PX**2)
    return np.asarray(cv2.boxFilter(cells, -1, (AROUND, AROUND), normalize=False, borderType=cv2.BORDER_REFLECT))


def products(surroundings: Sequence[Cells], told: Told) -> Rows:
    """Return what traits are fitted by: the surroundings of the cells that are told, and their products."""
    columns = [each[told].astype(np.float64) for each in surroundings]
    columns = [(each - each.mean()) / (each.std() + 1e-6) for each in columns]
    paired = [one * two for number, one in enumerate(columns) for two in columns[number:]]
    return np.stack([np.ones(len(columns[0])), *columns, *paired], axis=1)


def deviations(traits: Sequence[Cells], around: Rows, told: Told) -> Rows:
    """Return by how many deviations traits differ from those of cells with such surroundings, cells × traits.

    `around`: `products` of the same cells. No deviation is above 6.
    """
    values = np.stack([each[told] for each in traits], axis=1).astype(np.float64)
    errors = values - _fitted(around, values)
    spread = 1.4826 * np.median(np.abs(errors), axis=0) + 1e-6
    # once more without those that are far off
    errors = values - _fitted(around, values - errors + np.clip(errors, -2 * spread, 2 * spread))
    sizes = np.log(np.square(np.clip(errors / (1.4826 * np.median(np.abs(errors), axis=0) + 1e-6), -4, 4)) + 0.05)
    scale = np.exp(0.5 * np.clip(_fitted(around, sizes), -3.0, 3.0))
    return _scaled(errors / scale)


def beside_neighbours(found: Rows, told: Told) -> Rows:
    """Return deviations less what is usual in the wide neighbourhood of each cell."""
    weights = cv2.blur(told.astype(np.float32), NEIGHBOURHOOD)
    usual = [cv2.blur(each, NEIGHBOURHOOD) for each in _planes(np.clip(found, -_COMMON_CAP, _COMMON_CAP), told)]
    return _scaled(found - np.stack([(each / np.maximum(weights, 1e-3))[told] for each in usual], axis=1))


def together(found: Rows, told: Told, window: tuple[int, int]) -> Rows:
    """Return deviations added up over windows of cells (along a line, across it), by the root of how many are told.

    Letters of one word deviate alike, which adds up; those of a genuine word deviate to all sides, which does not.
    """
    number = np.maximum(_boxed(told.astype(np.float32), window), 1.0)
    return np.stack([(_boxed(each, window) / np.sqrt(number))[told] for each in _planes(found, told)], axis=1)


def distances(found: Rows) -> NDArray[np.float64]:
    """Return Mahalanobis' squared distance of each cell, divided by the number of traits: about 1 in the mean."""
    covariance = found.T @ found / len(found) + _RIDGE * np.eye(found.shape[1])
    return np.asarray(np.einsum("nt,tu,nu->n", found, np.linalg.inv(covariance), found) / found.shape[1], np.float64)


def averaged(values: NDArray[np.float64], told: Told, window: tuple[int, int]) -> Cells:
    """Return the mean of the values of cells that are told, in windows; NaN where there is none."""
    plane, weights = _planes(values[:, None], told)[0], _boxed(told.astype(np.float32), window)
    return np.asarray(np.where(weights > 0, _boxed(plane, window) / np.maximum(weights, 1.0), np.nan), np.float32)


def _planes(values: Rows, told: Told) -> list[Cells]:
    planes = []
    for column in values.T:
        plane = np.zeros(told.shape, np.float32)
        plane[told] = column
        planes.append(plane)
    return planes


def _boxed(plane: Cells, window: tuple[int, int]) -> Cells:
    return np.asarray(cv2.boxFilter(plane, -1, window, normalize=False), np.float32)


def _scaled(values: Rows) -> Rows:
    spread = 1.4826 * np.median(np.abs(values), axis=0) + 1e-6
    return np.asarray(np.clip(values / spread, -_CAP, _CAP), np.float64)


def _fitted(around: Rows, values: Rows) -> Rows:
    gram = around.T @ around + 1e-3 * len(around) * np.eye(around.shape[1])
    return np.asarray(around @ np.linalg.solve(gram, around.T @ values), np.float64)
