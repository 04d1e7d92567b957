"""Votes: where blocks vote for another grid than the rest of a picture, or its own grid is missing.

votes by cell → a map. Each pixel votes for the origin of the block around it with most DCT zeros: Nikoukhah et al.,
ZERO, Image Processing On Line 11 (2021). There a region is found by votes for one origin that are too many for chance;
here, by more votes than that origin usually has in the same picture, since textures vote too. A region without any
grid is seen as well, such as one that was resized: it has too few votes for the grid of the rest of the picture.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from examiner.detectors.splices.grids import windowed

WINDOW_CELLS = 3
"""Side of the window whose votes are counted."""
LEAST_VOTES = 4
"""Independent votes of a window at and below which it does not say what is usual."""
_CHANCE = 1 / 64
_MOST_USUAL, _OWN_SHARE = 0.98, 0.75
"""The usual share of the picture's grid, at most, and the part of it that a window is held against."""
_OTHER_WEIGHT, _LACK_WEIGHT = 0.3, 0.1
_LEAST = 1.0
"""Negative decimal logarithm of a probability up to which it does not count."""

Floats = NDArray[np.float32]


def unusual_votes(votes: Floats, reliable: NDArray[np.bool_]) -> Floats:
    """Return the evidence of each cell, 0 where its votes are usual, to be added to other maps; NaN: not reliable.

    `votes`: 64 × rows × columns, independent ones in each cell of a picture; `reliable`: which cells have traces.
    """
    counted = np.where(reliable, votes, 0).astype(np.float32)
    main = int(counted.sum(axis=(1, 2)).argmax())
    near = windowed(counted, WINDOW_CELLS)
    evidence = _OTHER_WEIGHT * np.maximum(other_origin(near, main) - _LEAST, 0)
    evidence += _LACK_WEIGHT * np.maximum(lacking_origin(near, main) - _LEAST, 0)
    return np.where(reliable, evidence, np.nan).astype(np.float32)


def other_origin(near: Floats, main: int) -> Floats:
    """Return -log10 of how likely so many votes are for one other origin, the least likely one; rows × columns.

    `near`: independent votes of windows, 64 × rows × columns; `main`: the origin of the picture's grid. It is left out,
    and so is the file's own, 0. Votes up to their expected number give 0.
    """
    successes, trials, known = _rounded(near)
    usual = np.full(64, _CHANCE)
    if known.any():
        usual = np.maximum(np.median(near[:, known] / near.sum(axis=0)[known], axis=1), _CHANCE)
    unusual = successes > trials * usual[:, None, None]
    unusual[[0, main]] = False
    origins, rows, columns = np.nonzero(unusual)
    k, n = successes[unusual], trials[rows, columns]
    found = np.zeros(near.shape[1:])
    np.maximum.at(found, (rows, columns), -np.log10(betainc(k, n - k + 1, usual[origins])))
    return found.astype(np.float32)


def lacking_origin(near: Floats, main: int) -> Floats:
    """Return -log10 of how likely so few votes are for the picture's grid, had it nearly its usual share there."""
    successes, trials, known = _rounded(near)
    if not known.any():
        return np.zeros(near.shape[1:], np.float32)
    usual = float(np.median(near[main, known] / near.sum(axis=0)[known]))
    share = _OWN_SHARE * min(usual, _MOST_USUAL)
    k = successes[main]
    fewer = k < trials
    found = np.zeros(near.shape[1:])
    # P(at most k of n) = P(at least n - k failures)
    found[fewer] = -np.log10(betainc((trials - k)[fewer], k[fewer] + 1, 1 - share))
    return found.astype(np.float32)


def _rounded(near: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return whole numbers of votes by origin and in all, and which windows have enough to say what is usual."""
    total = near.sum(axis=0)
    successes = np.rint(near).astype(np.float64)  # float32 is too small for the least likely tails
    return successes, np.maximum(np.rint(total), successes.max(axis=0)), total > LEAST_VOTES
