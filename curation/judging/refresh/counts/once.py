"""Once: bring up to date what is counted once however often it stands there, by the rows that changed.

These are the groups, owners and devices of each camera, and the things that stand in several splits or folds. Whether
a changed row adds one follows from whether any other row has it, which is looked up in columns of numbers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from corpus.records import SPLITS
from curation.judging.arrays.numbers import SPREADING
from curation.judging.refresh.state.few import among

Row = dict[str, Any]
Numbers = npt.NDArray[Any]

COLUMNS = ("_camera", "_published", "_whom", "_owner", "_device", "_sha", "_scan", "_split", "_fold")
"""The columns of the state that are asked, of kept rows."""
_CHUNK = 1 << 16


class Rest:
    """The rows that stay as they are."""

    def __init__(self, column: Callable[[str], Numbers], stays: Numbers) -> None:
        """Look among the rows that stay; `column`: one of COLUMNS, of these rows and of others, by its name."""
        self._column, self._stays = column, stays
        self._found: dict[str, dict[str, Numbers]] = {}

    def having(self, name: str, values: Numbers) -> dict[str, Numbers]:
        """Return COLUMNS of the rows with one of these values in the column `name`, which are the same at each call."""
        if name not in self._found:
            rows = among(self._column(name), np.unique(values))
            rows = rows[self._stays[rows]]
            self._found[name] = {one: self._column(one).take(rows) for one in COLUMNS}
        return self._found[name]


class _Kind(NamedTuple):
    """Things that are counted by camera or by where they stand: columns, and what a row must have to count.

    By its last column a thing is looked up.
    """

    thing: tuple[str, ...]
    side: str = "_split"
    has: str | None = None


_OF_CAMERAS = {
    "groups": _Kind(("_camera", "_published")),
    "owners": _Kind(("_camera", "_whom")),
    "devices": _Kind(("_camera", "_device"), has="_device"),
}
_LEAKS = {
    "serials": _Kind(("_device",), has="_device"),
    "serials_in_folds": _Kind(("_device",), "_fold", has="_device"),
    "groups": _Kind(("_published",)),
    "bytes": _Kind(("_sha",)),
    "scans": _Kind(("_scan",)),
    "owners": _Kind(("_camera", "_owner"), has="_owner"),
}


class Once(NamedTuple):
    """What is counted once: of each camera groups, owners, devices and groups by split; and things on several sides."""

    cameras: Mapping[str, Row]
    leaks: Mapping[str, int]


def once_after(
    was: Once, gone: Mapping[str, Numbers], new: Mapping[str, Numbers], rest: Rest,
    names: Mapping[int, str], nobody: np.uint64,
) -> Once:  # fmt: skip
    """Return the counts after rows have changed.

    `gone`, `new`: COLUMNS of the kept rows that are no more and that have come; `rest`: those that stay as they are.
    `names`: the keys of the cameras of `gone` and `new` by their numbers; `nobody`: the owner that is none.
    """
    changes: dict[str, Counter[Any]] = {}
    for name, kind in _OF_CAMERAS.items():
        of_side = _sides_of(kind, gone, new, rest, nobody)
        changes[name] = Counter()
        for camera, before, after in of_side:
            changes[name][camera] += bool(after) - bool(before)
            if name == "groups":
                for side in after - before:
                    changes[name][camera, side] += 1
                for side in before - after:
                    changes[name][camera, side] -= 1
    cameras = {key: {**of, "splits": dict(of["splits"])} for key, of in was.cameras.items()}
    for number, key in names.items():
        of = cameras.setdefault(key, {"splits": dict.fromkeys(SPLITS, 0)} | dict.fromkeys(_OF_CAMERAS, 0))
        for name in _OF_CAMERAS:
            of[name] += changes[name][number]
        for place, split in enumerate(SPLITS):
            of["splits"][split] += changes["groups"][number, place]
    leaks = {
        name: was.leaks.get(name, 0)
        + sum((len(after) > 1) - (len(before) > 1) for _, before, after in _sides_of(kind, gone, new, rest, nobody))
        for name, kind in _LEAKS.items()
    }
    return Once({key: of for key, of in cameras.items() if of["groups"]}, leaks)


def _sides_of(
    kind: _Kind, gone: Mapping[str, Numbers], new: Mapping[str, Numbers], rest: Rest, nobody: np.uint64
) -> list[tuple[int, set[int], set[int]]]:
    """Return of each thing whose rows changed the camera (or 0), and the sides where it stood and where it stands."""
    before, after = _told(kind, gone, nobody), _told(kind, new, nobody)
    things = {thing: camera for of in (before, after) for thing, (camera, _) in of.items()}
    none: tuple[int, set[int]] = (0, set())
    moved = [one for one in things if before.get(one, none)[1] != after.get(one, none)[1]]
    if not moved:
        return []
    numbers = np.array(moved, np.uint64)
    others = rest.having(kind.thing[-1], np.concatenate([_keys(kind, rows, nobody) for rows in (gone, new)]))
    own = {side for of in (before, after) for _, some in of.values() for side in some}
    sides = sorted({*range(3), *own, *np.unique(others[kind.side]).tolist()})
    place = np.tile(np.array(sides, np.int64), len(moved))
    wanted = _mixed(np.repeat(numbers, len(sides)), place)
    is_there = present(_mixed(_thing(kind, others, nobody), _where(kind, others, nobody)), wanted)
    found = is_there.reshape(len(moved), len(sides))
    elsewhere = [{side for side, there in zip(sides, of, strict=True) if there} for of in found.tolist()]
    return [
        (things[one], before.get(one, none)[1] | of_others, after.get(one, none)[1] | of_others)
        for one, of_others in zip(moved, elsewhere, strict=True)
    ]


def _told(kind: _Kind, rows: Mapping[str, Numbers], nobody: np.uint64) -> dict[int, tuple[int, set[int]]]:
    """Return of each thing of some rows its camera, where it is of one, and its sides."""
    found: dict[int, tuple[int, set[int]]] = {}
    cameras = rows["_camera"] if kind.thing[0] == "_camera" else np.zeros(len(rows["_camera"]), np.uint64)
    has = _has(kind, rows, nobody)
    columns = (_thing(kind, rows, nobody).tolist(), cameras[has].tolist(), _where(kind, rows, nobody).tolist())
    for thing, camera, side in zip(*columns, strict=True):
        found.setdefault(thing, (camera, set()))[1].add(side)
    return found


def _has(kind: _Kind, rows: Mapping[str, Numbers], nobody: np.uint64) -> npt.NDArray[np.bool_]:
    if kind.has is None:
        return np.ones(len(rows[kind.thing[-1]]), bool)
    found: npt.NDArray[np.bool_] = rows[kind.has] != (nobody if kind.has == "_owner" else 0)
    return found


def _thing(kind: _Kind, rows: Mapping[str, Numbers], nobody: np.uint64) -> Numbers:
    columns = [rows[name] for name in kind.thing]
    if kind.has is not None:
        has = _has(kind, rows, nobody)
        columns = [column[has] for column in columns]
    return columns[0] if len(columns) == 1 else _mixed(*columns)


def _keys(kind: _Kind, rows: Mapping[str, Numbers], nobody: np.uint64) -> Numbers:
    """Return what the thing of each row is looked up by."""
    column = rows[kind.thing[-1]]
    return column if kind.has is None else column[_has(kind, rows, nobody)]


def _where(kind: _Kind, rows: Mapping[str, Numbers], nobody: np.uint64) -> Numbers:
    side = rows[kind.side]
    return side if kind.has is None else side[_has(kind, rows, nobody)]


def _mixed(first: Numbers, second: Numbers) -> Numbers:
    """Return a number for each pair of a digest and another number."""
    found: Numbers = (first ^ (first >> np.uint64(29))) * SPREADING + second.astype(np.int64).view(np.uint64)
    return found


def present(values: Numbers, wanted: Numbers) -> npt.NDArray[np.bool_]:
    """Whether each of a few numbers is among the values; what is found is not looked for any more."""
    left = np.unique(wanted)
    for start in range(0, len(values), _CHUNK):
        some = values[start : start + _CHUNK]
        found = some[among(some, left)]
        if len(found):
            left = np.setdiff1d(left, found)
    is_there: npt.NDArray[np.bool_] = np.isin(wanted, left, invert=True)
    return is_there


def taken(columns: Mapping[str, Numbers], rows: Numbers) -> dict[str, Numbers]:
    """Return these rows of columns."""
    return {name: column[rows] for name, column in columns.items()}


def names_of(tables: Iterable[tuple[Numbers, Iterable[str | None]]]) -> dict[int, str]:
    """Return the keys of cameras by their numbers; `tables`: both of some rows each."""
    return {
        number: name
        for numbers, names in tables
        for number, name in zip(numbers.tolist(), names, strict=True)
        if name is not None
    }
