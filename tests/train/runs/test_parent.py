"""Parent: which finished run a training starts from, why none, and that the choice is made once."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from corpus.errors import ConfigurationError, StageError
from corpus.sections import Training
from corpus.storage import Store, open_store
from train.model.checkpoints import to_safetensors
from train.model.network import build_network
from train.runs.parent import Parent, load_parent, parent_of, publish_parent
from train.runs.run import Run, RunConfig, open_run, run_of

Finished = Callable[..., Run]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


@pytest.fixture
def finished(store: Store, settings: Callable[..., Training]) -> Finished:
    """Return what leaves a finished run with weights behind."""

    def make(name: str, cameras: tuple[str, ...] = ("a", "b"), **changes: object) -> Run:
        torch.manual_seed(len(name))
        config = RunConfig("0001-abc", cameras, settings(**changes))
        run = open_run(store, config, name)
        weights = to_safetensors(dict(build_network(config.train, len(cameras)).state_dict()))
        store.publish(f"{run.directory}/weights.safetensors", weights)
        store.mark_done(run.directory, {})
        return run

    return make


@pytest.fixture
def parent(store: Store, settings: Callable[..., Training]) -> Callable[..., Parent | None]:
    """Return what a new training of cameras a, b and c would start from."""

    def of(start_from: str | None = "last", **changes: object) -> Parent | None:
        config = RunConfig("0002-def", ("c", "a", "b"), settings(start_from=start_from, **changes))
        return parent_of(run_of(store, config), config)

    return of


def reason(parent: Parent | None) -> str:
    assert parent is not None
    assert parent.run is None
    assert parent.sentence() == f"starts anew, train.start_from: {parent.reason}"
    return parent.reason


def test_a_training_starts_from_the_last_run_that_knew_fewer_cameras(
    finished: Finished, parent: Callable[..., Parent | None]
) -> None:
    finished("0001-x")
    finished("0002-x")
    found = parent()
    assert found is not None
    assert (found.run, found.new_cameras, found.reason) == ("0002-x", ("c",), "")
    assert found.sentence() == "starts from the weights of 0002-x; new cameras: c"
    assert parent("0001-x").run == "0001-x"  # type: ignore[union-attr]
    assert parent(None) is None


@pytest.mark.parametrize(
    ("cameras", "changes", "told"),
    [
        (("a", "z"), {}, "0002-x knows cameras that are gone: z"),
        (("a",), {"front": "both"}, "0002-x has another train.front"),
        (("a",), {"fold": 1}, "0002-x has another train.fold"),
        (("a",), {"shuffle_labels": True}, "0002-x has another train.shuffle_labels"),
    ],
)
def test_what_has_seen_too_much_or_is_another_network_is_passed_over_with_its_reason(
    finished: Finished,
    parent: Callable[..., Parent | None],
    cameras: tuple[str, ...],
    changes: dict[str, object],
    told: str,
) -> None:
    finished("0002-x", cameras, **changes)
    assert reason(parent()) == told
    with pytest.raises(ConfigurationError, match=r"train\.start_from: 0002-x"):
        parent("0002-x")
    finished("0001-x")  # an earlier one fits
    assert parent().run == "0001-x"  # type: ignore[union-attr]


def test_without_a_finished_run_of_use_the_training_starts_anew(
    finished: Finished, parent: Callable[..., Parent | None], store: Store
) -> None:
    assert reason(parent()) == "no run is finished yet"
    with pytest.raises(ConfigurationError, match=r"has no finished run 0009-x; name one, or `last`"):
        parent("0009-x")
    run = finished("0001-x", ("a", "b"), shuffle_labels=True)
    assert "shuffled labels" in reason(parent(shuffle_labels=True))
    store.remove(f"{run.directory}/weights.safetensors")
    finished("0002-x", ("a", "b"))
    store.publish("runs/0002-x/weights.safetensors", b"none")
    assert reason(parent()) == "0002-x has no weights that can be read"


def test_the_choice_is_made_when_a_run_is_begun_and_stays(
    finished: Finished, store: Store, settings: Callable[..., Training]
) -> None:
    finished("0001-x")
    config = RunConfig("0002-def", ("a", "b", "c"), settings(start_from="last"))
    publish_parent(run_of(store, config), parent_of(run_of(store, config), config))
    run = open_run(store, config)
    finished("0003-x")
    chosen = parent_of(run, config)
    assert chosen is not None
    assert chosen.run == "0001-x"
    publish_parent(run, Parent("0003-x", "", (), ""))
    assert parent_of(run, config) == chosen
    assert open_run(store, config) == run


def test_a_parent_that_is_gone_or_was_changed_stops_a_training_that_is_begun(
    finished: Finished, store: Store, settings: Callable[..., Training]
) -> None:
    before = finished("0001-x")
    config = RunConfig("0002-def", ("a", "b", "c"), settings(start_from="last"))
    publish_parent(run_of(store, config), parent_of(run_of(store, config), config))
    run, network = open_run(store, config), build_network(config.train, 3)
    load_parent(network, run, config.classes)
    weights = f"{before.directory}/weights.safetensors"
    store.publish(weights, store.read("runs/0001-x/config.json"))
    with pytest.raises(StageError, match="is another file than when the run was begun"):
        load_parent(network, run, config.classes)
    store.remove(weights)
    with pytest.raises(StageError, match="starts from 0001-x, which is gone"):
        load_parent(network, run, config.classes)


def test_the_key_is_part_of_a_run_and_leaves_the_digests_of_others_as_they_were(
    settings: Callable[..., Training],
) -> None:
    def digest(**changes: object) -> str:
        return RunConfig("0001-abc", ("a", "b"), settings(**changes)).digest

    assert digest() == "bbcaf43b"  # as before there was the key, so that runs go on
    assert len({digest(), digest(start_from="last"), digest(start_from="0001-x")}) == 3
