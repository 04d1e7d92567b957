"""The feed: what loaders have left to the device is done there, and a training is the same."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import torch

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.data.batches import TrainingBatches
from train.data.samples import Batch
from train.fit.feed import Feed
from train.fit.loop import train_epochs
from train.model.checkpoints import TrainingState, first_state
from train.model.network import build_network

Settings = Callable[..., Training]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
STEPS = 3


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


class Trained:
    """A training of a few steps that may go on elsewhere: what it saw and what came of it."""

    def __init__(self, store: Store, index: Index, settings: Training) -> None:
        torch.manual_seed(0)
        self.store, self.index = store, index
        self.state: TrainingState = first_state(build_network(settings, 3), settings)
        self.numbers: list[int] = []

    def steps(self, settings: Training, stop_after: int | None = None) -> "Trained":
        """Train to the end, or until so many steps of the epoch are done."""
        left = (settings.epochs * settings.steps_per_epoch) - self.state.steps_done

        def within_epoch() -> None:
            if self.state.steps_done == stop_after:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            train_epochs(
                self.state, settings, torch.device("cpu"),
                batches=TrainingBatches(self.store, self.index, settings)(self.state.samples_done, left),
                validate=lambda _: {}, after_epoch=lambda _: None, within_epoch=within_epoch,
                consumed=lambda _, batch: self.numbers.extend(batch.numbers.tolist()),
            )  # fmt: skip
        return self


def few(settings: Settings, where: str, **changes: object) -> Training:
    return settings(
        **{"manipulation_probability": 0.8, "flips": "d4", "epochs": 1, "steps_per_epoch": STEPS, "batch": 16,
           "checkpoint_minutes": 1e-9, "manipulate_on": where, **changes}
    )  # fmt: skip


def test_a_training_has_the_same_loss_wherever_its_crops_are_manipulated(
    filled: Store, index: Index, settings: Settings
) -> None:
    losses = {}
    for where in ("loaders", "device"):
        one = few(settings, where, steps_per_epoch=1)
        losses[where] = Trained(filled, index, one).steps(one).state.history[0]["loss"]
    assert losses["device"] == pytest.approx(losses["loaders"], rel=1e-3)  # levels of resized crops
    without = {}
    for where in ("loaders", "device"):
        one = few(settings, where, steps_per_epoch=1, manipulation_probability=0.0)
        without[where] = Trained(filled, index, one).steps(one).state.history[0]["loss"]
    assert without["device"] == without["loaders"]


def test_a_training_goes_on_elsewhere_with_the_samples_that_are_due(
    filled: Store, index: Index, settings: Settings
) -> None:
    straight = Trained(filled, index, few(settings, "loaders")).steps(few(settings, "loaders"))
    moved = Trained(filled, index, few(settings, "loaders")).steps(few(settings, "loaders"), stop_after=1)
    assert moved.state.steps_done == 1
    moved.steps(few(settings, "device"))
    assert moved.numbers == straight.numbers == list(range(16 * STEPS))
    assert moved.state.history[0]["loss"] == pytest.approx(straight.state.history[0]["loss"], rel=0.02)


@pytest.mark.parametrize("device", DEVICES)
def test_the_feed_gives_finished_crops_and_asks_for_no_number(
    filled: Store, index: Index, settings: Settings, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def batches(where: str) -> Iterator[Batch]:
        return TrainingBatches(filled, index, few(settings, where))(0, STEPS)

    expected, feed = list(batches("loaders")), Feed(list(batches("device")), torch.device(device))
    asked: list[str] = []
    for name in ("item", "tolist", "__bool__", "__int__", "__float__", "nonzero"):
        monkeypatch.setattr(torch.Tensor, name, lambda _, name=name: asked.append(name))
    given = [feed.next() for _ in range(STEPS)]
    monkeypatch.undo()
    assert asked == []
    for one, other in zip(given, expected, strict=True):
        assert one is not None
        assert one.finishes is None
        assert one.crops.device.type == one.labels.device.type == device
        assert one.crops.is_contiguous(memory_format=torch.channels_last)
        assert (one.crops.cpu().int() - other.crops.int()).abs().max() <= 1
        assert torch.equal(one.labels.cpu(), other.labels)
    assert feed.waited_s() > 0
