"""Pairs: pixels of one picture whose surroundings are alike, whichever way they are turned.

Luma in, pairs of places out. The surroundings of a pixel are 64 comparisons of brightness (Calonder et al., ECCV 2010),
in a system that begins at the pixel's own gradient (Lowe, IJCV 60, 2004), so that neither contrast nor turn matters.
Codes that are alike come to stand side by side when they are sorted, in one of several orders of their bits (Charikar,
STOC 2002). A pair counts where others beside it say the same.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]

RADIUS_PX = 9.0
ENLARGEMENTS = (1.0, 1.2)
"""Enlargements that are looked for; each finds those within a tenth as well."""
DISTANCE_MIN_PX = 24
"""Pairs nearer than this are parts of the same thing."""
PAIRS_MAX = 60_000
"""Most pairs that are kept for each enlargement, evenly chosen."""
_SAMPLES = 20
_SMOOTHING_PX = 1.5
_ANGLE_SMOOTHING_PX = 3.0
_WINDOW_PX = 15
_DETAIL_MIN = 0.01
"""Least eigenvalue of the structure tensor, in squared levels a pixel: plain surfaces say nothing."""
_STRAIGHT = 0.02
"""Its share in the larger eigenvalue, below which the surroundings are a straight edge, alike all along."""
_ORDERS = 2
"""Orders of the bits in which codes are sorted."""
_EQUAL_BITS, _BITS_MAX = 20, 4
"""Bits at the front of an order that must be equal, and bits that may differ in all."""
_NEIGHBOURS = 5
_CELL_PX = 12
_COMPANY = 3
"""Pairs from one cell to another that make each of them count."""
_INDEX = np.uint64((1 << 22) - 1)
"""Bits of a number that hold an index, more than twice the pixels that are searched."""
_SCATTER, _GATHER = np.uint64(0x2545F5), np.uint64(pow(0x2545F5, -1, 1 << 22))
"""Factors that scatter indices, so that of equal codes not the pixels side by side follow each other, and undo it."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Places that look alike: the second one perhaps turned, and enlarged by `enlargement`."""

    enlargement: float
    first: Floats
    """(n, 2), x and y."""
    second: Floats
    turns: Floats
    """(n,): by how much the second is turned, radians, -π to π."""


def like_pairs(luma: Luma) -> list[Pairs]:
    """Return the pairs for each enlargement; empty ones where nothing has detail of two directions."""
    from examiner.detectors.copy_move.description_kernel import described

    smooth = np.asarray(cv2.GaussianBlur(luma.astype(np.float32), (0, 0), _SMOOTHING_PX), np.float32)
    wide = cv2.GaussianBlur(smooth, (0, 0), _ANGLE_SMOOTHING_PX)
    angles = np.asarray(cv2.phase(cv2.Sobel(wide, cv2.CV_32F, 1, 0), cv2.Sobel(wide, cv2.CV_32F, 0, 1)), np.float32)
    detailed = _has_detail(smooth)
    border = int(RADIUS_PX * max(ENLARGEMENTS)) + 3
    detailed[:border] = detailed[-border:] = detailed[:, :border] = detailed[:, -border:] = False
    rows, columns = (each.astype(np.int32) for each in np.nonzero(detailed))

    def of_size(enlargement: float, which: slice | NDArray[np.bool_]) -> NDArray[np.uint64]:
        samples = _samples(RADIUS_PX * enlargement)
        return described(smooth, angles, rows[which], columns[which], samples, _COMPARED)

    with ThreadPoolExecutor(2) as threads:  # the kernels and the sorting release the lock
        half = rows.size // 2
        halves = threads.map(of_size, (1.0, 1.0), (slice(half), slice(half, None)))
        codes = np.concatenate(list(halves))
        # an enlarged copy covers more pixels than its original: every second one will do
        some = (rows + columns) % 2 == 0

        def enlarged(enlargement: float) -> Pairs:
            both = np.concatenate([codes[some], of_size(enlargement, some)])
            return _pairs(enlargement, both, rows[some], columns[some], angles)

        others = [threads.submit(enlarged, each) for each in ENLARGEMENTS[1:]]
        unchanged = _pairs(1.0, codes, rows, columns, angles)
        return [unchanged, *(each.result() for each in others)]


def _has_detail(smooth: Floats) -> NDArray[np.bool_]:
    """Return which pixels have detail of two directions around them, from the eigenvalues of the structure tensor."""
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
    window = (_WINDOW_PX, _WINDOW_PX)
    a, b, c = (cv2.blur(each, window) for each in (across * across, across * down, down * down))
    mean, spread = (a + c) / 2, np.sqrt((a - c) ** 2 / 4 + b * b)
    return np.asarray((mean - spread > _DETAIL_MIN) & (mean - spread > _STRAIGHT * (mean + spread)), np.bool_)


def _samples(radius_px: float) -> Floats:
    """Return places on a disk, equally dense (Vogel, Mathematical Biosciences 44, 1979), (n, 2)."""
    number = np.arange(_SAMPLES) + 0.5
    radius, turn = radius_px * np.sqrt(number / _SAMPLES), number * np.pi * (3 - np.sqrt(5))
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1).astype(np.float32)


def _comparisons() -> NDArray[np.int32]:
    """Return 64 pairs of samples, drawn without repetition, (64, 2)."""
    pairs = np.stack(np.triu_indices(_SAMPLES, 1), axis=1)
    return np.random.default_rng(5).permutation(pairs)[:64].astype(np.int32)


_COMPARED = _comparisons()


def _pairs(
    enlargement: float, codes: NDArray[np.uint64], rows: NDArray[np.int32], columns: NDArray[np.int32], angles: Floats
) -> Pairs:
    """Return pairs of pixels with like codes; where there are twice as many codes, the second half is enlarged."""
    from examiner.detectors.copy_move.description_kernel import in_company, nearest_in_order

    places = (rows.astype(np.uint64) << np.uint64(32)) | columns.astype(np.uint64)
    known = np.stack([codes, np.tile(places, 1 if enlargement == 1.0 else 2)], axis=1)
    scattered = (np.arange(codes.size, dtype=np.uint64) * _SCATTER) & _INDEX
    found = []
    for order in range(_ORDERS):
        turned_by = np.uint64(64 * order // _ORDERS)
        turned = codes if turned_by == 0 else (codes << turned_by) | (codes >> (np.uint64(64) - turned_by))
        # the last bits give way to the index: sorting numbers is much faster than sorting indices by numbers
        ordered = np.sort((turned & ~_INDEX) | scattered)
        found.append(
            nearest_in_order(
                ordered, known, _GATHER, _INDEX, enlargement != 1.0, _EQUAL_BITS, _NEIGHBOURS, _BITS_MAX,
                DISTANCE_MIN_PX,
            )
        )  # fmt: skip
    first, second = (np.concatenate(each) for each in zip(*found, strict=True))
    kept = np.nonzero(in_company(first, second, _CELL_PX, _COMPANY))[0]
    if kept.size > PAIRS_MAX:
        kept = kept[np.linspace(0, kept.size - 1, PAIRS_MAX).astype(np.intp)]
    first, second = _columns_and_rows(first[kept]), _columns_and_rows(second[kept])
    turns = angles[second[:, 1], second[:, 0]] - angles[first[:, 1], first[:, 0]]
    turns = (turns + np.float32(np.pi)) % np.float32(2 * np.pi) - np.float32(np.pi)
    return Pairs(enlargement, first.astype(np.float32), second.astype(np.float32), turns)


def _columns_and_rows(places: NDArray[np.uint64]) -> NDArray[np.int64]:
    return np.stack([places & np.uint64(0xFFFFFFFF), places >> np.uint64(32)], axis=1).astype(np.int64)
