"""Double compression kernel: the loop of `examiner.detectors.history.double_compression`, compiled by numba.

All arrays are C-contiguous and writable.
"""

import numpy as np
from numpy.typing import NDArray

from forensics.compiled import compiled


@compiled("float64[::1](float64[:, ::1], int64[::1], float64[:, ::1])")
def summed_ratios(
    coefficients: NDArray[np.float64], table: NDArray[np.int64], log_ratios: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each block the sum over its coefficients of a logarithm that depends on the quantised magnitude.

    `coefficients`: (frequency, block); `table`: an entry for each frequency; `log_ratios`: (frequency, magnitude), the
    last one for all larger magnitudes.
    """
    largest = log_ratios.shape[1] - 1
    found = np.zeros(coefficients.shape[1])
    for frequency in range(coefficients.shape[0]):
        for block in range(coefficients.shape[1]):
            magnitude = min(abs(np.rint(coefficients[frequency, block] / table[frequency])), largest)
            found[block] += log_ratios[frequency, int(magnitude)]
    return found
