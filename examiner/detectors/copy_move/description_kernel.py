"""Description: the brightness around each pixel as 64 comparisons, and pairs of pixels that agree; compiled by numba."""

import numpy as np
from numpy.typing import NDArray

from forensics.compiled import compiled


@compiled("uint64[:](float32[:, ::1], float32[:, ::1], int32[::1], int32[::1], float32[:, ::1], int32[:, ::1])")
def described(
    smooth: NDArray[np.float32],
    angles: NDArray[np.float32],
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    samples: NDArray[np.float32],
    compared: NDArray[np.int32],
) -> NDArray[np.uint64]:
    """Return 64 bits for each of these pixels, which must lie farther from every border than the samples reach.

    `samples` (n, 2) are x and y relative to the pixel, in a system that is turned by the pixel's angle (radians). Bit b
    says whether the sample `compared[b, 0]` is brighter than the sample `compared[b, 1]`.
    """
    count = samples.shape[0]
    values = np.empty(count, np.float32)
    codes = np.empty(rows.size, np.uint64)
    for index in range(rows.size):
        row, column = rows[index], columns[index]
        angle = angles[row, column]
        cosine, sine = np.cos(angle), np.sin(angle)
        for sample in range(count):
            x = column + (cosine * samples[sample, 0] - sine * samples[sample, 1])
            y = row + (sine * samples[sample, 0] + cosine * samples[sample, 1])
            left, top = int(x), int(y)
            right_share, lower_share = np.float32(x - left), np.float32(y - top)
            upper = smooth[top, left] + right_share * (smooth[top, left + 1] - smooth[top, left])
            lower = smooth[top + 1, left] + right_share * (smooth[top + 1, left + 1] - smooth[top + 1, left])
            values[sample] = upper + lower_share * (lower - upper)
        code = np.uint64(0)
        for bit in range(64):
            brighter = values[compared[bit, 0]] > values[compared[bit, 1]]
            code |= np.uint64(brighter) << np.uint64(bit)
        codes[index] = code
    return codes


@compiled("int32[:](uint64[::1], int64[::1], boolean[::1], float32[:, ::1], boolean, int64, int64, int64, float32)")
def nearest_in_order(
    codes: NDArray[np.uint64],
    order: NDArray[np.int64],
    enlarged: NDArray[np.bool_],
    places: NDArray[np.float32],
    across: bool,
    equal_bits: int,
    neighbours: int,
    bits_max: int,
    distance_min_px: np.float32,
) -> NDArray[np.int32]:
    """Return for each code of `order` the most alike of the next ones, as an index; -1 where none is alike.

    `codes` are sorted, `order` says which pixel each belongs to. Only the next `neighbours` count, those whose first
    `equal_bits` are the same and of which `bits_max` at most differ, no nearer than `distance_min_px`; where `across`,
    only pairs of an enlarged description and one that is not.
    """
    found = np.full(order.size, -1, np.int32)
    shift = np.uint64(64 - equal_bits)
    for at in range(order.size):
        one = order[at]
        fewest = bits_max + 1
        for step in range(1, neighbours + 1):
            if at + step >= order.size or (codes[at] ^ codes[at + step]) >> shift:
                break
            other = order[at + step]
            if across and enlarged[one] == enlarged[other]:
                continue
            x, y = places[one, 0] - places[other, 0], places[one, 1] - places[other, 1]
            if x * x + y * y < distance_min_px * distance_min_px:
                continue
            different, bits = codes[at] ^ codes[at + step], 0
            while different and bits < fewest:
                different &= different - np.uint64(1)
                bits += 1
            if bits < fewest:
                fewest = bits
                found[at] = other
    return found
