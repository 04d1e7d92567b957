"""Copy sets: divide pairs of copies into sets that can be decided apart; numpy over all pairs at once."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curation.judging.arrays.ordered import unique
from curation.judging.copies.pairs import PAIRS, SHOT


class CopySets(NamedTuple):
    """The photos in some pair of copies, each with the task that decides its set."""

    ids: np.ndarray
    """In order."""
    place: np.ndarray
    """Of each: 0 … number of tasks - 1; photos that pairs join, one by one, have the same."""

    def place_of(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which of some photos are in a pair, by row, and their places."""
        rows, places = found_in(self.ids, ids)
        return rows, self.place[places]


def copy_sets(pairs: pa.Table, number: int) -> CopySets:
    """Return the sets of photos that pairs (columns as in PAIRS) join, dealt to `number` tasks."""
    first, second = (pairs[name].to_numpy() for name in PAIRS.names[:2])
    ids = unique(np.concatenate([first, second]))
    smallest = smallest_joined(len(ids), np.searchsorted(ids, first), np.searchsorted(ids, second))
    return CopySets(ids, (ids[smallest] % np.uint64(max(number, 1))).astype(np.int64))


def smallest_joined(number: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return of each of 0 … number - 1 the smallest that pairs of them, one by one, join with it."""
    smallest = np.arange(number)
    while True:
        before = smallest
        low = np.minimum(smallest[first], smallest[second])
        smallest = smallest.copy()
        np.minimum.at(smallest, before[first], low)
        np.minimum.at(smallest, before[second], low)
        while not np.array_equal(smallest, smallest[smallest]):
            smallest = smallest[smallest]
        if np.array_equal(before, smallest):
            return smallest


def found_in(ordered: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of those of `ids` that are in `ordered`, and their places there."""
    if not len(ordered):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    places = np.minimum(np.searchsorted(ordered, ids), len(ordered) - 1)
    rows = np.flatnonzero(ordered[places] == ids)
    return rows, places[rows]


def copies_alone(pairs: pa.Table) -> np.ndarray:
    """Return the distinct pairs of copies (n, 2), in order; photos that state one shot may be frames of a burst."""
    first, second, kind = (pairs[name].to_numpy() for name in PAIRS.names)
    both = np.column_stack([first, second])[kind != SHOT]
    return np.unique(both, axis=0)
