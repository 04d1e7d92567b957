"""Things: sets of things and where each was seen, as numbers: 8 bytes a thing, however many there are."""

from typing import Self

import numpy as np

from curation.judging.arrays.ordered import unique


class Things:
    """Distinct (thing, where); things are 56 bits of a digest, `where` is 0 … 255."""

    def __init__(self, digests: np.ndarray | None = None, where: np.ndarray | None = None) -> None:
        """Take the first 64 bits of the digest of each thing, and where it was seen (default: 0)."""
        self._whole = np.zeros(0, np.uint64)
        self._new: list[np.ndarray] = []
        if digests is not None:
            places = np.zeros(len(digests), np.uint64) if where is None else where.astype(np.uint64)
            self._new.append(unique((digests.astype(np.uint64) & ~np.uint64(255)) | places))

    def add(self, other: Self) -> None:
        """Add what another set holds."""
        self._new += [other._whole, *other._new]
        if sum(map(len, self._new)) > len(self._whole) + 65_536:
            self.numbers()

    def numbers(self) -> np.ndarray:
        """Return the distinct things with their places, a number each, in order."""
        if self._new:
            self._whole, self._new = unique(np.concatenate([self._whole, *self._new])), []
        return self._whole

    def number(self) -> int:
        """Return how many things there are."""
        return len(unique(self.numbers() >> np.uint64(8)))

    def by_place(self) -> np.ndarray:
        """Return how many things were seen at each place, 0 … 255."""
        return np.bincount((self.numbers() & np.uint64(255)).astype(np.int64), minlength=256)

    def in_several(self) -> int:
        """Return how many things were seen at several places."""
        return int((np.unique(self.numbers() >> np.uint64(8), return_counts=True)[1] > 1).sum())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Things) and np.array_equal(self.numbers(), other.numbers())

    __hash__ = None  # type: ignore[assignment]
