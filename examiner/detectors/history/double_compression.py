"""Double compression: whether a JPEG was compressed before on the grid of blocks that it has, how hard, and where.

(luma, luma quantisation table) → Doubled or None. As `forensics.pixels.first_quality`, this compares the histograms of
the picture's DCT coefficients with those of candidate pasts, made from the picture without its first rows and columns.
There the candidates are the IJG's tables, harder than the last, and the answer is a factor or nothing. Here each
frequency chooses the step of an earlier quantisation by itself, from 2 to 64, milder ones included, so that tables of
cameras and editors are found as well; and the answer is one number for every photograph, found or not: the mean gain
in likelihood over a single compression, in nats per coefficient.

Where a picture was compressed before, each block says with its own coefficients how much likelier it is with that past
than without (Bianchi and Piva, "Image Forgery Localization via Block-Grained Analysis of JPEG Artifacts", IEEE
Transactions on Information Forensics and Security 7, 2012). A region that was pasted in before the last compression
lacks the past of the others.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.jpeg.quality import scaled_tables
from forensics.jpeg.tables import Table
from forensics.pixels.first_quality import LEAST_SIDE_PX, TOO_PLAIN
from forensics.pixels.grid import DCT

FREQUENCIES = np.array([1, 8, 16, 9, 2, 3, 10, 17, 24])
"""The first nine AC frequencies in zigzag order, as indices of a table in natural order."""
MOST_STEP = 64
LEAST_BLOCKS = 1024
"""Fewer blocks leave histograms that differ by chance: four reduced originals, cropped to 128 px (256 blocks) and saved
once at 88, gain up to 0.005 nats; 192 px up to 0.0001, and 256 px none."""
CELL_BLOCKS = 4
"""Side of a cell of the map, in blocks."""

_FACTORS = np.arange(30, 101)
_IJG = np.minimum(np.array([scaled_tables(int(factor))[0] for factor in _FACTORS])[:, FREQUENCIES], MOST_STEP)
_EACH = np.arange(len(FREQUENCIES))
_SHIFT_PX = 4
_WINDOW_PX = 264
"""A square of 33 blocks has 32 complete ones a side after the shift."""
_WINDOWS_A_SIDE = 4
_BLOCKS_MAX = (_WINDOWS_A_SIDE * _WINDOW_PX // 8) ** 2
_STRIP_PX = 256
_LEAST_ACTIVE = 0.02
"""Least share of coefficients in and around a cell that are not zero, for the cell to have an answer."""

# decoding rounds pixels to integers, which adds noise of variance 1/12 to each coefficient; here always the same noise
_ROUNDING = np.random.default_rng(2003).normal(0, 12**-0.5, (_BLOCKS_MAX, len(FREQUENCIES))).T.copy()


class Doubled(NamedTuple):
    """What the histograms of coefficients say of an earlier compression on the same grid."""

    gain: float
    """Mean gain in log-likelihood of the likeliest earlier steps over none, in nats per coefficient; 0 or more."""
    steps: tuple[int, ...]
    """The likeliest earlier step of each of FREQUENCIES; 1 where none is likelier than a single compression."""
    gains: tuple[float, ...]
    """The gain of each of FREQUENCIES."""
    factor: int
    """The IJG factor whose table gains most."""
    factor_gain: float
    """Its mean gain; far below `gain` where the earlier table is none of the IJG's."""
    log_ratios: NDArray[np.float64]
    """(frequency, magnitude): how much likelier a quantised coefficient is with the earlier step than without."""


def doubled(luma: NDArray[np.uint8], table: Table) -> Doubled | None:
    """Return what speaks for an earlier compression of a JPEG's decoded luma (height, width); None where it is
    small or plain.

    `table`: the file's own luma table, 64 entries in natural order. Reads at most 16 windows of 264 × 264 px, spread
    evenly. Raises ValueError for anything but two axes and 64 entries above 0.
    """
    if luma.ndim != 2:
        raise ValueError(f"has luma of {luma.ndim} axes, not 2")
    if len(table) != 64 or min(table) < 1:
        raise ValueError("has a quantisation table without 64 entries above 0")
    if min(luma.shape) < LEAST_SIDE_PX or (luma.shape[0] // 8) * (luma.shape[1] // 8) < LEAST_BLOCKS:
        return None
    from forensics.pixels import first_quality_kernel as kernel

    own = np.array(table)[FREQUENCIES]
    windows = [window.astype(np.float64) for window in _windows(luma)]
    seen = _shares(_joined(windows), own, with_pasts=False)[:, 0]
    if 1 - seen[:, 0].mean() < TOO_PLAIN:
        return None
    shifted = _joined([window[_SHIFT_PX:, _SHIFT_PX:].copy() for window in windows])
    rare = 0.5 / shifted.shape[1]
    expected = _shares(shifted, own, with_pasts=True)
    logs = np.log((expected + rare) / (1 + rare * (kernel.LARGEST + 1)))
    gains = (seen[:, None] * (logs - logs[:, :1])).sum(axis=-1)
    ijg_gains = gains[_EACH, _IJG].mean(axis=-1)
    ijg_gains[(np.minimum(own, MOST_STEP) == _IJG).all(axis=1)] = -np.inf
    best = int(ijg_gains.argmax())
    # the own step again changes nothing, and a first step of 1 is no compression
    gains[_EACH, np.minimum(own, MOST_STEP)] = 0.0
    gains[:, :2] = 0.0
    likeliest = gains.argmax(axis=1)
    chosen = np.where(gains[_EACH, likeliest] > 0, likeliest, 1)
    own_gains = gains[_EACH, chosen]
    ratios = logs[_EACH, np.where(chosen > 1, chosen, 0)] - logs[:, 0]
    return Doubled(
        float(own_gains.mean()), tuple(map(int, chosen)), tuple(map(float, own_gains)),
        int(_FACTORS[best]), float(ijg_gains[best]), ratios,
    )  # fmt: skip


def past_map(luma: NDArray[np.uint8], table: Table, found: Doubled) -> NDArray[np.float32]:
    """Return by cell of CELL_BLOCKS blocks how much likelier it is with the past that was found than without, in nats.

    (row, column), for whole cells from the top left; NaN where a cell and those beside it are nearly flat.
    """
    from examiner.detectors.history import double_compression_kernel as kernel
    from forensics.pixels import first_quality_kernel

    own = np.array(table)[FREQUENCIES]
    side = 8 * CELL_BLOCKS
    rows, columns = (length // side for length in luma.shape)
    sums, active = np.empty((rows, columns), np.float32), np.empty((rows, columns), np.float32)
    is_active = np.ones_like(found.log_ratios)
    is_active[:, 0] = 0
    at_once = _STRIP_PX // side
    for first in range(0, rows, at_once):
        strip = luma[first * side : min(first + at_once, rows) * side, : columns * side].astype(np.float64)
        coefficients = first_quality_kernel.coefficients(strip, DCT, FREQUENCIES)
        for target, logs in ((sums, found.log_ratios), (active, is_active)):
            by_block = kernel.summed_ratios(coefficients, own, logs)
            cells = by_block.reshape(-1, CELL_BLOCKS, columns, CELL_BLOCKS).sum(axis=(1, 3))
            target[first : first + len(cells)] = cells
    around = np.asarray(cv2.blur(active, (3, 3)), np.float32) / (CELL_BLOCKS**2 * len(FREQUENCIES))
    return np.where(around < _LEAST_ACTIVE, np.float32(np.nan), sums)


class Unlike(NamedTuple):
    """The largest region without the past that the rest has."""

    nats: float
    """How much likelier its cells are without that past."""
    cells: tuple[int, int, int, int]
    """x, y, width, height of its frame, in cells."""


def without_past(cells: NDArray[np.float32]) -> Unlike | None:
    """Return the connected region of a `past_map` that is likeliest without the past; None where there is none."""
    known = ~np.isnan(cells)
    values = np.where(known, cells, 0).astype(np.float32)
    smooth = np.asarray(cv2.blur(values, (3, 3)), np.float32)
    without = ((smooth < 0) & (values < 0)).astype(np.uint8)
    number, labels, boxes, _ = cv2.connectedComponentsWithStats(without, connectivity=4)
    if number < 2:
        return None
    sums = -np.bincount(labels.ravel(), values.ravel().astype(np.float64), number)
    sums[0] = -np.inf
    best = int(sums.argmax())
    x, y, width, height = (int(each) for each in boxes[best][:4])
    return Unlike(float(sums[best]), (x, y, width, height)) if sums[best] > 0 else None


def _windows(luma: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return windows whose corners lie on the grid: the whole picture if it is small, else 16 spread evenly."""
    if (luma.shape[0] // 8) * (luma.shape[1] // 8) <= _BLOCKS_MAX:
        return [luma]
    tops, lefts = (
        sorted({int(start) // 8 * 8 for start in np.linspace(0, max(length - _WINDOW_PX, 0), _WINDOWS_A_SIDE)})
        for length in luma.shape
    )
    return [luma[top : top + _WINDOW_PX, left : left + _WINDOW_PX] for top in tops for left in lefts]


def _joined(windows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    from forensics.pixels import first_quality_kernel as kernel

    return np.ascontiguousarray(
        np.concatenate([kernel.coefficients(window, DCT, FREQUENCIES) for window in windows], axis=1)
    )


def _shares(coefficients: NDArray[np.float64], own: NDArray[np.int64], *, with_pasts: bool) -> NDArray[np.float64]:
    """Return the share of blocks by (frequency, earlier step, magnitude); earlier step 0 is no past."""
    from forensics.pixels import first_quality_kernel as kernel

    asked = np.full((len(FREQUENCIES), MOST_STEP + 1), with_pasts)
    asked[:, 0] = True
    rounding = np.ascontiguousarray(_ROUNDING[:, : coefficients.shape[1]])
    counts: NDArray[np.int64] = kernel.histograms(coefficients, rounding, asked, own)
    return np.asarray(counts / coefficients.shape[1], np.float64)
