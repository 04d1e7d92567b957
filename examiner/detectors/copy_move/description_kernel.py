"""Description: the brightness around pixels as 64 comparisons each, and pairs that agree; compiled by numba."""

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


@compiled("int64(uint64)")
def _ones(bits: np.uint64) -> int:
    """Return how many bits are 1 (Warren, Hacker's Delight, 2002, section 5-1)."""
    bits -= (bits >> np.uint64(1)) & np.uint64(0x5555555555555555)
    bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int(np.int64((bits * np.uint64(0x0101010101010101)) >> np.uint64(56)))


@compiled("UniTuple(int64, 2)(uint64)")
def _row_and_column(place: np.uint64) -> tuple[int, int]:
    return int(np.int64(place >> np.uint64(32))), int(np.int64(place & np.uint64(0xFFFFFFFF)))


@compiled("int64(uint64, uint64)")
def _squared_distance(place: np.uint64, other: np.uint64) -> int:
    (row, column), (other_row, other_column) = _row_and_column(place), _row_and_column(other)
    return (row - other_row) ** 2 + (column - other_column) ** 2


@compiled(
    "Tuple((uint64[:], uint64[:]))(uint64[::1], uint64[:, ::1], uint64, uint64, boolean, int64, int64, int64, int64)"
)
def nearest_in_order(
    ordered: NDArray[np.uint64],
    known: NDArray[np.uint64],
    gather: np.uint64,
    index_mask: np.uint64,
    across: bool,
    equal_bits: int,
    neighbours: int,
    bits_max: int,
    distance_min_px: int,
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return pairs of places: each with the most alike of the next ones in the order, where one is alike enough.

    `known` (n, 2) are codes and their places (row in the upper half, column in the lower); side by side, because
    they are fetched in no order. `ordered` are sorted numbers, the first bits of a code before its index in `known`,
    which is (number * `gather`) & `index_mask`. Only the next `neighbours` count, those whose first `equal_bits` are
    the same and of which `bits_max` bits at most differ, no nearer than `distance_min_px`. Where `across`, the second
    half of `known` are the same pixels, enlarged, and only pairs of a code and an enlarged one count, which comes
    second.
    """
    half = known.shape[0] // 2 if across else known.shape[0]
    first, second = np.empty(ordered.size, np.uint64), np.empty(ordered.size, np.uint64)
    shift = np.uint64(64 - equal_bits)
    count = 0
    for at in range(ordered.size):
        fewest, best, best_place, one_place = bits_max + 1, np.int64(-1), np.uint64(0), np.uint64(0)
        one = np.int64((ordered[at] * gather) & index_mask)
        for step in range(1, neighbours + 1):
            if at + step >= ordered.size or (ordered[at] ^ ordered[at + step]) >> shift:
                break
            # most differ in the bits that are at hand: the others need not be fetched
            if _ones((ordered[at] ^ ordered[at + step]) & ~index_mask) >= fewest:
                continue
            other = np.int64((ordered[at + step] * gather) & index_mask)
            if across and (one < half) == (other < half):
                continue
            bits = _ones(known[one, 0] ^ known[other, 0])
            if bits >= fewest:
                continue
            one_place, place = known[one, 1], known[other, 1]
            if _squared_distance(one_place, place) < distance_min_px * distance_min_px:
                continue
            fewest, best, best_place = bits, other, place
        if best >= 0:
            # of equal size, the one farther down comes second
            swapped = one >= half if across else one_place > best_place
            first[count], second[count] = (best_place, one_place) if swapped else (one_place, best_place)
            count += 1
    return first[:count].copy(), second[:count].copy()


@compiled("boolean[:](uint64[::1], uint64[::1], int64, int64)")
def in_company(first: NDArray[np.uint64], second: NDArray[np.uint64], cell_px: int, least: int) -> NDArray[np.bool_]:
    """Return which pairs of places lead, with others, from one cell of the picture to one other: `least` in all.

    Pairs of cells are counted in slots; where two share one by chance, a few pairs more are kept.
    """
    bits = np.uint64(22)
    slots = np.empty(first.size, np.int64)
    counts = np.zeros(1 << 22, np.uint8)
    for at in range(first.size):
        (row, column), (to_row, to_column) = _row_and_column(first[at]), _row_and_column(second[at])
        mixed = np.uint64(row // cell_px) * np.uint64(0x9E3779B97F4A7C15)
        mixed += np.uint64(column // cell_px) * np.uint64(0xC2B2AE3D27D4EB4F)
        mixed += np.uint64(to_row // cell_px) * np.uint64(0x165667B19E3779F9)
        mixed += np.uint64(to_column // cell_px) * np.uint64(0xD6E8FEB86659FD93)
        slots[at] = np.int64(mixed >> (np.uint64(64) - bits))
        counts[slots[at]] += counts[slots[at]] < least
    kept = np.empty(first.size, np.bool_)
    for at in range(first.size):
        kept[at] = counts[slots[at]] >= least
    return kept
