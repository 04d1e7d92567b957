"""Once: bring up to date what is counted once however often it stands there, by the rows that changed.

These are the groups, owners and devices of each camera, and the things that stand in several splits or folds. Whether
a changed row adds one follows from whether any other row has it, which is looked up in columns of numbers.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from corpus.records import SPLITS
from curation.judging.arrays.numbers import SPREADING
from curation.judging.arrays.ordered import setdiff1d, union1d, unique
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
            rows = among(self._column(name), unique(values))
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
    cameras = {key: {**of, "splits": dict(of["splits"])} for key, of in was.cameras.items()}
    for key in names.values():
        cameras.setdefault(key, {"splits": dict.fromkeys(SPLITS, 0)} | dict.fromkeys(_OF_CAMERAS, 0))
    for name, kind in _OF_CAMERAS.items():
        moved = _moved(kind, gone, new, rest, nobody)
        for number, more in _summed(moved.camera, moved.after.any(axis=1), moved.before.any(axis=1)):
            cameras[names[number]][name] += more
        for column, side in enumerate(moved.sides):
            if name == "groups" and side in range(len(SPLITS)):
                for number, more in _summed(moved.camera, moved.after[:, column], moved.before[:, column]):
                    cameras[names[number]]["splits"][SPLITS[side]] += more
    leaks = {}
    for name, kind in _LEAKS.items():
        moved = _moved(kind, gone, new, rest, nobody)
        after, before = (of.sum(axis=1) > 1 for of in (moved.after, moved.before))
        leaks[name] = was.leaks.get(name, 0) + int(after.sum()) - int(before.sum())
    return Once({key: of for key, of in cameras.items() if of["groups"]}, leaks)


class _Moved(NamedTuple):
    """Things whose rows changed."""

    camera: npt.NDArray[np.uint64]
    """Of each thing, or 0."""
    sides: list[int]
    before: npt.NDArray[np.bool_]
    """(things, sides): whether a thing stood there."""
    after: npt.NDArray[np.bool_]


def _moved(
    kind: _Kind, gone: Mapping[str, Numbers], new: Mapping[str, Numbers], rest: Rest, nobody: np.uint64
) -> _Moved:
    """Return the things of which a side stands in one of `gone` and `new` alone."""
    own = [_counting(kind, rows, nobody) for rows in (gone, new)]
    thing, camera, side = (
        np.concatenate([function(kind, rows) for rows in own]) for function in (_thing, _camera, _where)
    )
    is_after = np.repeat([False, True], [len(rows["_camera"]) for rows in own])
    things, place = np.unique(thing, return_inverse=True)
    own_sides, of_side = np.unique(side, return_inverse=True)
    stood, stands = (np.zeros((len(things), len(own_sides)), bool) for _ in range(2))
    stood[place[~is_after], of_side[~is_after]] = True
    stands[place[is_after], of_side[is_after]] = True
    of_thing = np.zeros(len(things), np.uint64)
    of_thing[place] = camera
    moved = np.flatnonzero((stood != stands).any(axis=1))
    if not len(moved):
        return _Moved(of_thing[moved], [], *(np.zeros((0, 0), bool) for _ in range(2)))
    key = kind.thing[-1]
    others = _counting(kind, rest.having(key, np.concatenate([rows[key] for rows in own])), nobody)
    sides = union1d(own_sides, others[kind.side]).astype(np.int64)
    wanted = _mixed(np.repeat(things[moved], len(sides)), np.tile(sides, len(moved)))
    is_there = present(_mixed(_thing(kind, others), _where(kind, others)), wanted)
    before, after = (is_there.reshape(len(moved), len(sides)).copy() for _ in range(2))
    columns = np.searchsorted(sides, own_sides)
    before[:, columns] |= stood[moved]
    after[:, columns] |= stands[moved]
    return _Moved(of_thing[moved], sides.tolist(), before, after)


def _summed(camera: Numbers, more: Any, less: Any) -> list[tuple[int, int]]:
    """Return by how many things each camera has more, where that is not 0."""
    cameras, of = np.unique(camera, return_inverse=True)
    number = np.bincount(of[more], minlength=len(cameras)) - np.bincount(of[less], minlength=len(cameras))
    return [(one, by) for one, by in zip(cameras.tolist(), number.tolist(), strict=True) if by]


def _counting(kind: _Kind, rows: Mapping[str, Numbers], nobody: np.uint64) -> Mapping[str, Numbers]:
    """Return the rows that count, those that have what a row must have, with the columns that are asked of them."""
    if kind.has is None:
        return rows
    has = np.flatnonzero(rows[kind.has] != (nobody if kind.has == "_owner" else 0))
    return taken({name: rows[name] for name in {*kind.thing, kind.side, "_camera"}}, has)


def _thing(kind: _Kind, rows: Mapping[str, Numbers]) -> Numbers:
    columns = [rows[name] for name in kind.thing]
    return columns[0] if len(columns) == 1 else _mixed(*columns)


def _camera(kind: _Kind, rows: Mapping[str, Numbers]) -> Numbers:
    return rows["_camera"] if kind.thing[0] == "_camera" else np.zeros(len(rows["_camera"]), np.uint64)


def _where(kind: _Kind, rows: Mapping[str, Numbers]) -> Numbers:
    return rows[kind.side]


def _mixed(first: Numbers, second: Numbers) -> Numbers:
    """Return a number for each pair of a digest and another number."""
    found: Numbers = (first ^ (first >> np.uint64(29))) * SPREADING + second.astype(np.int64).view(np.uint64)
    return found


def present(values: Numbers, wanted: Numbers) -> npt.NDArray[np.bool_]:
    """Whether each of a few numbers is among the values; what is found is not looked for any more."""
    if not len(values):
        return np.zeros(len(wanted), bool)
    left = unique(wanted)
    for start in range(0, len(values), _CHUNK):
        some = values[start : start + _CHUNK]
        found = some[among(some, left)]
        if len(found):
            left = setdiff1d(left, found)
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
