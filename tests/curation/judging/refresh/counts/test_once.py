"""What is counted once is the same whether all rows are counted or only what changed is looked up."""

import random

import numpy as np
import pytest

from corpus.records import SPLITS
from curation.judging.refresh.counts.once import COLUMNS, Once, Rest, once_after, present
from curation.judging.refresh.state.index import number_of
from curation.judging.refresh.uploads import NOBODY

CAMERAS = ("a", "b", "c")


def digest(text, number):
    return number_of(f"{text} {number}")


def some_row(chance):
    owner = chance.randrange(9)
    return {
        "_camera": number_of(chance.choice(CAMERAS)), "_published": digest("group", chance.randrange(12)),
        "_whom": digest("owner", owner), "_owner": digest("owner", owner) if owner else int(NOBODY),
        "_device": chance.choice([0, digest("device", chance.randrange(9))]),
        "_sha": digest("sha", chance.randrange(40)),
        "_scan": digest("scan", chance.randrange(40)), "_split": chance.randrange(3), "_fold": chance.randrange(5),
    }  # fmt: skip


def columns(rows):
    kinds = {"_split": np.int8, "_fold": np.int16}
    return {name: np.array([row[name] for row in rows], kinds.get(name, np.uint64)) for name in COLUMNS}


def several(rows, name, side="_split", wanted=lambda row: True):
    sides = {}
    for row in rows:
        if wanted(row):
            sides.setdefault(name(row), set()).add(row[side])
    return sum(len(of) > 1 for of in sides.values())


def counted(rows):
    """Return the same from all rows."""
    cameras = {}
    for key in CAMERAS:
        of = [row for row in rows if row["_camera"] == number_of(key)]
        if of:
            cameras[key] = {
                "groups": len({row["_published"] for row in of}),
                "owners": len({row["_whom"] for row in of}),
                "devices": len({row["_device"] for row in of} - {0}),
                "splits": {
                    split: len({row["_published"] for row in of if row["_split"] == place})
                    for place, split in enumerate(SPLITS)
                },
            }
    leaks = {
        "serials": several(rows, lambda row: row["_device"], wanted=lambda row: row["_device"]),
        "serials_in_folds": several(rows, lambda row: row["_device"], "_fold", wanted=lambda row: row["_device"]),
        "groups": several(rows, lambda row: row["_published"]),
        "bytes": several(rows, lambda row: row["_sha"]),
        "scans": several(rows, lambda row: row["_scan"]),
        "owners": several(
            rows, lambda row: (row["_owner"], row["_camera"]), wanted=lambda row: row["_owner"] != int(NOBODY)
        ),
    }
    return Once(cameras, leaks)


@pytest.mark.parametrize("chunk", [4, 1 << 16])
def test_counts_after_changes_are_those_of_all_rows(monkeypatch, chunk):
    monkeypatch.setattr("curation.judging.refresh.counts.once._CHUNK", chunk)
    chance, there, found = random.Random(1), [], Once({}, {})
    names = {number_of(key): key for key in CAMERAS}
    for turn in range(25):
        chance.shuffle(there)
        number = len(there) if turn == 20 else chance.randrange(min(6, len(there) + 1))
        gone, rest = there[:number], there[number:]
        new = [some_row(chance) for _ in range(chance.randrange(8))]
        stays = np.arange(len(there)) >= number
        found = once_after(found, columns(gone), columns(new), Rest(columns(there).get, stays), names, NOBODY)
        there = rest + new
        expected = counted(there)
        assert found.cameras == expected.cameras
        assert found.leaks == expected.leaks
    assert any(found.leaks.values())


def test_numbers_are_present_or_not_in_whatever_stretch_they_stand(monkeypatch):
    monkeypatch.setattr("curation.judging.refresh.counts.once._CHUNK", 10)
    values = np.array([digest("value", number) for number in range(95)], np.uint64)
    wanted = np.array([digest("value", number) for number in (94, 3, 200, 3)], np.uint64)
    assert present(values, wanted).tolist() == [True, True, False, True]
