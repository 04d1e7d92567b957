"""Groups and splits: a device stays in one split for good, and a camera with enough devices is in all splits."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.records import SPLITS
from curation.judging.splits import PREFERENCE, assign_folds, assign_splits, group_of

SHARES = {"test": 0.2, "validation": 0.1}
FOLDS = 5
KEPT = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 12).map(lambda number: f"{number:016x}")), max_size=80
)
OWN_GROUPS = KEPT.map(lambda pairs: [(camera, f"{camera}{group}") for camera, group in pairs])


def counted(kept):
    """Return numbers of photos by camera and group, of (camera, group) a photo."""
    found = defaultdict(Counter)
    for camera, group in kept:
        found[camera][group] += 1
    return found


def splits_of(ledger, kept):
    return assign_splits(ledger, counted(kept), **SHARES)


def splits_by_camera(kept, splits):
    found = defaultdict(lambda: defaultdict(set))
    for camera, group in kept:
        found[camera][splits[group]].add(group)
    return found


def test_a_group_is_the_device_where_one_is_known_else_the_owner():
    assert group_of("d" * 16, "flickr", "ann") == group_of("d" * 16, "wikimedia", "bob") == "d" * 16
    assert group_of(None, "flickr", "ann") != group_of(None, "flickr", "bob")
    assert group_of(None, "flickr", "ann") != group_of(None, "wikimedia", "ann")


def test_group_tells_neither_owner_nor_serial_number():
    group = group_of(None, "flickr", "ann")
    assert len(group) == 16
    assert int(group, 16) >= 0


def test_camera_with_one_group_trains_with_two_tests_with_three_validates():
    one = [("a", "g1")] * 5
    two = [*one, *[("a", "g2")] * 4]
    three = [*two, *[("a", "g3")] * 3]
    assert splits_of({}, one) == {"g1": "train"}
    assert splits_of({}, two) == {"g1": "train", "g2": "test"}
    assert splits_of({}, three) == {"g1": "train", "g2": "test", "g3": "validation"}


def test_later_groups_fill_the_splits_the_camera_lacks():
    ledger = {"g1": "train"}
    ledger = splits_of(ledger, [("a", "g1"), ("a", "g2")])
    ledger = splits_of(ledger, [("a", "g1"), ("a", "g2"), ("a", "g3")])
    assert ledger == {"g1": "train", "g2": "test", "g3": "validation"}


def test_shares_of_many_groups_are_close_to_those_asked_for():
    kept = [("a", f"{group:016x}") for group in range(60) for _ in range(1 + group % 7)]
    splits = splits_of({}, kept)
    share = {split: sum(splits[group] == split for _, group in kept) / len(kept) for split in SPLITS}
    assert share == pytest.approx({"train": 0.7, "test": 0.2, "validation": 0.1}, abs=0.03)


@settings(deadline=None, max_examples=150)
@given(KEPT, KEPT)
def test_adding_photos_never_moves_a_group(first, more):
    before = splits_of({}, first)
    after = splits_of(before, [*first, *more])
    assert before.items() <= after.items()
    assert splits_of(after, more) == after


@settings(deadline=None, max_examples=150)
@given(KEPT)
def test_every_group_gets_one_split_whatever_the_order(kept):
    splits = splits_of({}, kept)
    assert splits.keys() == {group for _, group in kept}
    assert set(splits.values()) <= set(SPLITS)
    assert splits_of({}, sorted(kept)) == splits


@settings(deadline=None, max_examples=150)
@given(OWN_GROUPS)
def test_cameras_with_groups_of_their_own_are_in_as_many_splits_as_they_can(kept):
    for found in splits_by_camera(kept, splits_of({}, kept)).values():
        groups = sum(map(len, found.values()))
        assert set(found) == set(PREFERENCE[: min(groups, 3)])


@settings(deadline=None, max_examples=100)
@given(st.lists(OWN_GROUPS, min_size=1, max_size=5))
def test_cameras_are_in_all_splits_after_many_refreshes_too(refreshes):
    ledger, kept = {}, []
    for more in refreshes:
        kept += more
        ledger = splits_of(ledger, kept)
    for found in splits_by_camera(kept, ledger).values():
        assert set(found) == set(PREFERENCE[: min(sum(map(len, found.values())), 3)])


def test_a_group_of_two_cameras_is_bound_by_the_one_with_fewer_groups():
    photos = {"a": {"shared": 9, "g1": 1}, "b": {"shared": 1, "g2": 1, "g3": 1, "g4": 1}}
    splits = assign_splits({}, photos, **SHARES)
    assert (splits["shared"], splits["g1"]) == ("train", "test")
    assert {splits[group] for group in photos["b"]} == set(SPLITS)


def test_shares_are_of_photos_and_not_of_groups():
    photos = {"a": {"big": 70, "middle": 20, "small": 10}}
    assert assign_splits({}, photos, **SHARES) == {"big": "train", "middle": "test", "small": "validation"}


def folds_of(ledger, kept):
    return assign_folds(ledger, counted(kept), FOLDS)


def test_folds_of_many_groups_hold_about_as_many_photos_of_every_camera():
    kept = [(camera, f"{camera}{group:015x}") for camera in "abc" for group in range(60) for _ in range(1 + group % 7)]
    folds = folds_of({}, kept)
    for camera in "abc":
        held = Counter(folds[group] for of, group in kept if of == camera)
        assert set(held) == set(range(FOLDS))
        assert max(held.values()) - min(held.values()) <= 2


def test_a_camera_with_fewer_groups_than_folds_has_each_in_a_fold_of_its_own():
    photos = {"a": {f"{number:016x}": 10 - number for number in range(4)}}
    assert len(set(assign_folds({}, photos, FOLDS).values())) == 4


def test_cameras_of_one_group_do_not_all_begin_at_the_same_fold():
    photos = {f"camera{number}": {f"{number:08x}{0:08x}": 5} for number in range(20)}
    assert set(assign_folds({}, photos, FOLDS).values()) == set(range(FOLDS))


@settings(deadline=None, max_examples=150)
@given(KEPT, KEPT)
def test_adding_photos_never_moves_a_group_to_another_fold(first, more):
    before = folds_of({}, first)
    after = folds_of(before, [*first, *more])
    assert before.items() <= after.items()
    assert folds_of(after, more) == after


@settings(deadline=None, max_examples=150)
@given(KEPT, st.integers(2, 9))
def test_every_group_gets_one_fold_whatever_the_order(kept, number):
    folds = assign_folds({}, counted(kept), number)
    assert folds.keys() == {group for _, group in kept}
    assert set(folds.values()) <= set(range(number))
    assert assign_folds({}, counted(kept[::-1]), number) == folds


@settings(deadline=None, max_examples=150)
@given(st.lists(OWN_GROUPS, min_size=1, max_size=4))
def test_no_fold_holds_more_of_a_camera_than_its_largest_group_above_another_after_refreshes_by_new_groups(refreshes):
    ledger, kept = {}, []
    for refresh, more in enumerate(refreshes):
        kept += [(camera, f"{group}{refresh}") for camera, group in more]
        ledger = folds_of(ledger, kept)
    for groups in counted(kept).values():
        held = Counter(dict.fromkeys(range(FOLDS), 0))
        for group, photos in groups.items():
            held[ledger[group]] += photos
        assert max(held.values()) - min(held.values()) <= max(groups.values())


def test_groups_that_share_a_device_have_one_fold_when_folds_are_made_anew():
    photos = {"a": {f"{number:016x}": 1 for number in range(20)}}
    one, two, three = (f"{number:016x}" for number in (1, 3, 7))
    bound = {two: one, three: one}
    folds = assign_folds({}, photos, FOLDS, bound)
    assert folds.keys() == photos["a"].keys()
    assert folds[one] == folds[two] == folds[three]
    assert assign_folds(folds, photos, FOLDS, bound) == folds
