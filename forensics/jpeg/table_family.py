"""Table family: tells whether quantisation tables are one base table scaled, as cameras do that choose them per photo.

Some cameras compress each photograph to about the same number of bytes: they multiply one base table by a factor of
their own choice and round. A Nikon D70 has such tables at every factor, a Panasonic was seen with 34 sets. Programs
scale the tables of ITU-T T.81 Annex K by whole percents instead (`forensics.jpeg.quality`), so these are no member.

The base is not known, only what is left of it after rounding: the coarsest set seen. An entry `b` of that set stands
for a true entry in [b - ½, b + ½), and an entry `t` of another set allows the scales [(t - ½) / (b + ½), (t + ½) /
(b - ½)). The sets are of one family if some scale is allowed by every entry, which unrelated tables never reach by
chance unless they are so fine that most entries are 1 or 2.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from forensics.jpeg.quality import estimate_quality_factor
from forensics.jpeg.tables import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Tables = tuple[Table, ...]
"""The tables of one photograph, luma first, 64 entries each in natural order."""

SETS_MIN = 3
"""Fewest different sets that show a family."""
COARSE_MIN = 12
"""Smallest value of the base's largest entry: finer tables are alike whatever their origin."""
_LARGEST = 255


@lru_cache(maxsize=4096)
def is_scaled(base: Tables, tables: Tables) -> bool:
    """Whether `tables` are those of `base` times one factor, rounded, and not the IJG's of a whole quality factor."""
    return not is_ijg(tables) and _fits(base, tables)


def _fits(base: Tables, tables: Tables) -> bool:
    if len(base) != len(tables):
        return False
    least, most = 0.0, float("inf")
    for base_table, table in zip(base, tables, strict=True):
        for b, t in zip(base_table, table, strict=True):
            # 1 stands for all smaller values as well, and 255 for all larger ones
            if t > 1 and b < _LARGEST:
                least = max(least, (t - 0.5) / (b + 0.5))
            if t < _LARGEST and b > 1:
                most = min(most, (t + 0.5) / (b - 0.5))
            if least >= most:
                return False
    return True


def is_ijg(tables: Tables) -> bool:
    """Whether the tables are exactly those that the IJG's library makes of a quality factor, as most programs do."""
    return estimate_quality_factor(tables)[1] == 0


def families(sets: Iterable[Tables]) -> list[tuple[Tables, tuple[Tables, ...]]]:
    """Return the families among sets of tables as (base, members), the base among them; the coarsest base first.

    A set is in the first family that it fits. Each set is compared with every finer one: give a few hundred at most.
    """
    import numpy as np  # only what learns needs it: a header is read without

    own = [tables for tables in set(sets) if not is_ijg(tables)]
    ordered = sorted(own, key=lambda tables: (-sum(map(sum, tables)), tables))
    numbers = np.array([len(tables) for tables in ordered])
    entries = [np.array(tables, np.float64).ravel() for tables in ordered]
    left, found = np.arange(len(ordered)), []
    while len(left):
        base, finer = int(left[0]), left[1:]
        members = left[:1]
        if max(map(max, ordered[base]), default=0) >= COARSE_MIN:
            alike = finer[numbers[finer] == numbers[base]]
            members = np.append(members, alike[_fit(entries[base], np.array([entries[at] for at in alike]))])
        is_family = len(members) >= SETS_MIN
        if is_family:
            found.append((ordered[base], tuple(ordered[at] for at in members)))
        left = np.setdiff1d(finer, members if is_family else left[:1], assume_unique=True)
    return found


def _fit(base: "NDArray[np.float64]", sets: "NDArray[np.float64]") -> "NDArray[np.bool_]":
    """Return of each row of `sets` what `_fits` says of it, by the same arithmetic in columns."""
    import numpy as np

    if not len(sets):
        return np.zeros(0, np.bool_)
    least = np.where((sets > 1) & (base < _LARGEST), (sets - 0.5) / (base + 0.5), 0.0).max(axis=1)
    most = np.where((sets < _LARGEST) & (base > 1), (sets + 0.5) / (base - 0.5), np.inf).min(axis=1)
    found: NDArray[np.bool_] = least < most
    return found
