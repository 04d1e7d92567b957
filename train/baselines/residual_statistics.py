"""Residual statistics: describes a crop by statistics of its high-pass residuals, the field's way before networks.

Co-occurrences of four neighbouring residuals, quantised and truncated, for each colour, as in the rich models for
steganalysis (Fridrich and Kodovský, IEEE TIFS 7(3), 2012), which name camera models well (Marra et al., Multimedia
Tools and Applications 76, 2017); co-occurrences of the three colours at one pixel (Goljan et al., IEEE WIFS 2014); and
statistics at places of JPEG's 8×8 grid and of the sensor's 2×2 mosaic. These last tell something of crops that begin on
the grid, as all do when photographs are judged; of training crops a share, `train.alignment_unknown`, begins anywhere.
"""

import cv2
import numpy as np
import numpy.typing as npt

from train.data.manipulations import Picture

Features = npt.NDArray[np.float32]
Residual = npt.NDArray[np.int32]

_T = 2  # residuals are truncated to -2 … 2
_VALUES = 2 * _T + 1
_ORDER = 4  # neighbours in a co-occurrence
_BRIGHTNESS_BINS = 8
_BLOCK_PX = 8

_LINES = (  # filters along a line, and the step by which their residuals are quantised
    ((1, -2, 1), 2.0),
    ((1, -3, 3, -1), 3.0),
)
_SQUARE = ((-1, 2, -1), (2, -4, 2), (-1, 2, -1))
_SQUARE_STEP = 4.0


def residual_features(crop: Picture) -> Features:
    """Return the features of a crop, height × width × 3; their number is fixed."""
    planes = [np.ascontiguousarray(plane, np.int32) for plane in np.moveaxis(crop, 2, 0)]
    squares = [_filtered(plane) for plane in planes]
    parts: list[npt.NDArray[np.float64]] = []
    for plane, square in zip(planes, squares, strict=True):
        for taps, step in _LINES:
            for axis in (0, 1):
                parts.append(_cooccurrences(_quantised(_along(plane, taps, axis), step), axis))
        quantised = _quantised(square, _SQUARE_STEP)
        parts += [_cooccurrences(quantised, axis) for axis in (0, 1)]
        parts += [_at_grid(plane, axis) for axis in (0, 1)]
        parts += [_at_mosaic(square), _by_brightness(plane, square), _moments(square)]
    parts.append(_across_colours([_quantised(square, _SQUARE_STEP) for square in squares]))
    parts.append(_block_frequencies(crop))
    return np.concatenate(parts).astype(np.float32)


def _along(plane: Residual, taps: tuple[int, ...], axis: int) -> Residual:
    """Return the residuals of a filter along an axis, where it fits in."""
    length = plane.shape[axis] - len(taps) + 1
    result: Residual = np.zeros_like(_part(plane, 0, length, axis))
    for place, weight in enumerate(taps):
        np.add(result, np.multiply(_part(plane, place, length, axis), np.int32(weight)), out=result)
    return result


def _part(plane: Residual, start: int, length: int, axis: int) -> Residual:
    """Return a view of `length` rows (axis 0) or columns (axis 1)."""
    return plane[start : start + length] if axis == 0 else plane[:, start : start + length]


def _filtered(plane: Residual) -> Residual:
    filtered = cv2.filter2D(plane.astype(np.float32), -1, np.array(_SQUARE, np.float32))
    return filtered[1:-1, 1:-1].astype(np.int32)


def _quantised(residual: Residual, step: float) -> Residual:
    """Return 0 … 4 for residuals quantised by a step and truncated to -2 … 2."""
    most = int(_T * step) + 1
    table = np.clip(np.rint(np.arange(-most, most + 1) / step), -_T, _T).astype(np.int32) + _T
    return table[np.clip(residual, -most, most) + most]


def _cooccurrences(quantised: Residual, axis: int) -> npt.NDArray[np.float64]:
    """Return shares of the patterns of four neighbours along an axis; mirrored and negated ones count as one."""
    length = quantised.shape[axis] - _ORDER + 1
    codes = _part(quantised, 0, length, axis).copy()
    for place in range(1, _ORDER):
        codes *= _VALUES
        codes += _part(quantised, place, length, axis)
    counts = np.bincount(codes.ravel(), minlength=_VALUES**_ORDER)
    return np.bincount(_SYMMETRIC, counts, minlength=_PATTERNS) / codes.size


def _symmetric(order: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return the number of each pattern's set of equals, and how many sets there are."""
    digits = np.stack(np.unravel_index(np.arange(_VALUES**order), (_VALUES,) * order), axis=1)
    forms = [digits, digits[:, ::-1], _VALUES - 1 - digits, _VALUES - 1 - digits[:, ::-1]]
    codes = [np.ravel_multi_index(tuple(form.T), (_VALUES,) * order) for form in forms]
    _, sets = np.unique(np.min(codes, axis=0), return_inverse=True)
    return sets, int(sets.max()) + 1


_SYMMETRIC, _PATTERNS = _symmetric(_ORDER)


def _across_colours(quantised: list[Residual]) -> npt.NDArray[np.float64]:
    codes = (quantised[0] * _VALUES + quantised[1]) * _VALUES + quantised[2]
    return np.bincount(codes.ravel(), minlength=_VALUES**3) / codes.size


def _at_grid(plane: Residual, axis: int) -> npt.NDArray[np.float64]:
    """Return the mean size of differences between neighbours by their place on the 8×8 grid, over that of all."""
    size = np.abs(np.diff(plane, axis=axis)).mean(axis=1 - axis)
    return _by_place(size, _BLOCK_PX) / max(float(size.mean()), 1e-6)


def _at_mosaic(square: Residual) -> npt.NDArray[np.float64]:
    """Return the mean size of residuals at the four places of a 2×2 mosaic, over that of all."""
    size = np.abs(square).astype(np.float64)
    places = [size[down::2, right::2].mean() for down in (0, 1) for right in (0, 1)]
    return np.array(places) / max(float(size.mean()), 1e-6)


def _by_place(values: npt.NDArray[np.float64], period: int) -> npt.NDArray[np.float64]:
    place = np.arange(len(values)) % period
    return np.bincount(place, values, period) / np.maximum(np.bincount(place, minlength=period), 1)


def _by_brightness(plane: Residual, square: Residual) -> npt.NDArray[np.float64]:
    """Return the mean size of residuals by brightness, the noise's curve; -1 where nothing is as bright."""
    bins = (plane[1:-1, 1:-1] * _BRIGHTNESS_BINS // 256).ravel()
    counts = np.bincount(bins, minlength=_BRIGHTNESS_BINS)
    sums = np.bincount(bins, np.abs(square).ravel(), _BRIGHTNESS_BINS)
    return np.where(counts > 0, sums / np.maximum(counts, 1), -1.0)


def _moments(square: Residual) -> npt.NDArray[np.float64]:
    values = square.ravel().astype(np.float64)
    spread = max(float(values.std()), 1e-6)
    centred = (values - values.mean()) / spread
    return np.array([spread, np.abs(values).mean(), (centred**4).mean(), (values == 0).mean()])


def _block_frequencies(crop: Picture) -> npt.NDArray[np.float64]:
    """Return for each frequency of the 8×8 blocks the logarithm of its mean size, and its share near zero, in luma."""
    luma = cv2.cvtColor(crop, cv2.COLOR_RGB2YCrCb)[:, :, 0].astype(np.float64) - 128.0
    down, across = (length // _BLOCK_PX for length in luma.shape)
    blocks = luma[: down * _BLOCK_PX, : across * _BLOCK_PX].reshape(down, _BLOCK_PX, across, _BLOCK_PX)
    coefficients = np.einsum("ua,iajb,vb->ijuv", _DCT, blocks, _DCT, optimize=True).reshape(-1, _BLOCK_PX**2)
    size = np.abs(coefficients)
    return np.concatenate([np.log(size.mean(axis=0) + 1e-3), (size < 0.5).mean(axis=0)])


def _dct() -> npt.NDArray[np.float64]:
    place = np.arange(_BLOCK_PX)
    matrix = np.cos((2 * place[None, :] + 1) * place[:, None] * np.pi / (2 * _BLOCK_PX)) * np.sqrt(2 / _BLOCK_PX)
    matrix[0] /= np.sqrt(2)
    result: npt.NDArray[np.float64] = matrix
    return result


_DCT = _dct()
