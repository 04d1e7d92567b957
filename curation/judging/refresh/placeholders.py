"""Placeholders: sets of copies that are refused as one, so that a new copy does not ask for the others again.

Such a set grows for years: the picture of a site that says that there is none, in thousands of copies. What
`curation.judging.copies.decision` says of it is known without its members, where bytes and scans alone join all that
any pair joins, and enough photographs are among them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from curation.judging.copies.decision import PLACEHOLDER, CopyVerdict
from curation.judging.copies.pairs import SCAN
from curation.judging.copies.sets import smallest_joined
from curation.judging.refresh.counts.figures import hub_number

Truths = npt.NDArray[np.bool_]

VERDICT = CopyVerdict(PLACEHOLDER, None)
HUB = hub_number("", PLACEHOLDER)
"""What the state has for it (`_hub`)."""


def are_placeholders(
    ids: npt.NDArray[np.uint64], photos: npt.NDArray[np.uint64], pairs: pd.DataFrame, placeholder_copies: int
) -> Truths:
    """Return which of some uploads are in a set that is known to be a placeholder's.

    `ids`: in order, with all that `pairs` (columns as in `copies.pairs.PAIRS`) join with any of them; `photos`: the
    photograph of each.
    """
    first, second = (np.searchsorted(ids, pairs[name].to_numpy()) for name in ("first", "second"))
    is_scan = pairs["kind"].to_numpy() <= SCAN
    of = smallest_joined(len(ids), first, second)
    is_one_scan = np.ones(len(ids), bool)
    is_one_scan[of[smallest_joined(len(ids), first[is_scan], second[is_scan]) != of]] = False
    told: dict[str, npt.NDArray[Any]] = {"of": of, "photo": photos}
    number = np.bincount(pd.DataFrame(told).drop_duplicates()["of"].to_numpy(), minlength=len(ids))
    found: Truths = (is_one_scan & (number >= placeholder_copies))[of]
    return found
