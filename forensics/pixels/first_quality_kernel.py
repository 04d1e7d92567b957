"""First quality kernel: the loops of `forensics.pixels.first_quality`, compiled by numba.

All arrays are C-contiguous and writable.
"""

import numpy as np
from numpy.typing import NDArray

from forensics.compiled import compiled, fused

LARGEST = 20
"""Larger coefficients count as this one, because few share a value."""


@compiled("float64[:, ::1](float64[:, ::1], float64[:, ::1], int64[::1])")
def coefficients(
    levels: NDArray[np.float64], transform: NDArray[np.float64], frequencies: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return chosen DCT coefficients of all complete blocks, from the top left on, as (frequency, block).

    `levels`: luma; `transform`: the DCT of 8 samples, frequency by sample; `frequencies`: indices of a block in natural
    order.
    """
    rows, columns = levels.shape[0] // 8, levels.shape[1] // 8
    found = np.empty((len(frequencies), rows * columns))
    of_columns = np.empty(8 * columns)
    for number in range(len(frequencies)):
        down, right = frequencies[number] >> 3, frequencies[number] & 7
        for row in range(rows):
            for x in range(8 * columns):
                total = transform[down, 0] * levels[8 * row, x]
                for sample in range(1, 8):
                    total = fused(transform[down, sample], levels[8 * row + sample, x], total)
                of_columns[x] = total
            for column in range(columns):
                total = of_columns[8 * column] * transform[right, 0]
                for sample in range(1, 8):
                    total = fused(of_columns[8 * column + sample], transform[right, sample], total)
                found[number, row * columns + column] = total
    return found


@compiled("int64[:, :, ::1](float64[:, ::1], float64[:, ::1], boolean[:, ::1], int64[::1])")
def histograms(
    coefficients: NDArray[np.float64],
    rounding: NDArray[np.float64],
    asked: NDArray[np.bool_],
    table: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return how many blocks have a coefficient of magnitude 0, 1 … LARGEST or more when it is quantised by `table`.

    (frequency, entry, magnitude): after an earlier compression with each entry that is `asked` for (frequency, entry),
    and after none for entry 0. `coefficients` and `rounding`, which decoding adds after a compression: (frequency,
    block); `table`: an entry for each frequency.
    """
    counts = np.zeros((*asked.shape, LARGEST + 1), np.int64)
    for frequency in range(asked.shape[0]):
        for entry in range(asked.shape[1]):
            if asked[frequency, entry]:
                for block in range(coefficients.shape[1]):
                    coefficient = coefficients[frequency, block]
                    if entry > 0:
                        coefficient = np.rint(coefficient / entry) * entry + rounding[frequency, block]
                    magnitude = min(abs(np.rint(coefficient / table[frequency])), LARGEST)
                    counts[frequency, entry, int(magnitude)] += 1
    return counts
