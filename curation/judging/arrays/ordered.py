"""Ordered: distinct whole numbers in order, as NumPy's functions of these names return them.

Since version 2.3, NumPy puts whole numbers into a hash table, which takes 15 to 60 times as long as sorting them where
most are distinct (`benchmarks/curation/distinct_numbers.py`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]


def unique(numbers: Numbers) -> Numbers:
    """Return the distinct numbers of an array."""
    ordered: Numbers = np.sort(numbers, axis=None)
    is_new = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    return ordered[is_new]


def union1d(first: Numbers, second: Numbers) -> Numbers:
    """Return the distinct numbers of two arrays."""
    return unique(np.concatenate([first, second]))


def setdiff1d(first: Numbers, second: Numbers) -> Numbers:
    """Return the distinct numbers of an array that another does not have."""
    distinct, others = unique(first), np.sort(second)
    if not len(others):
        return distinct
    nearest = others[np.minimum(np.searchsorted(others, distinct), len(others) - 1)]
    left: Numbers = distinct[nearest != distinct]
    return left
