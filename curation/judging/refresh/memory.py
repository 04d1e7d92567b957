"""Memory: which group, side and rank among equals each upload has from the newest generation; as columns.

The rules are those of `curation.judging.columns.verdicts` and `curation.judging.devices`.
"""

from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from curation.generations import Ledger
from curation.judging.arrays.ordered import union1d, unique
from curation.judging.devices import DeviceGroup, DeviceSides, device_sides
from curation.judging.refresh.rows import Places, Rows
from curation.judging.refresh.state.few import among
from curation.judging.refresh.state.ledger import Sides
from curation.judging.refresh.state.parts import hex_text


class Remembered(NamedTuple):
    """Columns, a value for each row."""

    group: npt.NDArray[np.uint64]
    side: npt.NDArray[np.bool_]
    kept_before: npt.NDArray[np.bool_]
    two_sides: npt.NDArray[np.bool_]
    """Whether its device lies on another side than it."""
    moved: npt.NDArray[np.int64]
    """Rows whose files lay elsewhere before."""
    devices: DeviceSides
    several: npt.NDArray[np.uint64]
    """The photographs (`_photo`) of which there are several versions."""


def remembered(rows: Rows, ledger: Sides, several_before: npt.NDArray[np.uint64]) -> Remembered:
    """Return what the newest generation says of each row.

    `several_before`: the photographs of which there were several versions.
    """
    published = rows.published
    side = rows.was(published.side, False)
    kept_before = rows.was(published.kept, False)
    group = np.where(side, rows.was(published.group, 0), rows.column("_own_group"))
    there = rows.column("_is_there")
    photos = rows.column("_photo")
    several = _several(rows, several_before)
    number = Counter(photos[several[there[several]]].tolist())
    known: dict[int, int] = {}
    unsided = union1d(several[~side[several]], np.flatnonzero(rows.is_new & ~side))
    for place in among(published.photo, unique(photos[unsided])).tolist():
        if published.side[place]:
            photo, of = int(published.photo[place]), int(published.group[place])
            known[photo] = min(known.get(photo, of), of)
    sided = side.copy()
    for row in unsided.tolist():
        if int(photos[row]) in known:
            group[row], side[row] = known[int(photos[row])], True
    moved = _moved(rows, sided)
    for row, (of, was_kept) in moved.items():
        group[row], side[row], kept_before[row] = of, True, was_kept
    kept_before[[row for row in several.tolist() if number[int(photos[row])] > 1]] = False
    devices = _device_sides(rows, group, side, kept_before, ledger)
    two_sides = np.zeros(len(rows), bool)
    if devices.group:
        of_device = rows.column("_device")
        for row in among(of_device, np.array([int(name, 16) for name in devices.group], np.uint64)).tolist():
            name = hex_text(int(of_device[row]))
            if not side[row]:
                group[row] = int(devices.group[name], 16)
            elif hex_text(int(group[row])) in devices.refused.get(name, ()):
                two_sides[row] = True
    moved_rows = np.array(sorted(moved), np.int64)
    return Remembered(group, side, kept_before, two_sides, moved_rows, devices, unique(photos[several]))


def _several(rows: Rows, before: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return the rows of photographs of which there are several versions: there were, or a new one has come."""
    photos = rows.column("_photo")
    asked = among(photos, union1d(before, rows.new["_photo"].to_numpy()))
    _, of, number = np.unique(photos[asked], return_inverse=True, return_counts=True)
    found: npt.NDArray[np.int64] = asked[number[of] > 1]
    return found


def _moved(rows: Rows, has_own_side: npt.NDArray[np.bool_]) -> dict[int, tuple[int, bool]]:
    """Return the group of each row whose bytes a deleted upload had, and whether these were kept, by row."""
    sha, published = rows.column("_sha"), rows.published
    gone = unique(sha[rows.column("_is_deleted") & (sha != 0)])
    stored = among(sha, gone)
    stored = stored[rows.column("_is_stored")[stored]]
    stored = stored[~has_own_side[stored] & rows.column("_is_there")[stored]]
    if not len(stored):
        return {}
    said: dict[int, tuple[int, bool]] = {}
    for place in published.in_order(among(published.sha, unique(sha[stored]))):
        of = int(published.sha[place])
        if published.kept[place] or (published.side[place] and of not in said):
            said[of] = int(published.group[place]), bool(published.kept[place])
    return {row: said[int(sha[row])] for row in stored.tolist() if int(sha[row]) in said}


def _device_sides(
    rows: Rows, group: npt.NDArray[np.uint64], side: npt.NDArray[np.bool_], kept: npt.NDArray[np.bool_], ledger: Sides
) -> DeviceSides:
    device = rows.column("_device")
    elsewhere = unique(device[(device != 0) & (device != group)])
    if not len(elsewhere):
        return DeviceSides({}, {}, {})
    found: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for row in _to_decide(device, group, side, among(device, elsewhere)).tolist():
        if side[row]:
            of = found[int(device[row]), int(group[row])]
            of[0] += 1
            of[1] += bool(kept[row])
    groups = [
        DeviceGroup(hex_text(one), hex_text(of), photos, before)
        for (one, of), (photos, before) in sorted(found.items())
    ]
    known: Ledger = ledger.of([int(each.group, 16) for each in groups])
    return device_sides(groups, known)


def _to_decide(
    device: npt.NDArray[np.uint64], group: npt.NDArray[np.uint64], side: npt.NDArray[np.bool_], rows: Places
) -> Places:
    """Return those of some rows, all rows of their devices, of whose device anything is to be decided.

    Where all rows of a device are in one group and have its side, as those of copies are, they stay there.
    """
    told = pd.DataFrame({"device": device[rows], "group": np.where(side[rows], group[rows], 0)})
    of_devices = told.drop_duplicates()["device"]
    several = of_devices[of_devices.duplicated()].to_numpy()
    is_asked = np.isin(told["device"].to_numpy(), several) | ~side[rows]
    found: Places = rows[np.isin(told["device"].to_numpy(), told["device"].to_numpy()[is_asked])]
    return found
