"""Training batches from whole tars: the same photographs, labels and kinds of crops as by the exact reader."""

import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
import torch

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store, open_store
from shards.entries import POOL
from shards.index import Index
from shards.reader import TileReader
from shards.streaming import StreamedTile, Unread
from train.data.batches import TrainingBatches
from train.data.samples import Batch, TrainingSamples
from train.data.streamed import StreamedSamples

Settings = Callable[..., Training]
STREAMED = {"reader": "webdataset", "sampling": "natural", "loaders": 0}


def first(batches: TrainingBatches, steps: int, start: int = 0) -> list[Batch]:
    return list(islice(batches(start, steps), steps))


def test_balanced_sampling_of_whole_tars_is_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="webdataset reads whole tars as they are and cannot balance the classes"):
        settings(reader="webdataset")


@pytest.mark.parametrize("loaders", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_batches_are_whole_of_all_classes_and_the_same_again(
    filled: Store, index: Index, settings: Settings, loaders: int
) -> None:
    streamed = settings(**STREAMED | {"loaders": loaders})
    batches = first(TrainingBatches(filled, index, streamed), 12)
    assert all(batch.crops.shape == (8, 3, 32, 32) for batch in batches)
    assert set(torch.cat([batch.labels for batch in batches]).tolist()) == {0, 1, 2}
    again = first(TrainingBatches(filled, index, streamed), 12)
    assert all((one.crops == other.crops).all() for one, other in zip(batches, again, strict=True))
    later = first(TrainingBatches(filled, index, streamed), 12, start=96)
    assert not all((one.crops == other.crops).all() for one, other in zip(batches, later, strict=True))


def test_crops_are_those_of_the_tile_also_by_its_restart_segments(
    filled: Store, index: Index, settings: Settings
) -> None:
    """Whole tiles as crops, unturned: each is one of those that the exact reader gives, with its label."""
    whole = {"crop_px": 48, "outer_crop_px": 96, "manipulation_probability": 0.0, "flips": "none", "batch": 4}
    exact = TrainingSamples(filled, index, settings(**whole))
    rows = index.rows_in_tars("train")
    known = {label: [] for label in range(3)}
    for row, label in zip(rows.tolist(), exact.labels(rows).tolist(), strict=True):
        [region] = TileReader(filled, index).regions(np.array([row]), [(0, 0, 96, 96)])
        known[label].append(region.pixels)  # type: ignore[union-attr]
    [batch] = first(TrainingBatches(filled, index, settings(**STREAMED | whole)), 1)
    for crop, label in zip(batch.crops.permute(0, 2, 3, 1).numpy(), batch.labels.tolist(), strict=True):
        assert any(crop.tobytes() in _windows(tile, 48) for tile in known[label])


def _windows(tile: np.ndarray, edge_px: int) -> set[bytes]:
    free_px = tile.shape[0] - edge_px + 1
    return {tile[y : y + edge_px, x : x + edge_px].tobytes() for y in range(free_px) for x in range(free_px)}


def test_a_fold_that_is_held_out_is_in_no_batch(filled: Store, index: Index, settings: Settings) -> None:
    samples = TrainingSamples(filled, index.holding_out(1), settings(**STREAMED))
    streamed = StreamedSamples(samples, 0)
    seen = {streamed._photo_row(tile) for tile in islice(streamed._stream(), 400)}  # type: ignore[arg-type]
    assert set(index.groups.at("fold", index.photos.at("group", np.array(sorted(seen)))).tolist()) == {0, 3}
    assert len(seen) == len(samples.selection.all_photo_rows())


def test_damaged_tiles_are_skipped_and_named_and_nothing_but_them_is_a_sentence(
    filled: Store, index: Index, settings: Settings, damage_tiles: Callable[..., list[str]]
) -> None:
    rows = index.rows_in_tars("train")
    [key] = damage_tiles(filled, index, rows[:1])
    batches = first(TrainingBatches(filled, index, settings(**STREAMED)), 12)
    skipped = [each for batch in batches for each in batch.skipped]
    assert {each.key for each in skipped} == {key}
    assert skipped[0].tar == index.tars[int(index.tiles["tar"][rows[0]])]
    damage_tiles(filled, index, rows[1:])
    with pytest.raises(StageError, match="65 tiles or tars one after the other are damaged, the last "):
        first(TrainingBatches(filled, index, settings(**STREAMED)), 1)


def test_without_any_tar_that_can_be_read_a_sentence_ends_the_stream(
    filled: Store, index: Index, settings: Settings
) -> None:
    for tar in index.tars:
        filled.remove(f"{POOL}/{tar}")
    message = r"65 tiles or tars one after the other are damaged, the last what is left in .*\.tar: .*No such file"
    with pytest.raises(StageError, match=message):
        first(TrainingBatches(filled, index, settings(**STREAMED)), 1)


def test_what_can_be_read_now_and_then_goes_on(filled: Store, index: Index, settings: Settings) -> None:
    """Of ten tiles one is whole: many more are damaged than may be in a row, but not in a row."""
    samples = TrainingSamples(filled, index, settings(**STREAMED))
    tiles = [tile for tile in islice(StreamedSamples(samples, 0)._stream(), 8) if not isinstance(tile, Unread)]
    broken = [Unread("a.tar", 1, "bad")] * 9

    class Mixed(StreamedSamples):
        def _stream(self) -> Iterator[StreamedTile | Unread]:  # type: ignore[override]
            return (item for tile in cycle(tiles) for item in (*broken, tile))

    [batch] = list(islice(Mixed(samples, 0), 1))
    assert len(batch.skipped) == 72


@pytest.mark.parametrize(
    ("member", "change"),
    [
        (".json", lambda about: re.sub(rb'("photo": ").', rb"\1p", about)),
        (".json", lambda about: re.sub(rb'("photo": ")(.)', lambda m: m[1] + bytes([m[2][0] ^ 1]), about)),
        (".json", lambda about: about.replace(b'"width_px": 96', b'"width_px": 960')),
        (".json", lambda about: about.replace(b'"height_px": 96', b'"height_px": -6')),
        (".json", lambda about: re.sub(rb'"tile": \d', b'"tile": 7', about)),
        (".json", lambda about: re.sub(rb'"tile": \d.*"width_px": \d+', b'"tile": 0, "width_px": 1e999', about)),
    ],
)
@pytest.mark.parametrize("restart_mcus", [0, 8])
def test_a_description_that_is_damaged_is_skipped_and_named(
    tmp_path: Path,
    fill: Callable[..., Index],
    settings: Settings,
    restart_mcus: int,
    member: str,
    change: Callable[[bytes], bytes],
) -> None:
    store = open_store(str(tmp_path / "data"))
    index = fill(store, {"train": 2}, restart_mcus=restart_mcus)
    [tar] = index.tars
    store.publish(f"{POOL}/{tar}", with_first(store.read(f"{POOL}/{tar}"), member, change))
    whole = {"crop_px": 48, "outer_crop_px": 96, "manipulation_probability": 0.0, "batch": 4}
    batches = first(TrainingBatches(store, index, settings(**STREAMED | whole)), 12)
    assert all(batch.crops.shape == (4, 3, 48, 48) for batch in batches)
    skipped = [each for batch in batches for each in batch.skipped]
    assert skipped
    assert {each.tar for each in skipped} == {tar}
    assert len({re.sub(r"at \d+,\d+", "", each.what) for each in skipped}) == 1


def with_first(data: bytes, member: str, change: Callable[[bytes], bytes]) -> bytes:
    """Return a tar whose first member of a kind is changed, in its length or not."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=sink, mode="w") as new:
        names = [one.name for one in old if one.name.endswith(member)]
        for one in old:
            content = old.extractfile(one).read()  # type: ignore[union-attr]
            changed = change(content) if one.name == names[0] else content
            assert one.name != names[0] or changed != content
            one.size = len(changed)
            new.addfile(one, io.BytesIO(changed))
    return sink.getvalue()


def test_the_exact_reader_does_not_wait_for_webdataset(repository: Path) -> None:
    code = "import sys, train.main, train.evaluation.held_out; print('webdataset' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


def test_what_is_sent_to_a_loader_is_small(filled: Store, index: Index, settings: Settings) -> None:
    streamed = StreamedSamples(TrainingSamples(filled, index, settings(**STREAMED)), 0)
    next(iter(streamed))
    assert len(ForkingPickler.dumps(streamed)) < 10_000
