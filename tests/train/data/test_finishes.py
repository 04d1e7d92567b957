"""Batches that a device finishes are those that loaders finish: the same samples, and the same crops."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.batched.finishing import finish
from train.data.batches import TrainingBatches
from train.data.crops import Finish
from train.data.finishes import unfinished
from train.data.manipulations import Manipulation
from train.data.samples import Batch

Settings = Callable[..., Training]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
STREAMED = {"reader": "webdataset", "sampling": "natural"}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def kinds_of(batch: Batch) -> list[str]:
    """Return what is still to become of each crop of a batch."""
    assert batch.finishes is not None
    kinds = ["none"] * len(batch.labels)
    for kind, places in (
        ("gamma", batch.finishes.corrected), ("jpeg", batch.finishes.compressed[:, 0]),
        ("scale", batch.finishes.resized[:, 0]),
    ):  # fmt: skip
        for place in places.tolist():
            kinds[place] = kind
    return kinds


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("changes", "crops"),
    [
        ({"flips": "d4", "alignment_unknown": 0.5}, 384),
        ({"flips": "turns", "outer_crop_px": 90, "crop_px": 41, "alignment_unknown": 1.0}, 192),  # ends within a block
        ({"outer_crop_px": 96, "crop_px": 48, "alignment_unknown": 0.0, **STREAMED}, 96),
        ({"loaders": 1, "crops_per_photo": 2}, 96),
    ],
    ids=["aligned-or-not", "anywhere", "streamed", "by-a-loader"],
)
def test_a_device_makes_the_crops_that_loaders_make(
    filled: Store, index: Index, settings: Settings, changes: dict[str, object], crops: int, device: str
) -> None:
    """JPEG, gamma and plain crops to the bit; of the values of resized ones few differ, by one level."""
    batches = {
        where: TrainingBatches(
            filled, index, settings(**{"manipulation_probability": 0.8, "batch": 48, "manipulate_on": where, **changes})
        )(7, crops // 48)
        for where in ("loaders", "device")
    }
    off: dict[str, list[np.ndarray]] = {"none": [], "gamma": [], "jpeg": [], "scale": []}
    for _ in range(crops // 48):
        made, due = next(batches["loaders"]), next(batches["device"])
        assert made.finishes is None
        for name in ("labels", "manipulated", "numbers"):
            assert torch.equal(getattr(made, name), getattr(due, name))
        assert due.finishes is not None
        finished = finish(due.crops.to(device), due.finishes.to(torch.device(device))).cpu()
        assert finished.shape == made.crops.shape
        assert finished.is_contiguous(memory_format=torch.channels_last)
        for kind, one, other in zip(kinds_of(due), made.crops, finished, strict=True):
            off[kind].append(np.abs(one.numpy().astype(int) - other.numpy()))
    assert min(map(len, off.values())) > crops / 20
    assert {kind: int(np.max(each)) for kind, each in off.items() if kind != "scale"} == {
        "none": 0, "gamma": 0, "jpeg": 0,
    }  # fmt: skip
    assert np.max(off["scale"]) <= 1
    assert np.mean(np.array(off["scale"]) > 0) < 0.05


def test_auto_leaves_it_to_loaders_on_a_cpu_and_to_the_device_on_a_gpu(
    filled: Store, index: Index, settings: Settings
) -> None:
    def by_device(where: str, device: str) -> bool:
        return TrainingBatches(filled, index, settings(manipulate_on=where), device=torch.device(device)).unfinished

    assert [by_device(where, "cpu") for where in ("auto", "loaders", "device")] == [False, False, True]
    assert [by_device(where, "cuda") for where in ("auto", "loaders", "device")] == [True, False, True]
    with pytest.raises(ValueError, match="manipulate_on"):
        settings(manipulate_on="gpu")
    with pytest.raises(ValueError, match="device resizes by cubic interpolation alone"):
        settings(manipulate_on="device", interpolation="varied")


@pytest.mark.parametrize("kind", ["jpeg", "scale", "gamma"])
def test_a_batch_may_be_of_one_kind_alone_and_of_windows_of_other_sizes(kind: str) -> None:
    rng = np.random.default_rng(0)
    strengths = {"jpeg": (1, 70, 100), "scale": (0.5, 1.7, 2.0), "gamma": (0.8, 1.0, 1.2)}[kind]
    windows, finishes = [], []
    for place, strength in enumerate(strengths):
        manipulation = Manipulation(kind, strength)  # type: ignore[arg-type]
        edge_px = manipulation.window_px(32) + place
        windows.append(rng.integers(0, 256, (edge_px, edge_px + 3, 3), dtype=np.uint8))
        finishes.append(Finish(manipulation, (0, 0, 32), place, place == 1))
    pixels, numbered = unfinished(windows, finishes)
    assert len(pixels) == sum(each.shape[0] * each.shape[1] for each in windows)  # no byte for making them equal
    made = finish(pixels, numbered).permute(0, 2, 3, 1).numpy().astype(int)
    expected = np.stack([each(window) for each, window in zip(finishes, windows, strict=True)])
    assert Counter(np.abs(made - expected).flatten().tolist()).keys() <= ({0, 1} if kind == "scale" else {0})
