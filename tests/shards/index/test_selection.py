"""What a run uses of an index, against the same asked of all rows one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.records import SPLITS

few = settings(max_examples=40, deadline=None)
SOME_SPLIT = st.sampled_from((*SPLITS, "train", "train", "train"))


@st.composite
def collections(draw):
    """Photographs of a few classes and groups, of several sizes, splits and folds."""
    groups = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=4, max_size=8, unique=True))
    sides = {group: (draw(SOME_SPLIT), draw(st.integers(0, 2))) for group in groups}
    photos = draw(st.lists(st.tuples(st.sampled_from(groups), st.integers(1, 3), st.sampled_from([64, 200, 512])),
                           min_size=10, max_size=40))  # fmt: skip
    return [
        {"label": group[0], "group": f"g{group[1]}", "tiles": tiles, "edge_px": edge_px, "split": sides[group][0],
         "fold": sides[group][1]}
        for group, tiles, edge_px in photos
    ]  # fmt: skip


@pytest.fixture(scope="session")
def indexed(made_up, photo):
    return lambda rows: made_up([photo(**row) for row in rows], 3, folds=3)


def wanted_photos(index, split, least_px):
    """Rows of a split's photos that are large enough, found one by one."""
    return [
        row
        for row in range(len(index.photos))
        if SPLITS[index.splits[index.photos["group"][row]]] == split and index.photos["least_px"][row] >= least_px
    ]


@given(collections(), SOME_SPLIT, st.sampled_from([0, 64, 65, 201, 600]), st.sampled_from([None, 0, 2]))
@few
def test_a_selection_has_the_photos_of_its_split_that_are_large_enough(indexed, rows, split, least_px, fold):
    index = indexed(rows) if fold is None else indexed(rows).holding_out(fold)
    selection = index.selection(split, least_px)
    wanted = wanted_photos(index, split, least_px)
    assert selection.all_photo_rows().tolist() == wanted
    assert selection.photos == len(wanted)
    assert selection.too_small == len(wanted_photos(index, split, 0)) - len(wanted)
    tiles = np.flatnonzero(np.isin(index.tiles["photo"], wanted))
    assert selection.tiles == len(tiles)
    assert selection.tile_rows(np.arange(selection.tiles)).tolist() == tiles.tolist()
    labels = index.labels(np.array(wanted, np.int64))
    assert selection.labels.tolist() == sorted(set(labels.tolist()))


@given(collections(), st.data())
@few
def test_a_selection_of_given_photos_has_no_others(indexed, rows, data):
    index = indexed(rows)
    whole = index.selection("train", 64)
    only = data.draw(st.lists(st.integers(0, len(index.photos) - 1), max_size=10))
    selection = index.selection("train", 64, only=only)
    wanted = sorted(set(only) & set(whole.all_photo_rows().tolist()))
    assert selection.all_photo_rows().tolist() == wanted
    rows_of_tiles = np.flatnonzero(np.isin(index.tiles["photo"], wanted))
    assert selection.tile_rows(np.arange(selection.tiles)).tolist() == rows_of_tiles.tolist()
    assert selection.photos_of_group.sum() == len(wanted)
    for group in range(len(selection.photos_of_group)):
        numbers = np.arange(selection.photos_of_group[group])
        photos = selection.photo_rows(np.full_like(numbers, group), numbers)
        assert set(index.photos["group"][photos].tolist()) == {selection.group_rows[group]}


@given(collections(), st.integers(0, 12))
@few
def test_photos_for_evaluation_come_from_the_classes_in_turns_in_the_order_of_their_digests(indexed, rows, most):
    index = indexed(rows)
    selection = index.selection("train")
    queues = {}
    for row in wanted_photos(index, "train", 0):
        queues.setdefault(int(index.labels(np.array([row]))[0]), []).append(row)
    for queue in queues.values():
        queue.sort(key=lambda row: int(index.photos["photo"][row]))
    turns = range(max(map(len, queues.values()), default=0))
    wanted = [queues[label][turn] for turn in turns for label in sorted(queues) if turn < len(queues[label])]
    assert selection.spread(most).tolist() == (wanted[:most] if most else wanted)


def test_tables_are_sorted_and_point_at_each_other(made_up, photo):
    photos = [photo(n % 3, f"g{n % 7}", 1 + n % 4, edge_px=100 + n % 9) for n in range(200)]
    index = made_up(photos, 5)
    groups = list(zip(index.groups["label"].tolist(), index.groups.texts("group", np.arange(21)), strict=True))
    assert groups == sorted({(each.label, each.group) for each in photos})
    least = index.photos["least_px"].astype(int)
    keys = list(zip(index.photos["group"].tolist(), (-least).tolist(), index.photos["photo"].tolist(), strict=True))
    assert keys == sorted(keys)
    assert index.tiles["photo"].tolist() == np.repeat(np.arange(200), index.photos["tiles"]).tolist()
    assert (np.cumsum(index.photos["tiles"]) - index.photos["tiles"] == index.photos["first_tile"]).all()
    assert (index.tiles["tile"][index.photos["first_tile"]] == 0).all()
    assert index.groups["tiles"].sum() == len(index.tiles) == sum(each.tiles for each in photos)
    assert (index.central_tiles(np.arange(200)) == index.photos["first_tile"]).all()
    order = index.rows_in_tars("train")
    places = list(zip(index.tiles["tar"][order].tolist(), index.tiles["row"][order].tolist(), strict=True))
    assert places == sorted(places)


def test_an_index_of_nothing_is_an_index(made_up):
    index = made_up([])
    selection = index.selection("train", 64)
    assert (selection.tiles, selection.photos, selection.too_small, selection.spread().tolist()) == (0, 0, 0, [])


def test_a_split_that_there_is_not_is_refused(made_up, photo):
    with pytest.raises(ValueError, match="'dev' is not one of train, validation, test"):
        made_up([photo(0, "a")]).selection("dev")
