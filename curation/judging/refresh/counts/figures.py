"""Figures: bring the counts of a generation up to date by the rows that changed.

Numbers are added and taken away (`curation.judging.counts.Tally`). What is counted once however often it stands there:
`curation.judging.refresh.counts.once`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.text import ranked
from curation.judging.arrays.ordered import union1d, unique
from curation.judging.copies.pairs import PAIRS, SHOT
from curation.judging.counts import SAMPLES, CameraTally, Tally, sample_of
from curation.judging.part_tasks import HUBS_SHOWN
from curation.judging.refresh.state.few import among
from curation.judging.refresh.state.index import number_of
from curation.judging.refresh.state.parts import State
from curation.judging.refresh.state.segments import Segments

Row = dict[str, Any]
Ids = npt.NDArray[np.uint64]

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
    rows: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
    for table, counting, start in zip(state.rows.tables, state.rows.counting, state.rows.starts.tolist(), strict=False):
        column = table["=reasons"].take(pa.array(counting))
        of = np.repeat(np.arange(len(counting)), pc.list_value_length(column).to_numpy())
        rows.append(start + of[pc.equal(pc.list_flatten(column), reason).to_numpy(zero_copy_only=False)])
    those = np.concatenate(rows)
    table = state.take(those, ["original", "photo", "version"])
    table = table.set_column(0, "original", table["original"].is_null())
    order = pc.sort_indices(table, [(name, "ascending") for name in table.column_names])[:SAMPLES]
    return [sample_of(row) for row in published_rows(state.take(those[order.to_numpy()]))]


def published_rows(table: pa.Table) -> list[Row]:
    """Return rows of the state as they were published, with what only the judgement needs."""
    rows: list[Row] = table.select([name for name in table.column_names if not name.startswith("_")]).to_pylist()
    for row in rows:
        for name in [name for name in row if name.startswith("=")]:
            row[name[1:]] = row.pop(name)
    return rows


def near_on_two_sides(pairs: Segments, touched: Ids, state: State) -> int:
    """Return how many pairs of near copies with one of the ids `touched` are kept in two splits."""
    first, second, kind = (pairs.column(name) for name in PAIRS.names)
    rows = union1d(among(first, touched), among(second, touched))
    rows = rows[kind[rows] != SHOT]
    both = np.unique(np.stack([first[rows], second[rows]], axis=1), axis=0)
    ids = unique(both)
    split = state.rows.values_of(ids, "_split", missing=-1)
    one, other = split[np.searchsorted(ids, both)].reshape(-1, 2).T
    return int(((one >= 0) & (other >= 0) & (one != other)).sum())


def hubs_after(was: list[Row], gone: pa.Table, new: pa.Table, state: State) -> list[Row]:
    """Return the largest sets of copies: {photo, copies, reason}.

    `was`: those of before; `gone`, `new`: rows of the state that are no more and that have come; `state`: the next.
    """
    numbers = unique(np.concatenate([table["_hub"].to_numpy() for table in (gone, new)]))
    numbers = numbers[numbers != 0]
    if not len(numbers):
        return was
    column = state.column("_hub")
    counted = {hub_number(one["photo"], one["reason"]): one["copies"] for one in was}
    now, changed = Counter(column[among(column, numbers)].tolist()), set(numbers.tolist())
    if len(was) == HUBS_SHOWN and any(now[number] < copies for number, copies in counted.items() if number in changed):
        return _hubs(state)  # one that was smaller may take its place
    told = {
        (one["photo"], one["reason"]): one["copies"]
        for number, one in zip(counted, was, strict=True)
        if number not in changed
    }
    for table in (gone, new):
        rows = (
            table.filter(pa.array(table["_hub"].to_numpy() != 0))
            .select(["_hub", "_copy_of", "_copy_reason"])
            .to_pylist()
        )
        told |= {(row["_copy_of"] or "", row["_copy_reason"]): now[row["_hub"]] for row in rows if now[row["_hub"]]}
    return _ranked(told)


def hub_number(photo: str, reason: str) -> int:
    """Return a number for the copies of a photograph that a reason refuses."""
    return number_of(f"{photo}\n{reason}")


def _hubs(state: State) -> list[Row]:
    hub = state.column("_hub")
    there = np.flatnonzero(hub)
    _, first, copies = np.unique(hub[there], return_index=True, return_counts=True)
    least = np.sort(copies)[-HUBS_SHOWN:][0] if len(copies) else 0
    some = there[first[copies >= least]]
    rows = state.take(some, ["_copy_of", "_copy_reason"]).to_pylist()
    numbers = copies[copies >= least].tolist()
    return _ranked(
        {(row["_copy_of"] or "", row["_copy_reason"]): number for row, number in zip(rows, numbers, strict=True)}
    )


def _ranked(counted: Mapping[tuple[str, str], int]) -> list[Row]:
    return [{"photo": photo, "copies": copies, "reason": why} for (photo, why), copies in ranked(counted)[:HUBS_SHOWN]]
