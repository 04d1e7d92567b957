"""The table of probabilities: of the central squares of photographs, as if their tiles were decoded whole."""

from collections.abc import Callable, Iterable
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index, read_index
from shards.reader import Tile, TileReader
from train.data.crops import central_rectangle, decode, fixed_crops, to_tensor
from train.data.manipulations import MANIPULATIONS
from train.evaluation import probabilities
from train.evaluation.probabilities import CONDITIONS, ONE_OF_THEM, geometric_mean, network_logits, probability_table

CPU = torch.device("cpu")


class Colours(nn.Module):
    """A network whose answer tells every pixel of a crop, weighted by its place."""

    def forward(self, crops: Tensor) -> Tensor:
        places = torch.linspace(0.5, 1.5, crops.shape[2] * crops.shape[3]).reshape(crops.shape[2:])
        return (crops.float() * places).mean(dim=(2, 3)) / 16


@pytest.fixture
def index(filled: Store) -> Index:
    return read_index(filled, "0001-abcdef")


@pytest.mark.parametrize("conditions", [CONDITIONS, ONE_OF_THEM])
def test_probabilities_are_those_of_tiles_that_are_decoded_whole(
    filled: Store, index: Index, settings: Callable[..., Training], conditions: tuple[str, ...]
) -> None:
    rows = index.selection("test", least_px=64).spread()
    table = probability_table(Colours(), CPU, filled, index, rows, settings(), conditions=conditions, crops=2)
    assert table.photos == tuple(index.photo_names(rows))
    assert table.labels.tolist() == [0, 1, 2] * 4
    assert len(set(table.devices)) == 6
    eight = tuple(MANIPULATIONS.values())
    for number, tile in enumerate(TileReader(filled, index).tiles(index.central_tiles(rows))):
        assert isinstance(tile, Tile)
        x_px, y_px, width_px, height_px = central_rectangle(tile.width_px, tile.height_px, 64)
        square = decode(tile.jpeg)[y_px : y_px + height_px, x_px : x_px + width_px]
        for place, condition in enumerate(conditions):
            manipulation = MANIPULATIONS.get(condition, eight[number % 8])
            picture = manipulation.apply(square) if place else square
            logits = network_logits(Colours(), CPU, to_tensor(fixed_crops(picture, 32, 2)), 8)
            assert table.probabilities[number, place].tolist() == geometric_mean(logits).tolist()


def test_what_is_sent_to_a_loader_is_small_however_many_photographs_there_are(
    filled: Store, index: Index, settings: Callable[..., Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    class SentError(Exception):
        pass

    def load(data: object, wanted: Iterable[object], loaders: int) -> None:
        first = next(iter(wanted))
        raise SentError(len(ForkingPickler.dumps(data)), len(ForkingPickler.dumps(first)))

    monkeypatch.setattr(probabilities, "load", load)
    many = np.tile(index.selection("test", least_px=64).spread(), 20_000)
    with pytest.raises(SentError) as sent:
        probability_table(Colours(), CPU, filled, index, many, settings(), conditions=ONE_OF_THEM, crops=1)
    assert max(sent.value.args) < 10_000


def test_a_photograph_whose_tile_is_damaged_is_left_out_and_named(
    filled: Store, index: Index, settings: Callable[..., Training], damage_tiles: Callable[..., list[str]]
) -> None:
    rows = index.selection("test", least_px=64).spread()
    whole = probability_table(Colours(), CPU, filled, index, rows, settings(), conditions=ONE_OF_THEM, crops=1)
    [key] = damage_tiles(filled, index, index.central_tiles(rows[4:5]))
    table = probability_table(Colours(), CPU, filled, index, rows, settings(), conditions=ONE_OF_THEM, crops=1)
    [skipped] = table.skipped
    assert (skipped.number, skipped.key) == (4, key)
    assert table.photos == whole.photos[:4] + whole.photos[5:]
    assert (table.probabilities == np.delete(whole.probabilities, 4, axis=0)).all()
