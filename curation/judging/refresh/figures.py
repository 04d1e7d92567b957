"""Figures: bring the counts of a generation up to date by the rows that changed.

Numbers are added and taken away (`curation.judging.counts.Tally`). What is counted once however often it stands there,
such as the groups of a camera, is counted in columns of numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from corpus.records import SPLITS
from corpus.text import ranked
from curation.judging.copy_pairs import SHOT
from curation.judging.counts import SAMPLES, CameraTally, Tally, sample_of
from curation.judging.part_tasks import HUBS_SHOWN
from curation.judging.refresh.state import State, hex_numbers
from curation.judging.refresh.tables import number_of

Row = dict[str, Any]

_COUNTERS = ("splits", "folds", "sizes", "tables", "years")
_NUMBERS = ("photos", "kept", "kept_bytes")


def difference(total: Tally, gone: Tally, new: Tally) -> Tally:
    """Return a tally without what is gone and with what is new; only numbers, neither sets nor samples."""
    found = Tally()
    for name in ("photos", "bytes"):
        getattr(found, name).update(_plus(getattr(total, name), getattr(gone, name), getattr(new, name)))
    none = CameraTally()
    for camera in total.cameras.keys() | new.cameras.keys():
        was, less, more = (each.cameras.get(camera, none) for each in (total, gone, new))
        told: dict[str, Any] = {
            name: getattr(was, name) - getattr(less, name) + getattr(more, name) for name in _NUMBERS
        }
        told |= {
            name: Counter(_plus(getattr(was, name), getattr(less, name), getattr(more, name))) for name in _COUNTERS
        }
        if told["photos"]:
            found.cameras[camera] = CameraTally(**told)
    return found


def _plus(was: Mapping[Any, int], less: Mapping[Any, int], more: Mapping[Any, int]) -> dict[Any, int]:
    found = Counter(was)
    found.subtract(less)
    found.update(more)
    return {key: number for key, number in found.items() if number}


def as_json(total: Tally) -> Row:
    """Return the numbers of a tally as plain data."""
    cameras = {
        key: {name: getattr(camera, name) for name in _NUMBERS}
        | {name: dict(getattr(camera, name)) for name in _COUNTERS}
        for key, camera in total.cameras.items()
    }
    counted = {
        name: [[*key, number] for key, number in sorted(getattr(total, name).items())] for name in ("photos", "bytes")
    }
    return {**counted, "cameras": cameras, "samples": dict(total.samples)}


def from_json(told: Row) -> Tally:
    """Return what `as_json` was told of."""
    found = Tally()
    for name in ("photos", "bytes"):
        getattr(found, name).update({(what, of): number for what, of, number in told[name]})
    for key, camera in told["cameras"].items():
        values: dict[str, Any] = {name: camera[name] for name in _NUMBERS}
        values |= {name: Counter(camera[name]) for name in _COUNTERS}
        found.cameras[key] = CameraTally(**values)
    found.samples.update(told["samples"])
    return found


def samples_after(
    was: Mapping[str, list[Row]], gone: Iterable[tuple[str, str]], new: Mapping[str, list[Row]], state: State
) -> dict[str, list[Row]]:
    """Return the examples of each reason: its first photographs by key, those with an original before the others.

    `gone`: keys of the rows that are no more or changed; `new`: examples of the rows that changed; `state`: the next.
    """
    lost = set(gone)
    found: dict[str, list[Row]] = {}
    for reason in was.keys() | new.keys():
        kept = [one for one in was.get(reason, ()) if (one["photo"], one["version"]) not in lost]
        if len(kept) < len(was.get(reason, ())) and len(was[reason]) == SAMPLES:
            some = _examples(state, reason)
        else:
            some = [*kept, *new.get(reason, ())]
        if some:
            found[reason] = sorted(some, key=lambda one: (one["original"] is None, one["photo"], one["version"]))[
                :SAMPLES
            ]
    return found


def _examples(state: State, reason: str) -> list[Row]:
    found: list[Row] = []
    for table in state.tables:
        reasons = table["=reasons"]
        rows = np.repeat(np.arange(len(table)), pc.list_value_length(reasons).to_numpy())
        is_it = pc.equal(pc.list_flatten(reasons), reason).to_numpy(zero_copy_only=False)
        if is_it.any():
            found += [sample_of(row) for row in published_rows(table.take(pa.array(rows[is_it])))]
    return found


def published_rows(table: pa.Table) -> list[Row]:
    """Return rows of the state as they were published, with what only the judgement needs."""
    rows: list[Row] = table.select([name for name in table.column_names if not name.startswith("_")]).to_pylist()
    for row in rows:
        for name in [name for name in row if name.startswith("=")]:
            row[name[1:]] = row.pop(name)
    return rows


def distinct(state: State, pairs: pd.DataFrame) -> tuple[dict[str, Row], dict[str, int]]:
    """Return what is counted once: of each camera groups, owners, devices and groups by split; and the leaks."""
    kept = np.flatnonzero(state.column("=kept"))
    table = state.table.select(["=split", "=fold", "camera", "source", "scan_digest"]).take(pa.array(kept))
    split = pc.index_in(table["=split"], value_set=pa.array(SPLITS)).to_numpy().astype(np.uint64)
    coded = table["camera"].combine_chunks().dictionary_encode()
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    names = coded.dictionary.to_pylist()
    camera = coded.indices.to_numpy(zero_copy_only=False)
    group = state.groups[kept]
    owner, device, sha = (state.column(name)[kept] for name in ("_owner", "_device", "_sha"))
    has_owner = owner != np.uint64(number_of(""))
    if not has_owner.all():  # whom a site does not name is one owner of that site
        sources = table["source"].filter(pa.array(~has_owner)).to_pylist()
        owner = owner.copy()
        owner[~has_owner] = [number_of(f"{source}\n") for source in sources]
    scan = hex_numbers(pc.utf8_slice_codeunits(table["scan_digest"], 0, 16))
    scan = np.where(scan == 0, sha, scan)
    found: dict[str, Row] = {name: {"splits": {}} for name in names}
    by_split = _distinct(camera, split, group)
    for name, what in (("groups", group), ("owners", owner), ("devices", device)):
        pairs_of = _distinct(
            camera[what != 0] if name == "devices" else camera, what[what != 0] if name == "devices" else what
        )
        for place, number in enumerate(np.bincount(pairs_of[0].astype(np.int64), minlength=len(names)).tolist()):
            found[names[place]][name] = number
    for place in range(len(names)):
        for at, name in enumerate(SPLITS):
            found[names[place]]["splits"][name] = int(((by_split[0] == place) & (by_split[1] == at)).sum())
    has_serial = device != 0
    fold = pc.fill_null(table["=fold"], -1).to_numpy()
    id_split = dict(zip(state.column("id")[kept].tolist(), split.tolist(), strict=True)) if len(pairs) else {}
    told = pairs.loc[pairs["kind"].to_numpy() != SHOT, ["first", "second"]].drop_duplicates().to_numpy().tolist()
    near = sum(len({id_split[one] for one in pair if one in id_split}) > 1 for pair in told)
    leaks = {
        "serials": _several(device[has_serial], split[has_serial]),
        "serials_in_folds": _several(device[has_serial], fold[has_serial]),
        "groups": _several(group, split),
        "bytes": _several(sha, split),
        "scans": _several(scan, split),
        "near": near,
        "owners": _several_pairs(owner[has_owner], camera[has_owner], split[has_owner]),
    }
    return found, leaks


def _distinct(*columns: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    frame = pd.DataFrame(dict(enumerate(columns))).drop_duplicates()
    return [frame[name].to_numpy() for name in frame.columns]


def _several(what: npt.NDArray[Any], side: npt.NDArray[Any]) -> int:
    """Return how many things stand on several sides."""
    things, _ = _distinct(what, side)
    return int(len(things) - len(pd.unique(things)) and (pd.Series(things).value_counts() > 1).sum())


def _several_pairs(what: npt.NDArray[Any], of: npt.NDArray[Any], side: npt.NDArray[Any]) -> int:
    things, others, _ = _distinct(what, of, side)
    frame = pd.DataFrame({"what": things, "of": others})
    return int((frame.groupby(["what", "of"], sort=False).size() > 1).sum())


def hubs(state: State) -> list[Row]:
    """Return the largest sets of copies: {photo, copies, reason}."""
    reason = state.table["_copy_reason"]
    table = state.table.select(["_copy_reason", "_copy_of"]).filter(pc.is_valid(reason))
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for row in table.group_by(["_copy_reason", "_copy_of"]).aggregate([([], "count_all")]).to_pylist():
        counted[row["_copy_of"] or "", row["_copy_reason"]] += row["count_all"]
    return [{"photo": photo, "copies": copies, "reason": why} for (photo, why), copies in ranked(counted)[:HUBS_SHOWN]]
