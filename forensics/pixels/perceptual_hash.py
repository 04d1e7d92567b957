"""Perceptual hash: hashes a grey picture to 256 bits that survive saving, resizing and changes of tone.

The picture is averaged to 64 x 64 and the signs of its 16 x 16 lowest AC frequencies are kept, as in PDQ (Facebook,
"The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019), with two differences: PDQ compares
with the median, this hash with zero, so that no bit depends on another; and the bits are ordered by frequency.
Frequency 0 of either axis is left out: it holds an even sky or a vignette, which say nothing.

Pictures that are too small (a side below 32 px) or too plain (flat, black, a smooth gradient) have no hash, because
equal hashes must mean equal scenes.

The hash of a turned or mirrored picture follows from its own (`orientations`): a turn by 90 degrees swaps the axes of
the frequencies, and a mirror changes the sign of odd ones. So copies are found in any orientation without a second
hash, and nothing depends on a choice of one orientation, which would be a near tie in many pictures.

Measured on 101 originals of 17 cameras (benchmarks/forensics/pixels.py), decoded at 1/8, each against its versions
saved at 50 to 90, resized to a quarter, half and one and a half, with gamma 0.8 and 1.2, and with 1 % cut off: the
median distance of a kind of version is 0 to 21, the largest 32; different scenes differ by 87 and more. In between,
shots of one scene, as in a burst or from a tripod, differ by 19 to 61: no threshold separates the nearest of them from
versions of one file. Of 4,950 pairs of originals 5 are within 32 bits, each pair of one scene; the least of all eight
orientations is the same as upright for the 15 nearest pairs. With 3 % cut off the distance is 10 to 90
(benchmarks/curation/copies.py).

To search without comparing all pairs, cut the hash into bands and compare photos that share one exactly. Of pairs
within 32 bits, two arbitrary versions of one photo, 8 bands of 32 bits find 0.91 and 16 bands of 16 bits 0.9996; of
pairs of different scenes, 16 bands propose 1 in 1,600, and 8 bands none of 4,935. The more robust bits are together,
low frequencies first, because that finds more: bits dealt evenly find 0.88 and 0.998. A band of 32 bits has with each
frequency the one of swapped axes, so that the band of a turned picture follows from the same band alone.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_SIDE_PX = 32
TOO_PLAIN = 0.1
"""Least median amplitude of the 256 frequencies, in grey levels. The plainest scene of 101 originals has 0.16 (birds at
night), a black frame 0.003; sensor noise of 3 grey levels in a picture of 500 px alone makes 0.01."""

ORIENTATIONS = 8
_BANDS, _BAND_BYTES = 8, 4

_AVERAGED_PX = 64
_FREQUENCIES = 16
_DECIMALS = 6  # an amplitude that is zero except for rounding must give the same bit on every machine


def perceptual_hash(grey: NDArray[np.uint8]) -> bytes | None:
    """Return the 32-byte hash of a grey picture (height, width), or None where it is too small or too plain.

    Callers decode a JPEG at 1/8: more pixels than 64 x 64 change nothing. Raises ValueError for anything but two axes.
    """
    if grey.ndim != 2:
        raise ValueError(f"a grey picture has 2 axes, this array has {grey.ndim}")
    if min(grey.shape) < LEAST_SIDE_PX:
        return None
    averaged = _averaged(_averaged(grey).T).T
    amplitudes = _cosines() @ averaged @ _cosines().T
    if np.median(np.abs(amplitudes)) < TOO_PLAIN:
        return None
    bits = amplitudes.round(_DECIMALS).ravel()[_low_frequencies_first()] > 0
    return np.packbits(bits).tobytes()


def orientations(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the hashes (8, n, 32) of pictures in every orientation, as they are first, from their hashes (n, 32).

    Each orientation changes every band of 4 bytes by itself. A frequency without any amplitude, as in a picture that is
    its own mirror image, keeps its sign when turned; such a bit is wrong here.
    """
    swapped, signs = _turns()
    bands = np.ascontiguousarray(hashes).reshape(-1, _BANDS, _BAND_BYTES)
    turned = np.zeros(bands.shape[:2], np.uint32)
    for band in range(_BANDS):
        for byte in range(_BAND_BYTES):  # each byte of a band says which bits of the turned band it sets
            turned[:, band] |= swapped[band, byte][bands[:, band, byte]]
    whole = np.stack([np.ascontiguousarray(hashes), turned.view(np.uint8).reshape(-1, _BANDS * _BAND_BYTES)])
    return (whole[:, None] ^ signs[None, :, None]).reshape(ORIENTATIONS, -1, _BANDS * _BAND_BYTES)


@lru_cache(maxsize=1)
def _turns() -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return what each byte of a hash is when the axes are swapped, and the bits (4, 32) that mirrors change.

    The first is (8 bands, 4 bytes, 256 values): four bytes of the turned band, in the order of memory.
    """
    order = _low_frequencies_first()
    rows, columns = np.divmod(order, _FREQUENCIES)
    places = np.argsort(order)
    is_odd = [(rows + 1) % 2 == 1, (columns + 1) % 2 == 1]
    changed = [np.zeros_like(is_odd[0]), is_odd[0], is_odd[1], is_odd[0] ^ is_odd[1]]
    bit = places[columns * _FREQUENCIES + rows]
    values = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    alone = np.zeros((_BANDS, _BAND_BYTES, 256, _BANDS * _BAND_BYTES * 8), np.uint8)
    for band in range(_BANDS):
        for byte in range(_BAND_BYTES):
            first = 8 * (band * _BAND_BYTES + byte)
            alone[band, byte, :, first : first + 8] = values
    turned = np.packbits(alone[..., bit], axis=-1).reshape(_BANDS, _BAND_BYTES, 256, _BANDS, _BAND_BYTES)
    own = np.stack([turned[band, :, :, band] for band in range(_BANDS)])
    return np.ascontiguousarray(own).view(np.uint32)[..., 0], np.packbits(changed, axis=1)


def _averaged(picture: NDArray[Any]) -> NDArray[np.float64]:
    """Return the means of 64 equal areas along the first axis.

    Not as a product of matrices: for one as large as a picture, BLAS wakes threads, which take more time than the work.
    """
    edges = np.linspace(0, len(picture), _AVERAGED_PX + 1)
    whole = np.minimum(edges.astype(np.intp), len(picture) - 1)
    sums = np.zeros((len(picture) + 1, picture.shape[1]), np.uint32 if picture.dtype == np.uint8 else np.float64)
    np.cumsum(picture, axis=0, out=sums[1:])
    until_edges = sums[whole] + (edges - whole)[:, None] * picture[whole]
    means: NDArray[np.float64] = np.diff(until_edges, axis=0) * (_AVERAGED_PX / len(picture))
    return means


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float64]:
    """Return the matrix that takes 64 means to cosine amplitudes 1..16."""
    frequencies = np.arange(1, _FREQUENCIES + 1)[:, None]
    cosines: NDArray[np.float64] = np.cos(np.pi / _AVERAGED_PX * frequencies * (np.arange(_AVERAGED_PX) + 0.5))
    return cosines * (2 / _AVERAGED_PX)


@lru_cache(maxsize=1)
def _low_frequencies_first() -> NDArray[np.intp]:
    """Return the order of the bits: by the sum of both frequencies, and by nearness to the diagonal for equal sums.

    Equal frequencies come in twos, so that no band begins between a frequency and the one of swapped axes.
    """
    rows, columns = np.indices((_FREQUENCIES, _FREQUENCIES)).reshape(2, -1)
    sums = rows + columns - 2 * ((rows == columns) & (rows % 2 == 1))
    return np.lexsort((np.abs(rows - columns), sums))
