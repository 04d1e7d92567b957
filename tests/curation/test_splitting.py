"""Groups and splits: one device on one side, for ever, and every camera with enough devices on all sides."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.splitting import SPLITS, assign_splits, group_of, has_serial

SHARES = {"test": 0.2, "validation": 0.1}
KEPT = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 12).map(lambda number: f"{number:016x}")), max_size=80
)
OWN_GROUPS = KEPT.map(lambda pairs: [(camera, f"{camera}{group}") for camera, group in pairs])


def splits_by_camera(kept, splits):
    found = defaultdict(lambda: defaultdict(set))
    for camera, group in kept:
        found[camera][splits[group]].add(group)
    return found


def test_device_is_its_serial_number_whoever_owns_it():
    assert group_of("nex-7", "1234567", "flickr", "ann") == group_of("nex-7", " 1234567 ", "wikimedia", "bob")
    assert group_of("nex-7", "1234567", "flickr", "ann") != group_of("nex-7", "1234568", "flickr", "ann")
    assert group_of("nex-7", "1234567", "flickr", "ann") != group_of("nikon-d70", "1234567", "flickr", "ann")


def test_owner_stands_for_the_device_where_no_serial_tells():
    assert group_of("nex-7", None, "flickr", "ann") == group_of("nikon-d70", "0000000", "flickr", "ann")
    assert group_of("nex-7", None, "flickr", "ann") != group_of("nex-7", None, "flickr", "bob")
    assert group_of("nex-7", None, "flickr", "ann") != group_of("nex-7", None, "wikimedia", "ann")


def test_group_tells_neither_owner_nor_serial_number():
    group = group_of("nex-7", "1234567", "flickr", "ann")
    assert len(group) == 16
    assert int(group, 16) >= 0


@pytest.mark.parametrize(
    "serial",
    [None, "", "    ", "0", "000000000", "xxxxxx", "unknown", "None", "N/A", "123456789", "0123456789", "12", "---- "],
)
def test_implausible_serial_numbers_are_none(serial):
    assert not has_serial(serial)


@pytest.mark.parametrize(
    "serial", ["3223111", "NO= 20025295", "KCTFY62401197", "7d2ed18fec733f57faa2ea5415a75c9f", "SN01"]
)
def test_plausible_serial_numbers_tell(serial):
    assert has_serial(serial)


def test_camera_with_one_group_trains_with_two_tests_with_three_validates():
    one = [("a", "g1")] * 5
    two = [*one, *[("a", "g2")] * 4]
    three = [*two, *[("a", "g3")] * 3]
    assert assign_splits({}, one, **SHARES) == {"g1": "train"}
    assert assign_splits({}, two, **SHARES) == {"g1": "train", "g2": "test"}
    assert assign_splits({}, three, **SHARES) == {"g1": "train", "g2": "test", "g3": "validation"}


def test_later_groups_fill_the_splits_the_camera_lacks():
    ledger = {"g1": "train"}
    ledger = assign_splits(ledger, [("a", "g1"), ("a", "g2")], **SHARES)
    ledger = assign_splits(ledger, [("a", "g1"), ("a", "g2"), ("a", "g3")], **SHARES)
    assert ledger == {"g1": "train", "g2": "test", "g3": "validation"}


def test_shares_of_many_groups_are_close_to_those_asked_for():
    kept = [("a", f"{group:016x}") for group in range(60) for _ in range(1 + group % 7)]
    splits = assign_splits({}, kept, **SHARES)
    share = {split: sum(splits[group] == split for _, group in kept) / len(kept) for split in SPLITS}
    assert share == pytest.approx({"train": 0.7, "test": 0.2, "validation": 0.1}, abs=0.03)


@settings(deadline=None, max_examples=150)
@given(KEPT, KEPT)
def test_adding_photos_never_moves_a_group(first, more):
    before = assign_splits({}, first, **SHARES)
    after = assign_splits(before, [*first, *more], **SHARES)
    assert before.items() <= after.items()
    assert assign_splits(after, more, **SHARES) == after


@settings(deadline=None, max_examples=150)
@given(KEPT)
def test_every_group_gets_one_split_whatever_the_order(kept):
    splits = assign_splits({}, kept, **SHARES)
    assert splits.keys() == {group for _, group in kept}
    assert set(splits.values()) <= set(SPLITS)
    assert assign_splits({}, sorted(kept), **SHARES) == splits


@settings(deadline=None, max_examples=150)
@given(OWN_GROUPS)
def test_cameras_with_groups_of_their_own_are_in_as_many_splits_as_they_can(kept):
    for found in splits_by_camera(kept, assign_splits({}, kept, **SHARES)).values():
        groups = sum(map(len, found.values()))
        assert set(found) == set(SPLITS[: min(groups, 3)])


@settings(deadline=None, max_examples=100)
@given(st.lists(OWN_GROUPS, min_size=1, max_size=5))
def test_cameras_are_in_all_splits_after_many_refreshes_too(refreshes):
    ledger, kept = {}, []
    for more in refreshes:
        kept += more
        ledger = assign_splits(ledger, kept, **SHARES)
    for found in splits_by_camera(kept, ledger).values():
        assert set(found) == set(SPLITS[: min(sum(map(len, found.values())), 3)])
