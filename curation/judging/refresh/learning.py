"""Learning: bring the counts of what cameras show up to date by the uploads that changed.

A count says of a value how many pictures and owners show it (`curation.consensus.Count`). A picture that several
uploads show counts once, for the owner with the smallest digest. So a changed upload can change what its owner counts
for, and what the other owners of its picture count for, and nothing else.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from curation.consensus import CAMERA, OWNERS_SEEN_MAX, Count
from curation.judging.refresh.files import among
from curation.judging.refresh.state import State
from curation.judging.refresh.uploads import Claims

COUNTS = pa.schema(
    [
        ("number", pa.uint64()), ("value", pa.string()), ("text", pa.string()), ("photos", pa.int64()),
        ("owners", pa.int64()), ("seen", pa.list_(pa.uint64())),
    ]
)  # fmt: skip
"""`number` stands for `value`: camera, aspect and value, a line each."""

_Rows = npt.NDArray[np.int64]


def updated(counts: pa.Table, state: State, changed: _Rows, new: pa.Table, claimed: Claims) -> pa.Table:
    """Return the counts after uploads have changed.

    `changed`: rows of the state whose uploads have changed or are gone; `new`: what these and new uploads say now
    (columns of ALONE), and `claimed` their claims.
    """
    contents = _union(state.column("_content")[changed], new["_content"].to_numpy())
    owners = _union(
        state.column("_owner")[among(state.column("_content"), contents)],
        state.column("_owner")[changed], new["_owner"].to_numpy(),
    )  # fmt: skip
    contents = _union(contents, state.column("_content")[among(state.column("_owner"), owners)])
    within = np.union1d(among(state.column("_content"), contents), changed)
    numbers = claimed.value
    told = _claims(state, within)
    values = _union(told["value"].to_numpy()[np.isin(told["row"], changed)], numbers)
    told = told[np.isin(told["value"].to_numpy(), values)]
    fresh = pd.DataFrame({"value": numbers, "owner": claimed.owner, "content": claimed.content, "row": -1})
    before, after = _counted(told), _counted(pd.concat([told[~np.isin(told["row"], changed)], fresh]))
    photos = _sizes(after).sub(_sizes(before), fill_value=0)
    pairs = [each[np.isin(each["owner"].to_numpy(), owners)].drop_duplicates() for each in (before, after)]
    gained = _sizes(pairs[1]).sub(_sizes(pairs[0]), fill_value=0)
    spelled = {row["value"]: row for row in claimed.values.to_pylist()}
    touched = photos.index.union(gained.index)
    known = {
        row["number"]: row
        for row in counts.filter(pa.array(np.isin(counts["number"].to_numpy(), touched.to_numpy()))).to_pylist()
    }
    lost_of, gained_of = _owners_by_value(pairs)
    lost_texts = _lost_cameras(state, changed)
    for number in touched.tolist():
        row = known.get(number) or {
            "number": number,
            "value": spelled[number]["spelled"] if number in spelled else None,
            "text": "",
            "photos": 0,
            "owners": 0,
            "seen": [],
        }
        text = spelled[number]["text"] if number in spelled else ""
        row["photos"] += int(photos.get(number, 0))
        row["owners"] += int(gained.get(number, 0))
        row["text"] = max(row["text"], text)
        if row["photos"]:
            known[number] = row
            aspect = row["value"].split("\n", 2)[1]
            if aspect in ("tables", "segments"):
                row["seen"] = _seen(
                    row, lost_of.get(number, set()), gained_of.get(number, set()), state, changed, fresh
                )
            if aspect == CAMERA and number in lost_texts:
                row["text"] = max(_camera_texts(state, changed, number), text)
        else:
            known[number] = {**row, "photos": 0}
    rest = counts.filter(pa.array(~np.isin(counts["number"].to_numpy(), touched.to_numpy())))
    some = pa.Table.from_pylist([row for row in known.values() if row["photos"]], COUNTS)
    return pa.concat_tables([rest, some]).sort_by("value").combine_chunks()


def counts_of(table: pa.Table) -> list[Count]:
    """Return the counts as `curation.consensus.learn` takes them."""
    found = []
    for row in table.to_pylist():
        camera, aspect, value = row["value"].split("\n", 2)
        seen = frozenset(row["seen"] or ())
        found.append(Count(camera, aspect, value, row["text"], row["photos"], row["owners"], seen))
    return found


def _claims(state: State, rows: _Rows) -> pd.DataFrame:
    """Return the claims of some rows of the state: value, owner, content, row."""
    lists = state.take(rows, ["_claims"])["_claims"]
    lengths = pc.list_value_length(lists).to_numpy()
    values = pc.list_flatten(lists).to_numpy()
    of = np.repeat(rows, lengths)
    owner, content = state.column("_owner")[of], state.column("_content")[of]
    return pd.DataFrame({"value": values.astype(np.uint64), "owner": owner, "content": content, "row": of})


def _counted(claims: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each picture that shows a value: value, owner."""
    owners = claims.groupby(["value", "content"], sort=False)["owner"].min().reset_index()
    found: pd.DataFrame = owners[["value", "owner"]]
    return found


def _sizes(rows: pd.DataFrame) -> "pd.Series[int]":
    return rows.groupby("value", sort=False).size()


def _owners_by_value(pairs: Sequence[pd.DataFrame]) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """Return the owners that no longer count for a value, and those that newly do, by value."""
    merged = pairs[0].merge(pairs[1], how="outer", indicator=True)
    found = []
    for side in ("left_only", "right_only"):
        of: dict[int, set[int]] = {}
        for value, owner in merged.loc[merged["_merge"] == side, ["value", "owner"]].to_numpy().tolist():
            of.setdefault(value, set()).add(owner)
        found.append(of)
    return found[0], found[1]


def _seen(
    row: dict[str, Any], lost: set[int], gained: set[int], state: State, changed: _Rows, fresh: pd.DataFrame
) -> list[int]:
    """Return the smallest owners that count for a value."""
    seen: set[int] = set(row["seen"] or ())
    if lost & seen and len(seen) >= OWNERS_SEEN_MAX:
        rows = np.setdiff1d(state.having("_claims", np.array([row["number"]], np.uint64)), changed)
        told = pd.concat([_claims(state, rows), fresh])
        told = told[told["value"].to_numpy() == np.uint64(row["number"])]
        seen, gained = set(_counted(told)["owner"].tolist()), set()
    return sorted((seen - lost) | gained)[:OWNERS_SEEN_MAX]


def _lost_cameras(state: State, changed: _Rows) -> set[int]:
    """Return the values that changed uploads showed: the names of their cameras may be spelled otherwise now."""
    return set(_claims(state, changed)["value"].tolist()) if len(changed) else set()


def _camera_texts(state: State, changed: _Rows, number: int) -> str:
    """Return the largest spelling of a camera's name among uploads that have not changed."""
    rows = np.setdiff1d(state.having("_claims", np.array([number], np.uint64)), changed)
    names = state.take(rows, ["make", "model"]).group_by(["make", "model"]).aggregate([])
    return max((f"{row['make'] or ''}\n{row['model'] or ''}" for row in names.to_pylist()), default="")


def _union(*arrays: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    return np.unique(np.concatenate(arrays))
