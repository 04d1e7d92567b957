"""Agreement: from pairs of places to the few movements (turn, enlargement, shift) that many of them share.

Each pair votes for the shift that it would need under every turn near its own; movements with most votes are fitted to
the pairs that agree, by least squares (Umeyama, IEEE TPAMI 13, 1991). Source of voting: Ballard, Pattern Recognition 13
(1981).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examiner.detectors.copy_move.pairs import Pairs

VOTES_MIN = 12
"""Fewest pairs that make a movement worth a look."""
MOVEMENTS_MAX = 4
"""Movements that are looked at, for each enlargement, of those that turn and of those that do not."""
_TURN_STEP = np.deg2rad(1.5)
_TURN_TOLERANCE = np.deg2rad(8.0)
_UNTURNED = np.deg2rad(6.0)
_CELL_PX = 8
_AGREES_PX = 2.5
_ROUNDS = 4


@dataclass(frozen=True, eq=False)
class Movement:
    """How a part of a picture moved to become another part of it."""

    matrix: NDArray[np.float64]
    """(2, 3): x and y of the copy from x and y of the original."""
    places: NDArray[np.float32]
    """(n, 2): originals of the pairs that agree."""

    @property
    def enlargement(self) -> float:
        """Size of the copy over that of the original."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def turn(self) -> float:
        """Turn of the copy, in radians, clockwise as the picture is seen."""
        return float(np.arctan2(self.matrix[1, 0], self.matrix[0, 0]))


def shared_movements(pairs: Pairs) -> list[Movement]:
    """Return the movements with most votes, the best first."""
    found: list[Movement] = []
    left = np.ones(len(pairs.first), bool)
    for matrix, count in (*_shifts(pairs), *_turns(pairs)):
        if count < VOTES_MIN or any(np.abs(each.matrix - matrix).max() < _CELL_PX for each in found):
            continue
        movement = _fitted(pairs, matrix, left)
        if movement is not None:
            found.append(movement)
    return sorted(found, key=lambda each: -len(each.places))


def _shifts(pairs: Pairs) -> Iterator[tuple[NDArray[np.float64], int]]:
    """Yield shifts of two pixels' precision, for copies that were neither turned nor enlarged."""
    if pairs.enlargement != 1.0:
        return
    unturned = np.abs(pairs.turns) < _UNTURNED
    shifts = np.rint(pairs.second[unturned] - pairs.first[unturned]).astype(np.int64)
    best: list[tuple[int, int, int]] = []
    # a picture that was made smaller has shifts between pixels, so votes fall on two of them, each way
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = (shifts[:, 0] + right) >> 1, (shifts[:, 1] + down) >> 1
        values, counts = np.unique((y << 20) + x + (1 << 19), return_counts=True)
        for at in np.argsort(-counts, kind="stable")[:MOVEMENTS_MAX]:
            x, y = _column_and_row(int(values[at]))
            best.append((int(counts[at]), 2 * x - right, 2 * y - down))
    for count, left, top in sorted(best, reverse=True):
        yield np.array([[1.0, 0.0, left + 0.5], [0.0, 1.0, top + 0.5]]), count


def _turns(pairs: Pairs) -> Iterator[tuple[NDArray[np.float64], int]]:
    """Yield movements with a turn, an enlargement and a shift of a cell's precision."""
    from examiner.detectors.copy_move.agreement_kernel import most_frequent, shift_cells

    best: list[tuple[int, float, int, int]] = []
    order = np.argsort(pairs.turns, kind="stable")
    turns = pairs.turns[order]
    for turn in np.arange(-np.pi, np.pi, _TURN_STEP):
        start, end = np.searchsorted(turns, (turn - _TURN_TOLERANCE, turn + _TURN_TOLERANCE))
        if end - start < VOTES_MIN or (pairs.enlargement == 1.0 and abs(turn) < _UNTURNED / 2):
            continue
        near = order[start:end]
        cells = shift_cells(pairs.first[near], pairs.second[near], _matrix(turn, pairs.enlargement), _CELL_PX)
        cell, count = most_frequent(np.sort(cells))
        best.append((count, float(turn), *_column_and_row(cell)))
    for count, turn, x, y in sorted(best, key=lambda each: -each[0])[: 3 * MOVEMENTS_MAX]:
        shift = (np.array([x, y]) + 0.5) * _CELL_PX
        yield np.c_[_matrix(turn, pairs.enlargement), shift], count


def _column_and_row(cell: int) -> tuple[int, int]:
    """Return what `shift_cells` has made one number."""
    return (cell & ((1 << 20) - 1)) - (1 << 19), cell >> 20


def _matrix(turn: float, enlargement: float) -> NDArray[np.float64]:
    cosine, sine = enlargement * np.cos(turn), enlargement * np.sin(turn)
    return np.array([[cosine, -sine], [sine, cosine]])


def _fitted(pairs: Pairs, matrix: NDArray[np.float64], left: NDArray[np.bool_]) -> Movement | None:
    """Return a movement fitted to the pairs that agree with it; marks them as taken. None where too few are left."""
    from examiner.detectors.copy_move.agreement_kernel import near_where_moved

    agree = left
    for round_ in range(_ROUNDS):
        reach_px = max(_AGREES_PX, _CELL_PX / (1 + round_))
        agree = left & near_where_moved(pairs.first, pairs.second, matrix, reach_px)
        if np.count_nonzero(agree) < VOTES_MIN:
            return None
        fitted = _similarity(pairs.first[agree].astype(np.float64), pairs.second[agree].astype(np.float64))
        if fitted is None:
            return None
        if np.array_equal(matrix[:, :2], np.eye(2)):
            matrix = np.c_[np.eye(2), np.mean(pairs.second[agree] - pairs.first[agree], axis=0, dtype=np.float64)]
        else:
            matrix = fitted
    left &= ~agree
    return Movement(matrix, pairs.first[agree])


def _similarity(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64] | None:
    origin, target = first.mean(axis=0), second.mean(axis=0)
    a, b = first - origin, second - target
    spread = float(np.sum(a * a))
    if spread < 1.0:
        return None
    cosine = float(np.sum(a * b)) / spread
    sine = float(np.sum(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])) / spread
    if not 0.5 < np.hypot(cosine, sine) < 2.0:
        return None
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    return np.asarray(np.c_[matrix, target - matrix @ origin], np.float64)
