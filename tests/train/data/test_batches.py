"""The sequence of samples: one for each seed, whoever makes it and however often it was interrupted."""

from collections import Counter
from collections.abc import Callable
from itertools import chain
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.data.batches import TrainingBatches
from train.data.samples import ATTEMPTS_MAX, Batch, TrainingSamples

Settings = Callable[..., Training]


def crops_of(batches: list[Batch]) -> list[bytes]:
    """Return each crop with its label, as bytes, in the order of the batches."""
    return [
        bytes([int(label)]) + crop.numpy().tobytes()
        for batch in batches
        for crop, label in zip(batch.crops, batch.labels, strict=True)
    ]


def test_batches_are_balanced_and_those_of_another_seed_are_others(
    filled: Store, index: Index, settings: Settings
) -> None:
    free = settings(batch=9, alignment_unknown=1.0)  # on the grid there are few places to choose from
    batches = list(TrainingBatches(filled, index, free)(0, 3))
    assert batches[0].crops.dtype == torch.uint8
    assert batches[0].crops.shape == (9, 3, 32, 32)
    assert [torch.bincount(batch.labels).tolist() for batch in batches] == [[3, 3, 3]] * 3
    again = list(TrainingBatches(filled, index, free)(0, 3))
    assert crops_of(batches) == crops_of(again)
    other = list(TrainingBatches(filled, index, free.model_copy(update={"seed": 1}))(0, 3))
    assert not set(crops_of(batches)) & set(crops_of(other))


def test_natural_sampling_gives_each_tile_once_in_every_round(filled: Store, index: Index, settings: Settings) -> None:
    samples = TrainingSamples(filled, index, settings(sampling="natural"))
    rows = samples.rows(np.arange(36))
    assert samples.order.epoch == 18
    assert Counter(rows[:18].tolist()) == Counter(rows[18:].tolist()) == Counter(set(rows.tolist()))
    assert rows[:18].tolist() != rows[18:].tolist()


@pytest.mark.slow
def test_the_sequence_is_the_same_for_any_loaders_and_from_any_place_on(
    filled: Store, index: Index, settings: Settings
) -> None:
    straight = crops_of(list(TrainingBatches(filled, index, settings(batch=6))(0, 8)))
    two = crops_of(list(TrainingBatches(filled, index, settings(batch=6, loaders=2))(0, 3)))
    three = crops_of(list(TrainingBatches(filled, index, settings(batch=10, loaders=3))(18, 3)))
    assert two + three == straight


@pytest.mark.parametrize("start", [0, 7])
def test_all_ranks_together_see_the_same_samples_as_one(
    filled: Store, index: Index, settings: Settings, start: int
) -> None:
    alone = crops_of(list(TrainingBatches(filled, index, settings(batch=12))(start, 2)))
    for ranks in (2, 3):
        parts = [
            crops_of(list(TrainingBatches(filled, index, settings(batch=12 // ranks), rank, ranks)(start, 2)))
            for rank in range(ranks)
        ]
        assert Counter(chain.from_iterable(parts)) == Counter(alone)
        assert parts[(start + 1) % ranks][0] == alone[1]


def test_several_crops_of_a_photograph_meet_in_one_step_of_all_ranks(
    filled: Store, index: Index, settings: Settings
) -> None:
    three = settings(batch=6, crops_per_photo=3)
    once, samples = TrainingSamples(filled, index, settings()), TrainingSamples(filled, index, three)
    numbers = np.arange(24)
    assert samples.rows(numbers).tolist() == np.repeat(once.rows(np.arange(8)), 3).tolist()
    assert samples.rows(numbers, 1).tolist() == np.repeat(once.rows(np.arange(8), 1), 3).tolist()
    alone = list(TrainingBatches(filled, index, three)(0, 2))
    assert len(set(crops_of(alone))) > 8  # mostly other places of the four tiles
    ranks = [next(iter(TrainingBatches(filled, index, three, rank, 2)(0, 1))) for rank in range(2)]
    assert sorted(torch.cat([batch.numbers for batch in ranks]).tolist()) == list(range(12))
    assert Counter(crops_of(ranks)) == Counter(crops_of(alone))


def test_crops_of_a_photograph_that_would_not_meet_are_refused(settings: Settings) -> None:
    with pytest.raises(ValidationError, match="crops_per_photo: 3 does not divide batch 8"):
        settings(crops_per_photo=3)


@pytest.mark.parametrize("reader", [{}, {"reader": "webdataset", "sampling": "natural", "crops_per_photo": 2}])
def test_batches_say_which_samples_they_are_and_which_were_manipulated(
    filled: Store, index: Index, settings: Settings, reader: dict[str, object]
) -> None:
    some, none, all_ = (
        next(iter(TrainingBatches(filled, index, settings(manipulation_probability=share, **reader))(16, 1)))
        for share in (0.5, 0.0, 1.0)
    )
    assert some.manipulated.dtype == torch.bool
    assert 0 < some.manipulated.sum() < 8
    assert not none.manipulated.any()
    assert all_.manipulated.all()
    assert len(set(some.numbers.tolist())) == len(some.crops) == 8
    if not reader:
        assert some.numbers.tolist() == list(range(16, 24))


def test_what_is_sent_to_a_loader_is_small_also_after_use(filled: Store, index: Index, settings: Settings) -> None:
    samples = TrainingSamples(filled, index, settings())
    samples.__getitems__([0, 1])
    assert len(ForkingPickler.dumps(samples)) < 10_000


def test_a_damaged_tile_is_replaced_by_another_one_named_and_the_same_again(
    filled: Store, index: Index, settings: Settings, damage_tiles: Callable[..., list[str]]
) -> None:
    samples = TrainingSamples(filled, index, settings(manipulation_probability=0.0))
    numbers = list(range(36))
    whole = crops_of([samples.__getitems__(numbers)])
    bad = int(samples.rows(np.array([5]))[0])
    [key] = damage_tiles(filled, index, [bad])
    again = TrainingSamples(filled, index, settings(manipulation_probability=0.0)).__getitems__(numbers)
    hit = np.flatnonzero(samples.rows(np.arange(36)) == bad).tolist()
    assert 5 in hit
    assert sorted({each.number for each in again.skipped}) == hit
    first = next(each for each in again.skipped if each.number == 5)
    assert (first.key, first.tar, first.attempt) == (key, index.tars[int(index.tiles["tar"][bad])], 0)
    assert first.what
    crops = crops_of([again])
    assert [place for place in numbers if crops[place] != whole[place]] == hit
    alone = TrainingSamples(filled, index, settings(manipulation_probability=0.0)).__getitems__([5])
    assert crops_of([alone]) == [crops[5]]


def test_where_everything_is_damaged_the_storage_is_blamed(
    filled: Store, index: Index, settings: Settings, damage_tiles: Callable[..., list[str]]
) -> None:
    damage_tiles(filled, index, index.rows_in_tars("train").tolist())
    with pytest.raises(StageError, match=rf"{1 + ATTEMPTS_MAX} tiles one after the other are damaged, the last .*tar"):
        TrainingSamples(filled, index, settings()).__getitems__([0])


def test_shuffled_labels_are_a_permutation_that_each_photograph_keeps(
    filled: Store, index: Index, settings: Settings
) -> None:
    samples = TrainingSamples(filled, index, settings(shuffle_labels=True))
    rows = index.rows_in_tars("train")
    shuffled = samples.labels(rows)
    true = index.labels(index.tiles.at("photo", rows))
    assert Counter(shuffled.tolist()) == Counter(true.tolist())
    assert (shuffled == true).sum() < 13
    other = TrainingSamples(filled, index, settings(shuffle_labels=True, seed=1)).labels(rows)
    assert other.tolist() != shuffled.tolist()
    batch = samples.__getitems__([3, 4])
    assert batch.labels.tolist() == samples.labels(samples.rows(np.array([3, 4]))).tolist()


def test_photographs_smaller_than_the_outer_crop_are_left_out_and_counted(
    filled: Store, fill: Callable[..., Index], settings: Settings
) -> None:
    index = fill(filled, {"train": 2}, edge_px=80, number=2)
    with pytest.raises(StageError, match=r"6 training photographs have tiles smaller than train.outer_crop_px 96"):
        TrainingBatches(filled, index, settings(outer_crop_px=96)).check()
    assert TrainingBatches(filled, index, settings(outer_crop_px=80)).check() == []


def test_one_camera_cannot_be_told_from_others(filled: Store, fill: Callable[..., Index], settings: Settings) -> None:
    index = fill(filled, {"train": 2}, cameras=("grainy",), number=2)
    with pytest.raises(StageError, match="training photographs of grainy, two cameras are needed"):
        TrainingBatches(filled, index, settings()).check()
