"""Few: look for some digests among many; the cost is a pass over the many, whatever their number of matches.

A table of the digests' low bits tells at once of nearly all of the many that they are none of the few; only the others
are looked for in the sorted few. The table has 64 places for each of the few, but no more than fit into a core's cache.
"""

import numpy as np
import numpy.typing as npt

_BITS_MIN, _BITS_MAX = 12, 22
_PLACES = 64
_STRETCH = 1 << 15
"""So many digests are looked at at once: what is made of them stays in a core's cache."""

Digests = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


class Few:
    """Some digests; their low bits are evenly distributed, as those of all digests are."""

    def __init__(self, digests: Digests) -> None:
        self.ordered: Digests = np.sort(digests)
        bits = min(max((_PLACES * len(self.ordered)).bit_length(), _BITS_MIN), _BITS_MAX)
        self._mask = np.uint64((1 << bits) - 1)
        self._low = np.zeros(1 << bits, bool)
        self._low[self._low_bits(self.ordered)] = True

    def found_in(self, digests: Digests) -> tuple[Places, Places]:
        """Return the places of those of many digests that are among the few, and which of the ordered few each is.

        Of equal ones among the few, it is the first.
        """
        if not len(self.ordered) or not len(digests):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        stretches = [digests[start : start + _STRETCH] for start in range(0, len(digests), _STRETCH)]
        found = [np.flatnonzero(self._low.take(self._low_bits(some))) for some in stretches]
        places = np.concatenate([some + number * _STRETCH for number, some in enumerate(found)])
        some = digests.take(places)
        nearest = np.minimum(np.searchsorted(self.ordered, some), len(self.ordered) - 1)
        is_found = self.ordered[nearest] == some
        return places[is_found], nearest[is_found]

    def _low_bits(self, digests: Digests) -> Places:
        return (digests & self._mask).view(np.int64)


def are_among(digests: Digests, few: Digests) -> npt.NDArray[np.bool_]:
    """Return which of the digests are among a few."""
    found = np.zeros(len(digests), bool)
    found[among(digests, few)] = True
    return found


def among(digests: Digests, few: Digests) -> Places:
    """Return the places of the digests that are among a few."""
    return Few(few).found_in(digests)[0]
