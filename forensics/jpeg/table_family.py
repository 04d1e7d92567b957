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
_ASKED_FIRST = 8
"""Of so many entries it is asked first whether a set fits a base."""


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
    found: list[tuple[Tables, tuple[Tables, ...]]] = []
    is_left = np.ones(len(ordered), np.bool_)
    alike: dict[int, list[int]] = {}
    for at, tables in enumerate(ordered):
        alike.setdefault(len(tables), []).append(at)
    scales = {number: _Scales([ordered[at] for at in places]) for number, places in alike.items()}
    for at, base in enumerate(ordered):
        if not is_left[at] or max(map(max, base), default=0) < COARSE_MIN:
            continue
        places, of = np.array(alike[len(base)]), scales[len(base)]
        row = int(np.searchsorted(places, at))
        finer = row + 1 + np.flatnonzero(of.may_fit[row, row + 1 :] & is_left[places[row + 1 :]])
        if len(finer) < SETS_MIN - 1:
            continue
        members = np.append(at, places[finer[of.fit(row, finer)]])
        if len(members) >= SETS_MIN:
            found.append((base, tuple(ordered[member] for member in members)))
            is_left[members] = False
    return found


class _Scales:
    """Says of many sets of tables at once what `_fits` says of each, by the same arithmetic in columns."""

    def __init__(self, sets: list[Tables]) -> None:
        import numpy as np

        entries = np.array(sets, np.float64).reshape(len(sets), -1)
        self._least = np.where(entries > 1, entries - 0.5, 0.0)
        self._most = np.where(entries < _LARGEST, entries + 0.5, np.inf)
        # an entry of a base that says nothing allows scales from 0 to infinity
        self._above = np.where(entries < _LARGEST, entries + 0.5, np.inf)
        self._below = np.where(entries > 1, entries - 0.5, 0.0)
        step = max(entries.shape[1] // _ASKED_FIRST, 1)
        few = [column[:, ::step] for column in (self._least, self._most, self._above, self._below)]
        self.may_fit = _is_scaled(few[0], few[1], few[2][:, None], few[3][:, None])
        """(sets, sets): whether a set is a base, the first, times a factor, by a few entries; most fall out here."""

    def fit(self, base: int, rows: "NDArray[np.intp]") -> "NDArray[np.bool_]":
        """Return which of some rows are the set `base` times one factor, rounded."""
        return _is_scaled(self._least[rows], self._most[rows], self._above[base], self._below[base])


def _is_scaled(
    least: "NDArray[np.float64]",
    most: "NDArray[np.float64]",
    above: "NDArray[np.float64]",
    below: "NDArray[np.float64]",
) -> "NDArray[np.bool_]":
    import numpy as np

    with np.errstate(divide="ignore"):
        lowest, highest = (least / above).max(axis=-1, initial=0.0), (most / below).min(axis=-1, initial=np.inf)
    found: NDArray[np.bool_] = lowest < highest
    return found
