"""The order of a run's samples: permutations, rounds, epochs, and what ranks and loaders make of them."""

import itertools
import math
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from corpus.errors import StageError
from shards.order import SMALL, Order, batches_of, generator, mix, numbers_of, permute

few = settings(max_examples=40, deadline=None)
any_key = st.integers(0, 2**64 - 1)


def permuted(key, size):
    numbers = np.arange(size, dtype=np.uint64)
    return permute(np.full(size, key, np.uint64), numbers, np.full(size, size, np.uint64)).tolist()


def permutations(size, keys):
    """Permutations of one size for many keys: a row for each key."""
    hashes = mix(np.arange(keys, dtype=np.uint64) + np.uint64(size * 10**6))
    columns = [
        permute(hashes, np.full(keys, number, np.uint64), np.full(keys, size, np.uint64)) for number in range(size)
    ]
    return np.stack(columns, axis=1).astype(np.int64)


def assert_even(counts, freedoms):
    """Check by chi-square that counts are those of equally likely cells: at most 5 deviations from what is expected."""
    expected = np.sum(counts) / np.size(counts)
    statistic = float(np.sum((np.asarray(counts) - expected) ** 2) / expected)
    assert abs(statistic - freedoms) < 5 * math.sqrt(2 * freedoms) + 5


# permutations


@given(any_key, st.integers(1, 5000))
@few
def test_every_number_below_the_size_comes_once(key, size):
    assert sorted(permuted(key, size)) == list(range(size))


sizes_of_all_kinds = st.one_of(st.integers(1, 40), st.integers(1, 10**12))


@given(st.lists(st.tuples(any_key, sizes_of_all_kinds, st.integers(0, 10**12)), min_size=1, max_size=50))
@few
def test_a_number_goes_where_it_goes_whatever_stands_beside_it(wanted):
    keys, sizes, numbers = (np.array(column, np.uint64) for column in zip(*wanted, strict=True))
    numbers %= sizes
    together = permute(keys, numbers, sizes)
    assert (together < sizes).all()
    for place in range(len(wanted)):
        one = slice(place, place + 1)
        assert permute(keys[one], numbers[one], sizes[one]) == together[one]


@pytest.mark.parametrize("size", range(1, 6))
def test_every_order_of_a_few_numbers_is_equally_likely(size):
    keys = 200 * math.factorial(size)
    orders = Counter(map(tuple, permutations(size, keys).tolist()))
    assert len(orders) == math.factorial(size)
    assert_even(list(orders.values()), max(math.factorial(size) - 1, 1))


@pytest.mark.parametrize("size", [*range(2, 13), 18, SMALL, SMALL + 1, 26, 27, 31, 48, 100])
def test_every_place_is_equally_likely_for_every_number_and_every_distance_for_two(size):
    found = permutations(size, 20_000)
    places = [np.bincount(found[:, number], minlength=size) for number in range(size)]
    assert_even(places, (size - 1) ** 2)
    for other in {1, size // 2, math.isqrt(size)} - {0}:
        distances = np.bincount((found[:, other] - found[:, 0]) % size, minlength=size)[1:]
        assert_even(distances, max(size - 2, 1))


def test_a_number_that_is_not_below_its_size_is_refused():
    with pytest.raises(ValueError, match="not below its size"):
        permute(np.zeros(1, np.uint64), np.full(1, 3, np.uint64), np.full(1, 3, np.uint64))


# epochs and rounds


@st.composite
def shapes(draw):
    """Photographs as (label, group, tiles), in any number of shards; classes of one photograph among them."""
    classes = draw(st.lists(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=5), min_size=1, max_size=4),
                            min_size=1, max_size=5))  # fmt: skip
    return [
        (label, f"device-{label}-{group}", tiles)
        for label, groups in enumerate(classes)
        for group, photos in enumerate(groups)
        for tiles in photos
    ], draw(st.integers(1, 40))


@pytest.fixture(scope="session")
def selected(made_up, photo):
    """A function from a shape to the selection of all its tiles."""
    return lambda shape: made_up([photo(*each) for each in shape[0]], shape[1]).selection("train")


@given(shapes(), any_key, st.integers(0, 10**9))
@few
def test_every_natural_epoch_has_every_tile_once_in_an_order_of_its_own(selected, shape, seed, epoch):
    selection = selected(shape)
    order = Order(selection, seed, "natural")
    assert order.epoch == sum(tiles for _, _, tiles in shape[0])
    rows = [order.rows(np.arange(n * order.epoch, (n + 1) * order.epoch)).tolist() for n in (epoch, epoch + 1)]
    assert sorted(rows[0]) == sorted(rows[1]) == list(range(order.epoch))
    if order.epoch > 20:
        assert rows[0] != rows[1]


def rounds(values, size):
    """The first whole rounds of a sequence."""
    return [values[first : first + size] for first in range(0, len(values) - size + 1, size)]


@given(shapes(), any_key)
@few
def test_balanced_samples_have_each_class_group_photo_and_tile_once_a_round(selected, shape, seed):
    selection = selected(shape)
    index, classes = selection.index, len(selection.labels)
    rows = Order(selection, seed, "balanced").rows(np.arange(600 * classes))
    photos = index.tiles.at("photo", rows)
    groups = index.photos.at("group", photos)
    labels = index.groups.at("label", groups)
    assert all(sorted(each) == selection.labels.tolist() for each in rounds(labels.tolist(), classes))
    for label in set(labels.tolist()):
        own = np.unique(groups[labels == label])
        for each in rounds(groups[labels == label].tolist(), len(own)):
            assert sorted(each) == own.tolist()
        for group in own.tolist():
            drawn = photos[groups == group]
            first, count = int(index.groups["first_photo"][group]), int(index.groups["photos"][group])
            assert all(sorted(each) == [*range(first, first + count)] for each in rounds(drawn.tolist(), count))
            for one in range(first, first + count):
                first_tile, tiles = int(index.photos["first_tile"][one]), int(index.photos["tiles"][one])
                found = rounds(rows[photos == one].tolist(), tiles)
                assert len(found) > 1
                assert all(sorted(each) == [*range(first_tile, first_tile + tiles)] for each in found)


def test_a_prolific_owner_is_not_the_class(selected):
    shape = [(0, "prolific", 1)] * 300 + [(0, "rare", 1)] * 3 + [(1, "only", 1)]
    selection = selected((shape, 3))
    index = selection.index
    rows = Order(selection, 1).rows(np.arange(400))
    groups = index.group_names(index.tiles.at("photo", rows))
    assert Counter(groups) == {"prolific": 100, "rare": 100, "only": 200}
    natural = index.group_names(index.tiles.at("photo", Order(selection, 1, "natural").rows(np.arange(304))))
    assert Counter(natural) == {"prolific": 300, "rare": 3, "only": 1}


@pytest.mark.parametrize("sampling", ["natural", "balanced"])
def test_the_order_depends_on_seed_and_number_alone(selected, sampling):
    selection = selected(([(label, f"{label}-{n % 5}", 3) for label in range(4) for n in range(30)], 7))
    order = Order(selection, 5, sampling)
    rows = order.rows(np.arange(3000))
    assert (pickle.loads(pickle.dumps(order)).rows(np.arange(3000)) == rows).all()
    assert (order.rows(np.arange(3000)[::-1])[::-1] == rows).all()
    assert [order.rows(np.array([number])).tolist()[0] for number in (0, 7, 1234)] == rows[[0, 7, 1234]].tolist()
    others = [Order(selection, seed, sampling).rows(np.arange(3000)) for seed in (6, 5 + 2**32, -5)]
    assert all((other == rows).mean() < 0.1 for other in others)
    assert len(pickle.dumps(order)) < 2000


def test_far_numbers_are_samples_like_others(selected):
    selection = selected(([(label, "only", 2) for label in range(3)], 1))
    for sampling in ("natural", "balanced"):
        rows = Order(selection, 1, sampling).rows(np.arange(2**62, 2**62 + 6))
        assert set(rows.tolist()) <= set(range(6))


def test_nothing_to_choose_from_and_contrary_wishes_are_refused(made_up, photo):
    selection = made_up([photo(0, "a")]).selection("test")
    with pytest.raises(StageError, match=r"split test has no tile; crawl more"):
        Order(selection, 1).rows(np.arange(1))
    with pytest.raises(ValueError, match="neither natural nor balanced"):
        Order(selection, 1, "shuffled")
    with pytest.raises(ValueError, match="numbered from 0"):
        Order(made_up([photo(0, "a")]).selection("train"), 1).rows(np.array([-1]))


# ranks, loaders, and runs that go on


def consumed(start, steps, batch, ranks, loaders, end=None):
    """Numbers in the order in which all ranks together consume them; each rank's loaders share its batches in turns."""
    by_rank = []
    for rank in range(ranks):
        batches = list(itertools.islice(batches_of(start, batch, rank, ranks, end), steps))
        own = [batches[loader :: max(loaders, 1)] for loader in range(max(loaders, 1))]
        by_rank.append([each for turn in itertools.zip_longest(*own) for each in turn if each is not None])
        assert by_rank[-1] == batches
    steps_taken = itertools.zip_longest(*by_rank, fillvalue=[])
    return [number for step in steps_taken for number in sorted(itertools.chain(*step))]


@given(st.data(), st.integers(0, 1000), st.integers(1, 9))
@few
def test_a_run_that_is_killed_and_goes_on_elsewhere_has_the_same_sequence(data, start, lives):
    position, seen = start, []
    for _ in range(lives):
        batch, ranks, loaders = (data.draw(st.integers(*span)) for span in ((1, 16), (1, 9), (0, 4)))
        numbers = consumed(position, data.draw(st.integers(0, 5)), batch, ranks, loaders)
        seen += numbers
        position += len(numbers)
    assert seen == list(range(start, position))


@given(shapes(), st.integers(1, 9), st.integers(0, 4), st.integers(1, 16), st.data())
@few
def test_all_ranks_and_loaders_together_have_every_tile_of_an_epoch_once(selected, shape, ranks, loaders, batch, data):
    order = Order(selected(shape), 11, "natural")
    stop = data.draw(st.integers(0, order.epoch))  # any sample: a kill need not respect batches
    before = [number for number in consumed(0, None, batch, ranks, loaders, order.epoch) if number < stop]
    other = data.draw(st.integers(1, 9))
    after = consumed(stop, None, batch + 1, other, (loaders + 1) % 5, order.epoch)
    rows = order.rows(np.array([*before, *after], np.int64)).tolist()
    assert sorted(rows) == list(range(order.epoch))
    assert rows == order.rows(np.arange(order.epoch)).tolist()


@given(st.integers(0, 10**6), st.integers(1, 64), st.integers(1, 9), st.integers(0, 8))
@few
def test_a_rank_takes_the_numbers_of_its_residue(start, batch, ranks, rank):
    rank %= ranks
    numbers = numbers_of(start, batch, rank, ranks)
    assert len(numbers) == batch
    assert set((numbers % ranks).tolist()) == {rank}
    assert numbers.min() >= start
    assert numbers.max() < start + batch * ranks


def test_a_rank_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="rank 2 is not one of 2"):
        numbers_of(0, 4, 2, 2)


class Rows:
    """A map-style data set that answers a whole batch of numbers at once."""

    def __init__(self, order):
        self.order = order

    def __getitems__(self, numbers):
        return self.order.rows(np.array(numbers)).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("loaders", [0, 1, 3])
def test_loader_processes_give_the_sequence_of_one_process(published, loaders):
    _, index = published(3)
    order = Order(index.selection("train"), 2, "balanced")
    for rank in range(2):
        numbers = list(itertools.islice(batches_of(5, 8, rank, 2), 12))
        loader = DataLoader(Rows(order), batch_sampler=numbers, num_workers=loaders, collate_fn=list)
        assert list(loader) == [order.rows(np.array(each)).tolist() for each in numbers]


# random numbers of one sample


def test_random_numbers_depend_on_seed_sample_and_purpose():
    def drawn(*what):
        return generator(*what).integers(2**63, size=8).tolist()

    assert drawn(1, 2, "crop") == drawn(1, 2, "crop")
    others = [
        drawn(*what) for what in ((1, 2, "crop"), (2, 2, "crop"), (1, 3, "crop"), (1, 2, "flip"), (-1, 2, "crop"))
    ]
    assert len(set(itertools.chain(*others))) == 8 * len(others)


def test_random_numbers_of_successive_samples_are_even():
    drawn = [generator(7, number, "crop").integers(16) for number in range(8000)]
    assert_even(np.bincount(drawn, minlength=16), 15)
    pairs = np.array(drawn[:-1:2]) * 16 + np.array(drawn[1::2])
    assert_even(np.bincount(pairs, minlength=256), 255)
