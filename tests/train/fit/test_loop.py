"""Training: it learns, it goes on exactly where it stopped, and it learns nothing where there is nothing to learn."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from corpus.errors import StageError, StorageError
from corpus.sections import Training
from corpus.storage import Store, open_store
from shards.index import read_index
from train.data.batches import TrainingBatches
from train.data.samples import Batch
from train.data.skipped import Skipped, Tally, TooManySkippedError
from train.fit.feed import Feed
from train.fit.loop import Told, train_epochs
from train.model.checkpoints import TrainingState, first_state, load_checkpoint, save_checkpoint, to_safetensors
from train.model.network import build_network
from train.model.optimisation import learning_rate, update_average
from train.runs.progress import progress_line

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
Settings = Callable[..., Training]


def easy_batches(settings: Training, start: int = 0, shuffled: bool = False) -> Iterator[Batch]:
    """Crops of class 0 are noisy and those of class 1 smooth; without end, and the same again from a sample on."""
    for step in itertools.count(start // settings.batch):
        generator = torch.Generator().manual_seed(settings.seed + 1000 * step)
        labels = torch.randint(0, 2, (settings.batch,), generator=generator)
        noise = torch.randn(settings.batch, 3, 32, 32, generator=generator)
        crops = 120 + noise * (1 + 15 * (1 - labels[:, None, None, None]))
        if shuffled:
            labels = labels[torch.randperm(settings.batch, generator=generator)]
        yield Batch(crops.clamp(0, 255).to(torch.uint8), labels)


def new_state(settings: Training) -> TrainingState:
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    return first_state(build_network(settings, 2), settings)


def with_dropout(state: TrainingState) -> TrainingState:
    """Let the network drop logits at random, as many networks drop paths: resuming must repeat that too."""
    state.network.register_forward_hook(
        lambda network, _, logits: torch.nn.functional.dropout(logits, 0.1, network.training)
    )
    return state


def train(state: TrainingState, settings: Training, store: Store | None = None, shuffled: bool = False) -> None:
    def after(metrics: dict[str, object]) -> None:
        if store is not None:
            save_checkpoint(store, "c", state)

    train_epochs(
        state,
        settings,
        CPU,
        batches=easy_batches(settings, state.samples_done, shuffled),
        validate=lambda _: {"validation_accuracy": 1.0},
        after_epoch=after,
    )


def tensors_of(state: TrainingState) -> bytes:
    moments = {
        f"o.{name}.{key}": value
        for name, parameter in state.network.named_parameters()
        for key, value in state.optimizer.state[parameter].items()
    }
    average = {f"a.{k}": v for k, v in state.average.state_dict().items()}
    return to_safetensors(dict(state.network.state_dict()) | average | moments)


@pytest.fixture
def store(tmp_path) -> Store:  # type: ignore[no-untyped-def]
    return open_store(str(tmp_path / "data"))


def test_a_few_steps_learn_what_is_easy(settings: Settings) -> None:
    easy = settings(steps_per_epoch=10, epochs=3, batch=16)
    state = new_state(easy)
    train(state, easy)
    assert state.history[-1]["accuracy"] > 0.95
    assert state.history[-1]["loss"] < state.history[0]["loss"]
    crops, labels, *_ = next(easy_batches(easy, 9999 * easy.batch))
    assert (state.average(crops).argmax(1) == labels).float().mean() > 0.9


def test_labels_that_say_nothing_are_not_learned(settings: Settings) -> None:
    hopeless = settings(steps_per_epoch=10, epochs=3, batch=16)
    state = new_state(hopeless)
    train(state, hopeless, shuffled=True)
    assert 0.3 < state.history[-1]["accuracy"] < 0.7


@pytest.mark.parametrize("changes", [{}, {"average_decay": 0.0}, {"network": "resnet10t", "steps_per_epoch": 1}])
def test_resumed_equals_uninterrupted_bit_for_bit(settings: Settings, store: Store, changes: dict[str, object]) -> None:
    whole = settings(epochs=4, **changes)
    straight = with_dropout(new_state(whole))
    train(straight, whole)

    class StoppedError(Exception):
        pass

    first = with_dropout(new_state(whole))
    with pytest.raises(StoppedError):
        train_epochs(
            first,
            whole,
            CPU,
            batches=easy_batches(whole),
            validate=lambda _: {},
            after_epoch=lambda _: _save_then_stop_at_2(store, first, StoppedError),
        )
    second = with_dropout(new_state(whole))
    load_checkpoint(store, "c", second)
    assert (second.epochs_done, second.samples_done) == (2, 2 * whole.steps_per_epoch * whole.batch)
    assert tensors_of(second) == tensors_of(first)
    train(second, whole)
    assert tensors_of(second) == tensors_of(straight)
    assert [entry["loss"] for entry in second.history] == [entry["loss"] for entry in straight.history]


@pytest.mark.parametrize("changes", [{}, {"accumulate": 2}, {"average_decay": 0.0, "optimizer": "sgd"}])
def test_resumed_within_an_epoch_equals_uninterrupted_bit_for_bit(
    settings: Settings, store: Store, changes: dict[str, object]
) -> None:
    whole = settings(epochs=2, checkpoint_minutes=1e-9, **changes)
    straight = with_dropout(new_state(whole))
    train(straight, whole.model_copy(update={"checkpoint_minutes": 0.0}))

    class StoppedError(Exception):
        pass

    first = with_dropout(new_state(whole))

    def within_epoch() -> None:
        save_checkpoint(store, "c", first)
        if (first.epochs_done, first.steps_done) == (1, 2):
            raise StoppedError

    with pytest.raises(StoppedError):
        train_epochs(
            first, whole, CPU, batches=easy_batches(whole), validate=lambda _: {}, after_epoch=lambda _: None,
            within_epoch=within_epoch,
        )  # fmt: skip
    assert store.done_names("c")[-1] == "epoch-0001-step-00000002"
    second = with_dropout(new_state(whole))
    load_checkpoint(store, "c", second)
    assert (second.epochs_done, second.steps_done) == (1, 2)
    assert second.samples_done == 6 * whole.accumulate * whole.batch
    train(second, whole)
    assert tensors_of(second) == tensors_of(straight)
    told = ("loss", "accuracy", "samples", "skipped", "step")
    assert [[entry[name] for name in told] for entry in second.history] == [
        [entry[name] for name in told] for entry in straight.history
    ]


def test_gradients_of_several_batches_add_up_to_those_of_one(settings: Settings) -> None:
    once, twice = settings(epochs=1, steps_per_epoch=1), settings(epochs=1, steps_per_epoch=1, accumulate=2)
    [batch] = itertools.islice(easy_batches(once), 1)
    alone, together = new_state(once), new_state(twice)
    for state, each in ((alone, once), (together, twice)):
        train_epochs(
            state, each, CPU, batches=itertools.repeat(batch), validate=lambda _: {}, after_epoch=lambda _: None
        )
    assert (alone.samples_done, together.samples_done) == (8, 16)
    for one, other in zip(alone.network.parameters(), together.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_checkpoints_within_an_epoch_follow_the_clock_and_every_rank_asks_at_the_same_steps(settings: Settings) -> None:
    asked: list[bool] = []

    def gather(own: Told) -> list[Told]:
        asked.append(own.is_due)
        return [own, Told(is_due=len(asked) == 2)]  # the other rank's clock is ahead once

    state, long = new_state(settings()), settings(epochs=1, steps_per_epoch=70, checkpoint_minutes=1000)
    saved: list[int] = []
    train_epochs(
        state, long, CPU, batches=easy_batches(long), validate=lambda _: {}, after_epoch=lambda _: None,
        within_epoch=lambda: saved.append(state.steps_done), gather=gather, ranks=2,
    )  # fmt: skip
    assert saved == [40]
    assert asked == [False, False, False, False, False]  # after 20, 40 and 60 steps; sums at the checkpoint and the end


def test_the_time_without_a_batch_is_told_apart(settings: Settings) -> None:
    """A wait lasts at least as long as was slept, however busy the machine is, and no time counts twice."""
    short = settings(epochs=1, steps_per_epoch=3)
    slept_s = 3 * 0.1

    def waiting(in_batches_s: float, in_steps_s: float) -> tuple[float, dict[str, Any]]:
        def slow() -> Iterator[Batch]:
            for batch in easy_batches(short):
                time.sleep(in_batches_s)
                yield batch

        state = new_state(short)
        train_epochs(
            state, short, CPU, batches=slow(), validate=lambda _: {}, after_epoch=lambda _: None,
            consumed=lambda step, batch: time.sleep(in_steps_s),
        )  # fmt: skip
        [metrics] = state.history
        return metrics["data_wait"] * metrics["seconds"], metrics

    rounding = 0.02
    waited_s, metrics = waiting(0.1, 0.0)
    assert waited_s >= slept_s - rounding
    assert metrics["data_wait"] <= 1
    assert f"data wait {metrics['data_wait']:.1%}" in progress_line(metrics, short)
    waited_s, metrics = waiting(0.0, 0.1)
    assert waited_s <= metrics["seconds"] - slept_s + rounding


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gets_the_batches_it_is_given_and_tells_when_it_had_none(settings: Settings) -> None:
    given = list(itertools.islice(easy_batches(settings()), 8))
    feed = Feed(iter(given), torch.device("cuda", 0))
    for batch in given:
        got = feed.next()
        assert got is not None
        assert got.crops.device.type == got.labels.device.type == got.manipulated.device.type == "cuda"
        assert torch.equal(got.crops.cpu(), batch.crops)
        assert torch.equal(got.labels.cpu(), batch.labels)
    assert feed.next() is None
    assert feed.waited_s() >= 0


class Asking(TorchDispatchMode):
    """Keeps each tensor that is asked for its number: by item(), float(), int(), bool() and the like."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[torch.Tensor] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.ops.aten._local_scalar_dense.default:
            self.asked.append(args[0])
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("ask", [float, int, bool, torch.Tensor.item])
def test_whatever_asks_a_tensor_for_its_number_is_seen(ask: Callable[[torch.Tensor], object]) -> None:
    with Asking() as asking:
        ask(torch.ones(()))
    assert len(asking.asked) == 1


def test_a_step_asks_the_device_for_no_number(settings: Settings) -> None:
    for steps in (1, 24):
        few = settings(epochs=1, steps_per_epoch=steps)
        state = new_state(few)
        with Asking() as asking:
            train(state, few)
        counters = {id(moments["step"]) for moments in state.optimizer.state.values()}  # on the CPU, also with a GPU
        # loss and accuracy of the epoch
        assert len([tensor for tensor in asking.asked if id(tensor) not in counters]) == 2


def _save_then_stop_at_2(store: Store, state: TrainingState, stopped: type[Exception]) -> None:
    save_checkpoint(store, "c", state)
    if state.epochs_done == 2:
        raise stopped


def test_a_checkpoint_without_its_marker_does_not_exist(settings: Settings, store: Store) -> None:
    two = settings(epochs=2)
    state = new_state(two)
    train(state, two, store)
    store.publish("c/epoch-0003/state.safetensors", b"half a file")
    again = new_state(two)
    load_checkpoint(store, "c", again)
    assert again.epochs_done == 2


def test_the_last_and_the_best_checkpoint_are_kept(settings: Settings, store: Store) -> None:
    state = new_state(settings())
    for epoch, score in enumerate([0.5, 0.9, 0.9, 0.7, 0.8], start=1):
        state.epochs_done = epoch
        state.history.append({"epoch": epoch, "validation_accuracy": score})
        save_checkpoint(store, "c", state)
    assert state.best_epoch == 3
    assert store.names("c") == store.done_names("c") == ["epoch-0003", "epoch-0005"]


def test_without_validation_the_last_epoch_is_the_best(settings: Settings) -> None:
    state = new_state(settings())
    state.history = [{"epoch": 1}, {"epoch": 2}]
    assert state.best_epoch == 2


def test_a_checkpoint_of_another_network_is_refused(settings: Settings, store: Store) -> None:
    one = settings(epochs=1)
    state = new_state(one)
    train(state, one, store)
    with pytest.raises(StorageError, match="epoch-0001 does not fit the network of this run"):
        load_checkpoint(store, "c", new_state(settings(network="shutter_small")))


def test_checkpoints_are_safetensors_and_json_without_pickle(settings: Settings, store: Store) -> None:
    one = settings(epochs=1)
    train(new_state(one), one, store)
    assert store.names("c/epoch-0001") == ["_done.json", "state.json", "state.safetensors"]
    assert store.read("c/epoch-0001/state.safetensors")[8:9] == b"{"  # 8 bytes of length, then a JSON header


def test_batches_that_run_out_stop_the_training(settings: Settings) -> None:
    state = new_state(settings())
    with pytest.raises(StageError, match="only 2 steps for an epoch of 4"):
        train_epochs(
            state,
            settings(),
            CPU,
            batches=itertools.islice(easy_batches(settings()), 2),
            validate=lambda _: {},
            after_epoch=lambda _: None,
        )


def test_a_loss_that_is_no_number_stops_the_training_before_anything_is_saved(settings: Settings, store: Store) -> None:
    wild = settings()
    state = new_state(wild)
    with torch.no_grad():
        next(iter(state.network.parameters())).fill_(float("nan"))
    with pytest.raises(StageError, match=r"the loss is not finite in epoch 1; lower train.learning_rate"):
        train(state, wild, store)
    assert store.names("c") == []


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_loss_that_is_no_number_stops_a_long_epoch_soon_and_on_all_ranks(settings: Settings, ranks: int) -> None:
    long = settings(epochs=1, steps_per_epoch=1000, checkpoint_minutes=0)
    state, steps = new_state(long), list[int]()
    if ranks == 1:
        with torch.no_grad():
            next(iter(state.network.parameters())).fill_(float("nan"))

    def gather(own: Told) -> list[Told]:
        return [own] if ranks == 1 else [own, own._replace(is_finite=False)]

    with pytest.raises(StageError, match="the loss is not finite in epoch 1"):
        train_epochs(
            state, long, CPU, batches=easy_batches(long), validate=lambda _: {}, after_epoch=lambda _: None,
            consumed=lambda step, batch: steps.append(step), gather=gather, ranks=ranks,
        )  # fmt: skip
    assert len(steps) == 20


def test_learning_rate_warms_up_and_falls_to_a_hundredth(settings: Settings) -> None:
    long = settings(epochs=10, steps_per_epoch=100, warm_up_steps=100, learning_rate=1.0)
    rates = [learning_rate(step, long) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == rates[99] == 1.0
    assert rates[99:] == sorted(rates[99:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=1e-4)


def test_warm_up_takes_a_quarter_of_a_short_training_at_most(settings: Settings) -> None:
    short = settings(epochs=1, steps_per_epoch=8, warm_up_steps=500, learning_rate=1.0)
    assert [learning_rate(step, short) for step in range(3)] == [0.5, 1.0, 1.0]


def test_average_forgets_the_first_weights_and_then_moves_slowly() -> None:
    average, network = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    torch.nn.init.constant_(average.weight, 0.0)
    torch.nn.init.constant_(network.weight, 1.0)
    update_average(average, network, step=0, decay=0.999)
    assert average.weight.item() == pytest.approx(0.9)
    torch.nn.init.constant_(network.weight, 0.0)
    update_average(average, network, step=100_000, decay=0.999)
    assert average.weight.item() == pytest.approx(0.9 * 0.999)


def test_biases_and_norms_do_not_decay(settings: Settings) -> None:
    state = new_state(settings(weight_decay=0.1))
    decaying, free = state.optimizer.param_groups
    assert (decaying["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    assert {parameter.ndim for parameter in free["params"]} == {1}
    assert 1 not in {parameter.ndim for parameter in decaying["params"]}


def test_a_tally_counts_samples_and_names_each_tile_once() -> None:
    tally = Tally([Skipped(5, 1, "t_1", "a.tar", "bad")], 3)
    for number in range(1000):
        tally.add([Skipped(number, 0, "t_0", "a.tar", "bad"), Skipped(number, 1, "t_1", "a.tar", "bad")])
    assert (tally.samples, tally.tiles) == (1003, 2)
    assert [(each.number, each.key) for each in tally.named] == [(0, "t_0"), (0, "t_1")]
    other = Tally()
    other.add([Skipped(7, 0, "", "b.tar", "it ends", 30), Skipped(6, 0, "", "b.tar", "it ends", 40)])
    tally.join(other)
    assert (tally.samples, tally.tiles) == (1073, 42)
    assert tally.named[-1] == Skipped(6, 0, "", "b.tar", "it ends", 40)
    assert tally.fault(10**9, "samples", "0001-abc") == ""
    assert "42 tiles of generation 0001-abc are damaged, 1,073 of 2,000" in tally.fault(2000, "samples", "0001-abc")


@pytest.mark.parametrize("reader", [{}, {"reader": "webdataset", "sampling": "natural"}])
def test_starting_loaders_draws_none_of_the_numbers_that_dropout_draws(
    filled: Store, settings: Settings, reader: dict[str, str]
) -> None:
    torch.manual_seed(1)
    untouched = torch.get_rng_state()
    batches = TrainingBatches(filled, read_index(filled, "0001-abcdef"), settings(**reader))
    next(iter(batches(0, 1)))
    assert torch.equal(torch.get_rng_state(), untouched)


def test_resumed_equals_uninterrupted_with_real_batches_and_dropout(filled: Store, settings: Settings) -> None:
    index, whole = read_index(filled, "0001-abcdef"), settings()

    class StoppedError(Exception):
        pass

    def trained(*stops: int) -> TrainingState:
        torch.manual_seed(whole.seed)
        state = with_dropout(first_state(build_network(whole, 3), whole))

        def after_epoch(_: object) -> None:
            if state.epochs_done in stops:
                raise StoppedError

        for _ in range(1 + len(stops)):
            steps = (whole.epochs - state.epochs_done) * whole.steps_per_epoch
            with suppress(StoppedError):
                train_epochs(
                    state, whole, CPU,
                    batches=TrainingBatches(filled, index, whole)(state.samples_done, steps),
                    validate=lambda _: {}, after_epoch=after_epoch,
                )  # fmt: skip
        assert state.epochs_done == whole.epochs
        return state

    straight, resumed = trained(), trained(1, 2)
    assert [entry["loss"] for entry in resumed.history] == [entry["loss"] for entry in straight.history]
    assert tensors_of(resumed) == tensors_of(straight)


def skipping(batches: Iterator[Batch], tiles: int, every: int = 1) -> Iterator[Batch]:
    """Add a damaged sample to each of some batches; `tiles` different tiles are damaged."""
    for step, batch in enumerate(batches):
        damaged = () if step % every else (Skipped(step, 0, f"t_{step // every % tiles}", "a.tar", "bad"),)
        yield batch._replace(skipped=damaged)


def train_skipping(state: TrainingState, settings: Training, tiles: int) -> None:
    train_epochs(
        state, settings, CPU, batches=skipping(easy_batches(settings), tiles),
        validate=lambda _: {}, after_epoch=lambda _: None, generation="0001-abc",
        gather=lambda own: [own, of_another_rank(own)], ranks=2,
    )  # fmt: skip


def of_another_rank(own: Told) -> Told:
    named = (Skipped(each.number, 0, each.key, "b.tar", "of another rank") for each in own.skipped.named)
    return own._replace(skipped=Tally(named, own.skipped.samples))


def test_skipped_samples_of_all_ranks_are_counted_by_epoch_and_kept_for_the_next_one(settings: Settings) -> None:
    two = settings(epochs=2)
    state = new_state(two)
    train_skipping(state, two, tiles=2)
    assert [entry["skipped"] for entry in state.history] == [8, 8]
    assert [entry["samples"] for entry in state.history] == [64, 128]
    assert state.samples_done == 128
    assert [Skipped(**each) for each in state.skipped] == [  # each tile once, by its first sample
        Skipped(0, 0, "t_0", "a.tar", "bad"),
        Skipped(0, 0, "t_0", "b.tar", "of another rank"),
        Skipped(1, 0, "t_1", "a.tar", "bad"),
        Skipped(1, 0, "t_1", "b.tar", "of another rank"),
    ]


def test_too_many_damaged_tiles_stop_a_training_at_once_and_are_told(settings: Settings) -> None:
    long = settings(epochs=1, steps_per_epoch=40)
    state = new_state(long)
    message = r"11 tiles of generation 0001-abc are damaged, 11 of 176 samples.*first is t_0 in a\.tar: bad"
    with pytest.raises(TooManySkippedError, match=message) as told:
        train_skipping(state, long, tiles=40)
    assert [each.number for each in told.value.skipped] == list(range(11))
    assert state.samples_done == 0
