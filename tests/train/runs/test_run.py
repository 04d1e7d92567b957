from collections.abc import Callable

import pytest

from corpus.errors import StageError, StorageError
from corpus.sections import Training
from corpus.storage import Store, open_store
from train.runs.run import RunConfig, begun_before, find_run, open_run


@pytest.fixture
def store(tmp_path) -> Store:  # type: ignore[no-untyped-def]
    return open_store(str(tmp_path / "data"))


@pytest.fixture
def config(settings: Callable[..., Training]) -> Callable[..., RunConfig]:
    return lambda generation="0001-abc", **changes: RunConfig(generation, ("a", "b"), settings(**changes))


def test_equal_settings_and_generation_are_the_same_run(store: Store, config: Callable[..., RunConfig]) -> None:
    first = open_run(store, config())
    assert first.name.startswith("0001-0001-abc-")
    assert open_run(store, config()) == first
    assert first.config() == config()


@pytest.mark.parametrize("change", [{"seed": 1}, {"generation": "0002-def"}, {"shuffle_labels": True}])
def test_anything_else_is_another_run_of_the_next_number(
    store: Store, config: Callable[..., RunConfig], change: dict[str, object]
) -> None:
    first, second = open_run(store, config()), open_run(store, config(**change))
    assert first.name != second.name
    assert second.name.startswith("0002-")


def test_a_name_of_ones_own_belongs_to_one_training(store: Store, config: Callable[..., RunConfig]) -> None:
    assert open_run(store, config(), "mine").directory == "runs/mine"
    assert open_run(store, config(), "mine").directory == "runs/mine"
    with pytest.raises(StageError, match=r"runs/mine was begun with another train\.seed; choose another --run"):
        open_run(store, config(seed=1), "mine")


def test_each_fold_has_a_run_of_its_own_that_is_named_after_it(store: Store, config: Callable[..., RunConfig]) -> None:
    names = [open_run(store, config(fold=fold)).name for fold in (None, 0, 1)]
    assert [name.rpartition("-")[0] for name in names] == [
        "0001-0001-abc",
        "0002-0001-abc-fold0",
        "0003-0001-abc-fold1",
    ]
    assert open_run(store, config(fold=1)).name == names[2]
    assert find_config(store, names[2]).train.fold == 1


def find_config(store: Store, name: str) -> RunConfig:
    store.mark_done(f"runs/{name}", {})
    return find_run(store, name).config()


@pytest.mark.parametrize(
    "change",
    [
        {"workers": 2},
        {"loaders": 3},
        {"threads": 2},
        {"gpus": True},
        {"cache_folder": "/disk"},
        {"cache_gb": 7.0},
        {"manipulate_on": "device"},
    ],
)
def test_an_unfinished_run_goes_on_with_other_workers_and_a_finished_one_stays_as_it_was(
    store: Store, config: Callable[..., RunConfig], change: dict[str, object]
) -> None:
    run = open_run(store, config())
    assert open_run(store, config(**change)) == run
    assert run.config() == config(**change)
    store.mark_done(run.directory, {})
    assert open_run(store, config()) == run
    assert run.config() == config(**change)


def test_a_named_run_may_go_on_with_another_batch_and_is_another_run_without_its_name(
    store: Store, config: Callable[..., RunConfig]
) -> None:
    run = open_run(store, config(batch=8), "mine")
    assert open_run(store, config(batch=4), "mine").config().train.batch == 4
    assert open_run(store, config(batch=8)) != open_run(store, config(batch=4))
    assert run.config().train.batch == 4


def test_a_run_of_an_earlier_version_is_not_mixed_with_this_one(store: Store, config: Callable[..., RunConfig]) -> None:
    old = config().as_json()
    del old["format"], old["train"]["sampling"], old["train"]["reader"]  # as runs were begun before
    store.publish_json("runs/mine/config.json", old)
    store.publish_json("runs/0001-0001-abc-01234567/config.json", old)
    store.publish_json("runs/0002-0001-abc-01234568/config.json", config(seed=1).as_json() | {"format": 1})
    with pytest.raises(StageError, match="runs/mine was begun by another version"):
        open_run(store, config(), "mine")
    assert begun_before(store, config()) == ["0001-0001-abc-01234567"]
    assert open_run(store, config()).name.startswith("0003-")
    store.mark_done("runs/0001-0001-abc-01234567", {})
    assert begun_before(store, config()) == []


@pytest.mark.parametrize(
    ("number", "sentence"), [(2, "trained by an earlier version, .*; train again$"), (99, "by a later version, ")]
)
def test_a_finished_run_of_another_version_is_refused_with_what_to_do(
    store: Store, config: Callable[..., RunConfig], number: int, sentence: str
) -> None:
    content = config().as_json() | {"format": number}
    store.publish_json("runs/mine/config.json", content | {"train": {"a key of that version": 1}})
    store.mark_done("runs/mine", {})
    for wanted in ("mine", "latest", store.path("runs/mine")):
        with pytest.raises(StorageError, match=sentence):
            find_run(store, wanted)


@pytest.mark.parametrize("content", [b"{", b"{}", b"[]", b'"x"', b'{"train": {"batch": -1}}', b"\xff"])
def test_an_unreadable_configuration_of_another_run_stops_no_training(
    store: Store, config: Callable[..., RunConfig], content: bytes
) -> None:
    store.publish("runs/0001-0001-abc-01234567/config.json", content)
    store.publish("runs/0002-0001-abc-01234568/_done.json", content)
    store.publish_json("runs/0002-0001-abc-01234568/config.json", config().as_json() | {"format": 1})
    before = config().as_json() | {"format": 1}
    store.publish_json("runs/0003-0001-abc-01234569/config.json", before)
    found = begun_before(store, config())
    assert "0003-0001-abc-01234569" in found
    assert "0001-0001-abc-01234567" not in found


@pytest.mark.parametrize("name", ["", "../x", "a/b", "latest", ".hidden"])
def test_a_name_that_is_no_folder_name_is_refused(store: Store, config: Callable[..., RunConfig], name: str) -> None:
    with pytest.raises(StageError, match="is not a plain folder name"):
        open_run(store, config(), name)


def test_latest_is_the_finished_run_of_the_highest_number(store: Store, config: Callable[..., RunConfig]) -> None:
    for seed in range(3):
        run = open_run(store, config(seed=seed), f"{(9999, 10000, 10001)[seed]}-x")
        if seed < 2:
            store.mark_done(run.directory, {})
    assert find_run(store, "latest").name == "10000-x"


def test_a_run_is_found_by_name_and_by_path(store: Store, config: Callable[..., RunConfig]) -> None:
    run = open_run(store, config())
    store.mark_done(run.directory, {})
    assert find_run(store, run.name) == run
    by_path = find_run(open_store("/nowhere"), store.path(run.directory) + "/")
    assert by_path.config() == config()
    assert by_path.name == run.name


def test_a_run_that_is_missing_or_not_finished_is_refused(store: Store, config: Callable[..., RunConfig]) -> None:
    with pytest.raises(StorageError, match="holds no finished run; train one first"):
        find_run(store, "latest")
    run = open_run(store, config())
    with pytest.raises(StorageError, match="is not finished"):
        find_run(store, run.name)
    with pytest.raises(StorageError, match=r"is neither a run of .* nor a run's folder"):
        find_run(store, "other")


def test_a_configuration_that_is_not_one_is_named(store: Store, config: Callable[..., RunConfig]) -> None:
    run = open_run(store, config())
    store.publish_json(f"{run.directory}/config.json", {"classes": []})
    with pytest.raises(StorageError, match=r"config.json is not a run's configuration"):
        run.config()
