"""Owners: which owners count for a value by other pictures than those that changed; looked up in the claims of all.

The uploads of an owner may be a tenth of all, so they are not gathered: claims are searched from the newest on, and an
owner and a value are not looked for any more once they are found.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from curation.judging.arrays.numbers import SPREADING
from curation.judging.refresh.files import among
from curation.judging.refresh.state import State

_Numbers = npt.NDArray[np.uint64]
_CHUNK = 1 << 15


def claims_of(state: State, rows: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return the claims of some rows of the state: value, owner, content, row."""
    lists = state.take(rows, ["_claims"])["_claims"]
    values = pc.list_flatten(lists).to_numpy()
    of = np.repeat(rows, pc.list_value_length(lists).to_numpy())
    owner, content = state.column("_owner")[of], state.column("_content")[of]
    return pd.DataFrame({"value": values.astype(np.uint64), "owner": owner, "content": content, "row": of})


def counted_once(claims: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each picture that shows a value: value, content, and the owner it counts for."""
    found: pd.DataFrame = claims.groupby(["value", "content"], sort=False)["owner"].min().reset_index()
    return found


def elsewhere(state: State, value: _Numbers, owner: _Numbers, pictures: _Numbers) -> npt.NDArray[np.bool_]:
    """Whether each owner counts for the value beside it by a picture that is not among `pictures`."""
    wanted = _mixed(value, owner)
    left = np.unique(wanted)
    for end in range(len(state), 0, -_CHUNK):
        if not len(left):
            break
        left = _without_found(state, max(end - _CHUNK, 0), end, left, owner[np.isin(wanted, left)], pictures)
    found: npt.NDArray[np.bool_] = np.isin(wanted, left, invert=True)
    return found


def _without_found(
    state: State, start: int, end: int, left: _Numbers, owners: _Numbers, pictures: _Numbers
) -> _Numbers:
    """Return what is left after a stretch of rows has been searched."""
    rows = start + among(state.column("_owner")[start:end], np.unique(owners))
    told = claims_of(state, rows)
    key = _mixed(told["value"].to_numpy(), told["owner"].to_numpy())
    hits = among(key, left)
    key, content = key[hits], told["content"].to_numpy()[hits]
    is_other = ~np.isin(content, pictures)
    key, content = key[is_other], content[is_other]
    while len(key):
        some, first = np.unique(key, return_index=True)
        all_of = claims_of(state, among(state.column("_content"), np.unique(content[first])))
        once = counted_once(all_of)
        counts = _of_picture(_mixed(once["value"].to_numpy(), once["owner"].to_numpy()), once["content"].to_numpy())
        is_found = np.isin(_of_picture(some, content[first]), counts)
        left = np.setdiff1d(left, some[is_found])
        # a copy by a smaller owner counts instead: another picture of this owner may count nonetheless
        asked = np.zeros(len(key), bool)
        asked[first] = True
        again = ~asked & np.isin(key, left)
        key, content = key[again], content[again]
    return left


def _mixed(value: _Numbers, owner: _Numbers) -> _Numbers:
    """Return a number for each value and owner."""
    found: _Numbers = (value ^ (value >> np.uint64(31))) * SPREADING + owner
    return found


def _of_picture(pair: _Numbers, content: _Numbers) -> _Numbers:
    found: _Numbers = (pair ^ (pair >> np.uint64(29))) * SPREADING + content
    return found
