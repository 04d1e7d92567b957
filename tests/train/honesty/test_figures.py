"""Honesty figures: complete, reproducible, with intervals by device; shown on a page and as rows."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from corpus.sections import Training
from corpus.storage import Store, open_store
from shards.index import Index, read_index
from train.evaluation.pages.honesty import honesty_sections, honesty_tables
from train.honesty.figures import honesty_figures

CPU = torch.device("cpu")


class Guess(nn.Module):
    """A network that always names the first camera."""

    def forward(self, crops: Tensor) -> Tensor:
        return torch.tensor([[1.0, 0.0, 0.0]]).expand(len(crops), 3)


@pytest.fixture(scope="module")
def figures(filled_once: str, settings: Callable[..., Training]) -> dict[str, object]:
    store = open_store(str(filled_once))
    index = read_index(store, "0001-abcdef")
    rows = index.selection("test").spread()
    found = honesty_figures(Guess(), CPU, store, index, rows, settings(test_crops=1))
    assert honesty_figures(Guess(), CPU, store, index, rows, settings(test_crops=1)) == found
    return found


def test_a_guess_is_known_for_one(figures: dict) -> None:
    assert (figures["photos"], figures["devices"], figures["training_photos"]) == (12, 6, 18)
    assert figures["network"]["accuracy"] == pytest.approx(1 / 3) == figures["chance"]
    conflict = figures["cue_conflict"]
    assert conflict["detail"] == pytest.approx(1 / 3)
    assert conflict["detail"] + conflict["scene"] + conflict["neither"] == pytest.approx(1)
    assert figures["metadata"]["quantisation tables"]["accuracy"] <= 0.5  # all cameras share them
    for told in (figures["scenes_probe"], figures["contents_probe"], *figures["metadata"].values()):
        assert told["gain"] == pytest.approx(figures["network"]["accuracy"] - told["accuracy"])
        if told["gain_interval"] is not None:  # there is none where no device differs from another
            assert told["gain_interval"][0] <= told["gain"] <= told["gain_interval"][1]
    assert any("tables and sizes alone" in note for note in figures["notes"])


def test_the_figures_are_shown_with_their_intervals_and_given_as_rows(figures: dict) -> None:
    tables = honesty_tables(figures)
    assert [row["answered_by"] for row in tables["cue_conflict"]] == ["detail", "scene", "neither"]
    assert len(tables["other_evidence"]) == 5
    assert tables["other_evidence"][0]["gain"]["value"] is None
    (text,) = honesty_sections(figures)
    assert f"{figures['cue_conflict']['detail']:.3f}" in text
    assert "the scene at 64×64" in text


def test_photographs_of_one_camera_give_a_note_and_no_figures(
    tmp_path: object, fill: Callable[..., Index], settings: Callable[..., Training]
) -> None:
    store: Store = open_store(f"{tmp_path}/data")
    index = fill(store, {"train": 2, "test": 2})
    rows = index.selection("test").spread()
    figures = honesty_figures(Guess(), CPU, store, index, rows[index.labels(rows) == 0], settings())
    assert "two cameras" in figures["notes"][0]
    assert honesty_tables(figures) == {}
    assert "two cameras" in honesty_sections(figures)[0]


def test_too_few_devices_give_no_false_narrow_interval(filled: Store, settings: Callable[..., Training]) -> None:
    index = read_index(filled, "0001-abcdef")
    rows = index.selection("test").spread()
    labels = index.labels(rows)
    one_of_each = np.array([rows[labels == label][0] for label in range(3)])
    figures = honesty_figures(Guess(), CPU, filled, index, one_of_each[:2], settings(test_crops=1))
    low, high = figures["network"]["interval"] or (0, 1)
    assert high - low > 0.5


def test_every_camera_counts_alike_beside_a_chance_of_one_in_so_many(
    filled: Store, settings: Callable[..., Training]
) -> None:
    index = read_index(filled, "0001-abcdef")
    rows = index.selection("test").spread()
    labels = index.labels(rows)
    uneven = np.concatenate([rows[labels == 0], rows[labels == 1][:1], rows[labels == 2][:1]])
    figures = honesty_figures(Guess(), CPU, filled, index, uneven, settings(test_crops=1))
    assert (figures["photos"], figures["cameras"]) == (6, 3)
    assert figures["chance"] == pytest.approx(1 / 3)
    assert figures["network"]["accuracy"] == pytest.approx(1 / 3)  # of the photographs four of six are right
