"""Answers: of the challenge's squares of photographs, as if their tiles were decoded whole, and as a file."""

from collections.abc import Callable, Iterable
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from corpus.errors import StorageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from shards.reader import Tile, TileReader
from train.data import answers as module
from train.data.answers import (
    CHALLENGE,
    OFF_GRID,
    QUICK,
    UNALTERED,
    Answers,
    Condition,
    condition_crops,
    judge,
    middle,
    network_logits,
    publish_answers,
    read_answers,
    turns_of,
)
from train.data.crops import decode, fixed_rectangles, to_tensor
from train.data.manipulations import MANIPULATIONS, Manipulation, resize
from train.model.scores import crops_together, softmax

CPU = torch.device("cpu")


class Colours(nn.Module):
    """A network whose answer tells every pixel of a crop, weighted by its place."""

    def forward(self, crops: Tensor) -> Tensor:
        places = torch.linspace(0.5, 1.5, crops.shape[2] * crops.shape[3]).reshape(crops.shape[2:])
        return (crops.float() * places).mean(dim=(2, 3)) / 16


@pytest.fixture
def coordinates() -> np.ndarray:
    """A picture of 1024 px whose pixels tell where they are: red and green are the column, blue the row by 8."""
    column, row = np.meshgrid(np.arange(1024), np.arange(1024))
    return np.stack([column % 256, column // 256, row // 8], axis=2).astype(np.uint8)


@pytest.mark.parametrize("conditions", [CHALLENGE, QUICK])
def test_answers_are_those_of_tiles_that_are_decoded_whole(
    filled: Store, index: Index, settings: Callable[..., Training], conditions: tuple[Condition, ...]
) -> None:
    rows = index.selection("test", least_px=64).spread()
    answers = judge(Colours(), CPU, filled, index, rows, settings(), conditions=conditions, crops=2)
    assert answers.photos == tuple(index.photo_names(rows))
    assert answers.labels.tolist() == [0, 1, 2] * 4
    assert len(set(answers.devices)) == 6
    assert answers.conditions == tuple(condition.name for condition in conditions)
    eight = tuple(MANIPULATIONS.values())
    turns = turns_of(index.labels(rows))
    for number, tile in enumerate(TileReader(filled, index).tiles(index.central_tiles(rows))):
        assert isinstance(tile, Tile)
        for place, condition in enumerate(conditions):
            manipulation = MANIPULATIONS.get(condition.name, eight[turns[number] % 8])
            picture = manipulation.apply(decode(tile.jpeg)) if place else decode(tile.jpeg)
            places = fixed_rectangles(picture.shape[1], picture.shape[0], 32, 2)
            crops = [picture[y : y + 32, x : x + 32] for x, y, *_ in places]
            logits = network_logits(Colours(), CPU, to_tensor(crops), 8)
            assert answers.logits[number, place].tolist() == logits.tolist()
            expected = softmax(crops_together(logits.numpy()))
            assert answers.probabilities()[number, place] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("cameras", [2, 8, 10])
def test_photographs_take_turns_at_conditions_within_their_camera(cameras: int) -> None:
    labels = np.tile(np.arange(cameras), 16)  # as a selection is spread: the cameras in turn
    turns = np.array(turns_of(labels)) % 8
    for label in range(cameras):
        assert np.bincount(turns[labels == label], minlength=8).tolist() == [2] * 8
    one_each = np.array(turns_of(np.arange(8)))
    assert sorted(one_each % 8) == list(range(8))  # of a photograph each, all conditions still come


def test_the_square_is_the_middle_512_px_of_the_manipulated_photograph(coordinates: np.ndarray) -> None:
    for condition in CHALLENGE:
        x_px, _, width_px, _ = middle(1024, 1024, condition.scale)
        assert x_px % 16 == 0
        edge_px = round(width_px * condition.scale)
        assert edge_px >= 512
        places = fixed_rectangles(edge_px, edge_px, 480, 5)
        left, right = min(x for x, *_ in places), max(x for x, *_ in places) + 480
        assert right - left <= 512
        centre_px = x_px + (left + right) / 2 / condition.scale
        assert centre_px == pytest.approx(512, abs=32)
    [crop] = condition_crops(coordinates, UNALTERED, 480, 1)
    x_px = int(crop[0, 0, 0]) + 256 * int(crop[0, 0, 1])
    assert crop.shape == (480, 480, 3)
    assert x_px in range(240, 305, 8)


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0, 2.0])
def test_crops_are_taken_where_prediction_takes_them_which_is_not_told_of_a_scale(
    coordinates: np.ndarray, scale: float
) -> None:
    def shown(picture: np.ndarray) -> np.ndarray:
        return coordinates[: picture.shape[0], : picture.shape[1]]

    edge_px = middle(1024, 1024, scale)[2]
    found = condition_crops(coordinates, Condition("told", shown, scale), 112, 9)
    wanted = fixed_rectangles(edge_px, edge_px, 112, 9)
    assert len(found) == 9
    assert [(int(crop[0, 0, 0]) + 256 * int(crop[0, 0, 1]), int(crop[0, 0, 2])) for crop in found] == [
        (x_px, y_px // 8) for x_px, y_px, *_ in wanted
    ]


@pytest.mark.parametrize("condition", OFF_GRID, ids=lambda each: each.name)
def test_crops_off_the_grid_begin_behind_a_line_of_it(coordinates: np.ndarray, condition: Condition) -> None:
    plain = next(each for each in (condition, *condition.in_turn) if each.offset_px != (0, 0))
    for crop in condition_crops(coordinates, Condition("off", offset_px=plain.offset_px), 112, 9):
        assert int(crop[0, 0, 0]) % 8 == 3
    [crop] = condition_crops(coordinates[5:], Condition("off", offset_px=plain.offset_px), 112, 1)
    assert int(crop[0, 0, 2]) == int(crop[2, 0, 2]) == int(crop[5, 0, 2])  # rows begin at 5 + 5 px: five of 8 are alike


def test_a_tile_smaller_than_the_square_is_used_whole(coordinates: np.ndarray) -> None:
    assert middle(96, 80, 1.0) == (0, 0, 96, 80)
    small = coordinates[:80, :96]
    assert [int(crop[0, 0, 0]) for crop in condition_crops(small, UNALTERED, 80, 5)] == [8, 0, 16]
    with pytest.raises(ValueError, match="smaller than the network's crop of 96 px"):
        condition_crops(small, UNALTERED, 96, 1)


def test_a_change_and_a_view_of_ones_own_are_a_condition(
    filled: Store, index: Index, settings: Callable[..., Training]
) -> None:
    rows = index.selection("test", least_px=64).spread()[:3]
    conditions = (Condition("x0.75", Manipulation("scale", 0.75).apply, 0.75), Condition("upside down", view=np.flipud))
    answers = judge(Colours(), CPU, filled, index, rows, settings(), conditions=conditions, crops=1)
    [tile] = TileReader(filled, index).tiles(index.central_tiles(rows[:1]))
    assert isinstance(tile, Tile)
    [(x_px, y_px, *_)] = fixed_rectangles(72, 72, 32, 1)
    small = resize(decode(tile.jpeg), 0.75)[y_px : y_px + 32, x_px : x_px + 32]
    turned = np.flipud(decode(tile.jpeg)[32:64, 32:64])
    expected = network_logits(Colours(), CPU, to_tensor([small, turned]), 8)
    assert answers.logits[0, :, 0].tolist() == expected.tolist()


def test_what_is_sent_to_a_loader_is_small_however_many_photographs_there_are(
    filled: Store, index: Index, settings: Callable[..., Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    class SentError(Exception):
        pass

    def load(data: object, wanted: Iterable[object], loaders: int) -> None:
        first = next(iter(wanted))
        raise SentError(len(ForkingPickler.dumps(data)), len(ForkingPickler.dumps(first)))

    monkeypatch.setattr(module, "load", load)
    many = np.tile(index.selection("test", least_px=64).spread(), 20_000)
    with pytest.raises(SentError) as sent:
        judge(Colours(), CPU, filled, index, many, settings(), conditions=QUICK, crops=1)
    assert max(sent.value.args) < 10_000


def test_a_photograph_whose_tile_is_damaged_is_left_out_and_named(
    filled: Store, index: Index, settings: Callable[..., Training], damage_tiles: Callable[..., list[str]]
) -> None:
    rows = index.selection("test", least_px=64).spread()
    whole = judge(Colours(), CPU, filled, index, rows, settings(), conditions=QUICK, crops=1)
    [key] = damage_tiles(filled, index, index.central_tiles(rows[4:5]))
    answers = judge(Colours(), CPU, filled, index, rows, settings(), conditions=QUICK, crops=1)
    [skipped] = answers.skipped
    assert (skipped.number, skipped.key) == (4, key)
    assert answers.photos == whole.photos[:4] + whole.photos[5:]
    assert (answers.logits == np.delete(whole.logits, 4, axis=0)).all()


def answers_with(logits: np.ndarray) -> Answers:
    photos = len(logits)
    return Answers(
        tuple(f"{number:016x}" for number in range(photos)),
        np.arange(photos) % logits.shape[-1],
        tuple(f"d{number % 2}" for number in range(photos)),
        tuple(f"c{number}" for number in range(logits.shape[1])),
        logits.astype(np.float32),
    )


def test_crops_are_joined_by_the_geometric_mean_and_missing_ones_do_not_count() -> None:
    shares = np.array([[0.9, 0.1], [0.4, 0.6]])
    logits = np.full((2, 1, 3, 2), np.nan)
    logits[0, 0, :2] = np.log(shares) + 7.0
    logits[1, 0, :1] = np.log(shares[1:])
    expected = np.sqrt([0.36, 0.06]) / np.sqrt([0.36, 0.06]).sum()
    answers = answers_with(logits)
    assert answers.probabilities()[0, 0] == pytest.approx(expected, abs=1e-6)
    assert answers.probabilities()[1, 0] == pytest.approx([0.4, 0.6], abs=1e-6)
    assert answers.probabilities(crops=1)[0, 0] == pytest.approx([0.9, 0.1], abs=1e-6)
    assert answers.probabilities(temperature=2.0)[1, 0] == pytest.approx(
        np.sqrt([0.4, 0.6]) / np.sqrt([0.4, 0.6]).sum(), abs=1e-6
    )


def test_a_file_of_answers_gives_them_back(tmp_path: object) -> None:
    store = Store(str(tmp_path))
    logits = np.random.default_rng(0).normal(size=(5, 2, 3, 4))
    logits[1, 1, 2] = np.nan
    written = answers_with(logits)
    publish_answers(store, "runs/0001-x", written)
    read = read_answers(store, "runs/0001-x")
    assert (read.photos, read.devices, read.conditions) == (written.photos, written.devices, written.conditions)
    assert read.labels.tolist() == written.labels.tolist()
    np.testing.assert_array_equal(read.logits, written.logits)
    some = read.under("c1").of(np.array([3, 1]))
    np.testing.assert_array_equal(some.logits, written.logits[[3, 1]][:, 1:])


@pytest.mark.parametrize(
    ("content", "told"), [(None, "has no answers.arrow"), (b"nonsense", "is not a file of answers")]
)
def test_a_file_of_answers_that_is_none_is_refused(tmp_path: object, content: bytes | None, told: str) -> None:
    store = Store(str(tmp_path))
    if content is not None:
        store.publish("runs/0001-x/answers.arrow", content)
    with pytest.raises(StorageError, match=told):
        read_answers(store, "runs/0001-x")
