"""Letter map: where on a page the letters are of another make than on the rest of the page.

Noise is what compression takes first, and edges are what it keeps: how dark and of which colour the ink is against the
paper, how sharp edges are along a line of text and across it, how bright the paper is beside a letter (scanners
sharpen), and how far red and blue lie beside green at edges (lines of sensors that lie apart). Letters that were cut
out of another scan, resized, or drawn by software have these from there. (After Johnson and Farid, "Exposing digital
forgeries through chromatic aberration", MM&Sec 2006, and Cao and Kot's use of edge profiles; this form is this
project's.) Each cell of 8×8 px with enough ink in its window gets its distance from what is usual on the page (`cells`)
for as much ink with as much edge: shapes alone, since how dark or steep it is, is what is asked. Deviations of
neighbouring cells are added up before: a word deviates as one. Rules and other ink that is no letter are left out.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.scans import cells
from examiner.detectors.scans.cells import AROUND, CELL_PX, Cells, summed
from examiner.detectors.scans.page import Page

LEAST_INK_PX = 30
WORD = (7, 3)
"""Cells along a line of text and across it whose deviations are added up."""
_LEAST_CELLS = 200
_SMOOTHED = (3, 3)
_SECOND = np.array([[1, -2, 1]], np.float32)
_BLURS_PX = (0.8, 1.6)
_LEAST_CONTRAST = np.float32(20.0)

_Plane = NDArray[np.float32]


def letter_map(rgb: NDArray[np.uint8], luma: NDArray[np.uint8], page: Page) -> Cells:
    """Return by cell how far its letters are from the page's usual ones, in mean squared deviations; NaN: no answer."""
    ink = _of_letters(page)
    told = summed(ink.astype(np.float32)) >= LEAST_INK_PX
    if int(told.sum()) < _LEAST_CELLS:
        return np.full(told.shape, np.nan, np.float32)
    traits, surroundings = _measured(rgb, luma, page.paper, ink)
    deviations = cells.deviations(traits, cells.products(surroundings, told), told)
    word = cells.together(cells.beside_neighbours(deviations, told), told, WORD)
    return cells.averaged(cells.distances(word), told, _SMOOTHED)


def _of_letters(page: Page) -> NDArray[np.uint8]:
    """Return 1 where ink is that of a letter."""
    ink = np.zeros(page.ink.shape, np.uint8)
    for x, y, width, height in page.letters.tolist():
        ink[y : y + height, x : x + width] = page.ink[y : y + height, x : x + width]
    return ink


def _measured(
    rgb: NDArray[np.uint8], luma: NDArray[np.uint8], paper: _Plane, ink: NDArray[np.uint8]
) -> tuple[list[Cells], list[Cells]]:
    """Return traits of letters by cell, and what they depend on: how much ink, how much of it edge, and which way."""
    darker = paper - luma.astype(np.float32)
    one, two, four = (cv2.dilate(ink, np.ones((side, side), np.uint8)) for side in (3, 5, 9))
    near = two.astype(np.float32)
    beside, farther = (two - one).astype(np.float32), (four - two).astype(np.float32)
    along, across = (cv2.Sobel(darker, cv2.CV_32F, *way, scale=0.125) * near for way in ((1, 0), (0, 1)))
    steep_along, steep_across = summed(np.square(along)), summed(np.square(across))
    dark = darker * near
    number, squares = summed(near), summed(np.square(dark))
    # the mean darkness by its own cube: that of the darkest pixels
    contrast = summed(dark**4) / np.maximum(summed(np.maximum(dark, 0.0) ** 3), 1.0)
    traits = [
        contrast,
        *(_mean(darker, ring) / np.maximum(contrast, _LEAST_CONTRAST) for ring in (beside, farther)),
        np.log((summed(np.square(_curved(darker, _SECOND) * near)) + 1) / (steep_along + 1)),
        np.log((summed(np.square(_curved(darker, _SECOND.T) * near)) + 1) / (steep_across + 1)),
        _bands(darker, near),
    ]
    colours = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb), np.uint8)
    for channel in (1, 2):
        colour = _beside_paper(colours[..., channel]) * near
        traits += [
            summed(colour * dark) / np.maximum(squares, 1.0),
            summed(colour * across) / np.maximum(steep_across, 1.0),
            summed(colour * along) / np.maximum(steep_along, 1.0),
        ]
    window = np.float32((AROUND * CELL_PX) ** 2)
    surroundings = [
        summed(ink.astype(np.float32)) / window,
        number / window,
        summed((ink - cv2.erode(ink, np.ones((3, 3), np.uint8))).astype(np.float32)) / window,
        (steep_along + 1) / (steep_along + steep_across + 2),
    ]
    return [np.asarray(each, np.float32) for each in traits], [np.asarray(each, np.float32) for each in surroundings]


def _mean(values: _Plane, where: _Plane) -> Cells:
    return np.asarray(summed(values * where) / np.maximum(summed(where), 1.0), np.float32)


def _curved(values: _Plane, kernel: _Plane) -> _Plane:
    return np.asarray(cv2.filter2D(values, cv2.CV_32F, kernel), np.float32)


def _bands(darker: _Plane, near: _Plane) -> Cells:
    """Return the logarithm of the finest detail's power over that of the next coarser band."""
    fine, coarse = (np.asarray(cv2.GaussianBlur(darker, (0, 0), each), np.float32) for each in _BLURS_PX)
    powers = summed(np.square(darker - fine) * near), summed(np.square(fine - coarse) * near)
    return np.asarray(np.log((powers[0] + 1) / (powers[1] + 1)), np.float32)


def _beside_paper(colour: NDArray[np.uint8]) -> _Plane:
    """Return by how much a colour difference is below that of the paper around."""
    height, width = colour.shape
    small = cv2.resize(colour, (max(1, width // CELL_PX), max(1, height // CELL_PX)), interpolation=cv2.INTER_AREA)
    paper = cv2.resize(cv2.medianBlur(small, 5), (width, height))
    return np.asarray(paper.astype(np.float32) - colour.astype(np.float32), np.float32)
