"""Description: the brightness around each pixel as one number, alike for copies that were turned; compiled by numba."""

import numpy as np
from numpy.typing import NDArray

from forensics.compiled import compiled


@compiled("uint64[:](float32[:, ::1], float32[:, ::1], int32[::1], int32[::1], float32, float32)")
def described(
    smooth: NDArray[np.float32],
    angles: NDArray[np.float32],
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    radius_px: np.float32,
    step: np.float32,
) -> NDArray[np.uint64]:
    """Return a number for each of these pixels, which must lie `radius_px` + 2 from every border.

    Eight differences to the pixel on a circle, and four on one half as wide, begin at the pixel's angle (radians) and
    are counted in steps; the number is a hash of the counts. Equal surroundings have equal numbers, others hardly ever.
    Where the differences are less than two steps in the mean, they say too little, and the number is 0.
    """
    across = np.empty(12, np.float32)
    down = np.empty(12, np.float32)
    for sample in range(12):
        turn = sample * 0.7853981633974483 if sample < 8 else (sample - 8) * 1.5707963267948966 + 0.4
        radius = radius_px if sample < 8 else 0.5 * radius_px
        across[sample], down[sample] = np.float32(radius * np.cos(turn)), np.float32(radius * np.sin(turn))
    numbers = np.empty(rows.size, np.uint64)
    for index in range(rows.size):
        row, column = rows[index], columns[index]
        centre, angle = smooth[row, column], angles[row, column]
        cosine, sine = np.cos(angle), np.sin(angle)
        number, contrast = np.uint64(14695981039346656037), np.float32(0)
        for sample in range(12):
            x = column + (cosine * across[sample] - sine * down[sample])
            y = row + (sine * across[sample] + cosine * down[sample])
            left, top = int(x), int(y)
            right_share, lower_share = np.float32(x - left), np.float32(y - top)
            upper = smooth[top, left] + right_share * (smooth[top, left + 1] - smooth[top, left])
            lower = smooth[top + 1, left] + right_share * (smooth[top + 1, left + 1] - smooth[top + 1, left])
            steps = (upper + lower_share * (lower - upper) - centre) / step
            contrast += abs(steps)
            number = (number ^ np.uint64(int(np.floor(steps)) + 64)) * np.uint64(1099511628211)
        numbers[index] = number if contrast > 24 else np.uint64(0)
    return numbers
