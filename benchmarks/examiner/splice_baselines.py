"""Baselines of the literature for splices, without any training: each takes a picture and returns a map of cells.

- ZERO: Nikoukhah et al., Image Processing On Line 11 (2021): votes of pixels for the origin of the block with the most
  DCT zeros; a cell shows the share of votes around it for the most frequent origin other than the picture's.
- Noise level: Mahdian and Saic, Image and Vision Computing 27 (2009): median absolute deviation of the diagonal wavelet
  details, here its distance to the picture's median, in logarithms.
- Splicebuster: Cozzolino, Poggi and Verdoliva, IEEE WIFS 2015: co-occurrences of four neighbours of a third-order
  residual, quantised by 2 and truncated to -1 … 1, in windows of 128 px, as square roots, 25 of them after symmetry,
  projected on their strongest components; two Gaussians by EM, the weight ratio as the map.
"""

import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from examiner.detectors.splices.grids import windowed
from examiner.detectors.splices.noise import noise_levels
from forensics.pixels.grid import DCT

CELL_PX = 32
Floats = NDArray[np.float32]
_WINDOW_CELLS = 4  # 128 px, as Splicebuster has it
_COMPONENTS = 5
_ORDER, _VALUES = 4, 3


def zero_map(luma: NDArray[np.uint8]) -> Floats:
    """Return ZERO's local votes for another grid than the picture's."""
    from forensics.pixels import grid_kernel as kernel

    zeros = np.empty((luma.shape[0] - 7, luma.shape[1] - 7), np.int8)
    kernel.count_zeros(luma.astype(np.float32), DCT.astype(np.float32), zeros)
    winners = _winners(zeros)
    down, across = (each // CELL_PX for each in luma.shape)
    votes = _counts(winners.astype(np.int64), 64, down, across)
    main = int(votes.sum(axis=(1, 2)).argmax())
    near = windowed(votes, _WINDOW_CELLS)
    near[main] = 0
    return np.asarray(near.max(axis=0) / (_WINDOW_CELLS * CELL_PX) ** 2, np.float32)


def noise_map(luma: NDArray[np.uint8]) -> Floats:
    """Return the distance of each window's noise to the picture's median."""
    logs = np.log(noise_levels(luma, CELL_PX) + 0.05)
    smooth = cv2.blur(logs, (_WINDOW_CELLS, _WINDOW_CELLS))
    return np.abs(smooth - np.median(smooth)).astype(np.float32)


def splicebuster_map(luma: NDArray[np.uint8]) -> Floats:
    """Return how much better the rarer of two Gaussians explains each window's co-occurrences."""
    down, across = (each // CELL_PX for each in luma.shape)
    levels = luma.astype(np.int32)
    patterns = int(_SETS.max()) + 1
    counts = _counts(_codes(levels), patterns, down, across) + _counts(_codes(levels.T).T, patterns, down, across)
    near = windowed(counts, _WINDOW_CELLS)
    features = np.sqrt(near / near.sum(axis=0, keepdims=True)).reshape(len(counts), -1).T.astype(np.float64)
    centred = features - features.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    projected = centred @ directions[:_COMPONENTS].T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of EM that has not converged
        mixture = GaussianMixture(2, n_init=3, random_state=0, reg_covar=1e-7).fit(projected)
    share = mixture.predict_proba(projected)[:, int(mixture.weights_.argmin())]
    by_part = mixture._estimate_log_prob(projected)  # the densities without the weights
    rarer, usual = int(mixture.weights_.argmin()), int(mixture.weights_.argmax())
    ratio = by_part[:, rarer] - by_part[:, usual]
    return np.asarray(np.where(np.isfinite(ratio), ratio, share), np.float32).reshape(down, across)


def _counts(values: NDArray[np.int64], most: int, down: int, across: int) -> Floats:
    """Return how often each value from 0 to `most` - 1 is in each cell: values × rows × columns."""
    part = values[: down * CELL_PX, : across * CELL_PX]
    rows, columns = (np.arange(length) // CELL_PX for length in part.shape)
    places = rows[:, None] * across + columns[None]
    valid = part >= 0
    codes = part[valid] * (down * across) + places[valid]
    return np.bincount(codes, minlength=most * down * across).reshape(most, down, across).astype(np.float32)


def _winners(zeros: NDArray[np.int8]) -> NDArray[np.int16]:
    """Return for each pixel that lies in 64 blocks the origin, y·8 + x, of the one with most zeros; -1 for a tie."""
    height, width = (each - 7 for each in zeros.shape)
    most = np.full((height, width), -1, np.int16)
    winners = np.full((height, width), -1, np.int16)
    ys, xs = np.arange(height)[:, None], np.arange(width)[None]
    for y in range(8):
        for x in range(8):
            here = zeros[y : y + height, x : x + width].astype(np.int16)
            origin = ((ys + y) % 8 * 8 + (xs + x) % 8).astype(np.int16)
            winners = np.where(here > most, origin, np.where(here == most, np.int16(-1), winners))
            most = np.maximum(most, here)
    return winners


def _codes(levels: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the set of equal patterns that each four neighbours along a row belong to."""
    residual = levels[:, :-3] - 3 * levels[:, 1:-2] + 3 * levels[:, 2:-1] - levels[:, 3:]
    quantised = np.clip(np.rint(residual / 2), -1, 1).astype(np.int64) + 1
    length = quantised.shape[1] - _ORDER + 1
    codes = np.zeros((len(levels), length), np.int64)
    for place in range(_ORDER):
        codes = codes * _VALUES + quantised[:, place : place + length]
    return _SETS[codes]


def _sets() -> NDArray[np.int64]:
    digits = np.stack(np.unravel_index(np.arange(_VALUES**_ORDER), (_VALUES,) * _ORDER), axis=1)
    forms = [digits, digits[:, ::-1], _VALUES - 1 - digits, _VALUES - 1 - digits[:, ::-1]]
    codes = [np.ravel_multi_index(tuple(form.T), (_VALUES,) * _ORDER) for form in forms]
    return np.unique(np.min(codes, axis=0), return_inverse=True)[1].reshape(-1)


_SETS = _sets()
