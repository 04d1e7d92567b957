"""What `prune` removes and never removes, on stores of all kinds; and that it may be cut off at any moment."""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.errors import StageError, StorageError
from corpus.leases import CURATION_UNIT, LEASES, held
from corpus.sections import Shards, Training
from corpus.storage import MARKER, Store, open_store
from pipelines.prune.__main__ import main, prune
from pipelines.prune.names import is_made
from pipelines.prune.needs import files_below, shared_files
from pipelines.prune.plan import UNTOUCHED_S, plan_pruning
from shards.entries import files_of_tar
from shards.index import missing_files
from tests.shards.conftest import Collection
from train.runs.run import RunConfig

SHORT = r"\d{4}-(\d{4}-aa)-(\d\d)"
OLD_S = time.time() - 10 * UNTOUCHED_S


def put(store: Store, path: str, data: bytes) -> None:
    """Write a file; on a disk without `Store.publish`, which waits for the disk each time."""
    if not store.is_local:
        store.publish(path, data)
        return
    file = Path(store.path(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def put_json(store: Store, path: str, value: object) -> None:
    put(store, path, json.dumps(value).encode())


def add_generation(store: Store, name: str, tars: list[str], tables: list[str], *, whole: str = "both") -> None:
    """Publish a generation; `whole`: both, curated (its shards are missing) or none."""
    put_json(store, f"curated/{name}/photos.json", {"files": [f"tables/{one}.parquet" for one in tables]})
    put(store, f"curated/{name}/report.html", b"report")
    for table in tables:
        put(store, f"tables/{table}.parquet", b"table")
    if whole == "both":
        for tar in tars:
            for path in files_of_tar(tar):
                put(store, path, b"shard")
        put_json(store, f"shards/{name}/index.json", {"splits": {"train": {"shards": tars}}})
        put_json(store, f"shards/{name}/{MARKER}", {})
    if whole != "none":
        put_json(store, f"curated/{name}/{MARKER}", {})


def config_of(short: str) -> RunConfig:
    """Return the configuration of the run that tests call `<number>-<generation>-<seed>`."""
    found = re.fullmatch(SHORT, short)
    return (
        RunConfig(found[1], ("a",), Training(seed=int(found[2]))) if found else RunConfig("0001-aa", ("a",), Training())
    )


@cache
def named(short: str) -> str:
    """Return the name that the run of such a short name has."""
    return f"{short[:4]}-{config_of(short).ending}"


def add_run(store: Store, short: str, generation: str, *, finished: bool, age_s: float = 10 * UNTOUCHED_S) -> str:
    """Add a run and return its name; a name that is no short one was given by a person."""
    config = replace(config_of(short), generation=generation).as_json()
    name = named(short) if re.fullmatch(SHORT, short) else short
    folder = f"runs/{name}"
    put_json(store, f"{folder}/config.json", config)
    put(store, f"{folder}/checkpoints/0001/weights.safetensors", b"weights")
    put_json(store, f"{folder}/checkpoints/0001/{MARKER}", {})
    if finished:
        put(store, f"{folder}/weights.safetensors", b"weights")
        put_json(store, f"{folder}/{MARKER}", {})
    then_s = time.time() - age_s
    for path in () if not store.is_local else Path(store.path(folder)).rglob("*"):
        os.utime(path, (then_s, then_s))
    return name


def files(store: Store) -> set[str]:
    """Return all files but those of leases."""
    root = Path(store.path("."))
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    return {path for path in found if not path.startswith(f"{LEASES}/")}


def pruned(store: Store, generations: int | None, runs: int | None) -> list[str]:
    """Prune and return what was said."""
    said: list[str] = []
    prune(store, generations, runs, said.append)
    return said


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with four generations, of which neighbours share shards, three runs, and originals."""
    return filled(open_store(str(tmp_path / "data")))


def filled(found: Store) -> Store:
    for number in range(1, 5):
        shared = [f"train-{number}.tar", f"train-{number + 1}.tar"]
        add_generation(found, f"000{number}-aa", shared, [f"t{number}", "t-all"])
    add_run(found, "0001-0001-aa-11", "0001-aa", finished=True)
    add_run(found, "0002-0003-aa-22", "0003-aa", finished=True)
    add_run(found, "0003-0004-aa-33", "0004-aa", finished=True)
    found.publish("originals/folder/ab/1.jpg", b"original")
    found.publish("facts/v3-decoded/1.parquet", b"facts")
    found.publish("crawl/folder/1/records.parquet", b"records")
    return found


def test_the_last_generations_and_runs_stay_with_all_that_they_need(store: Store) -> None:
    before = files(store)
    pruned(store, 2, 2)
    gone = before - files(store)
    assert {path for path in gone if path.startswith(("curated", "shards/0", "runs"))} == {
        path
        for path in before
        if path.startswith(("curated/0001", "curated/0002", "shards/0001", "shards/0002", "runs/0001"))
    }
    assert {path for path in gone if path.startswith(("shards/tars", "tables"))} == {
        *files_of_tar("train-1.tar"),
        *files_of_tar("train-2.tar"),
        "tables/t1.parquet",
        "tables/t2.parquet",
    }


def test_an_object_store_is_pruned_alike(store: Store, tmp_path: Path) -> None:
    remote = filled(open_store(f"memory://{tmp_path.name}"))
    pruned(store, 2, 2)
    pruned(remote, 2, 2)
    assert {file.path for file in files_below(remote, ".")} == files(store)
    assert all(file.size_bytes > 0 and file.modified_at_s > OLD_S for file in files_below(remote, "runs"))


def test_the_generation_of_a_run_that_stays_stays_too(store: Store) -> None:
    said = pruned(store, 1, 2)
    assert store.done("curated/0003-aa") is not None
    assert store.exists("shards/tars/train-3.tar")
    assert f"keeps curated/0003-aa: run {named('0002-0003-aa-22')} needs it" in said


def test_without_numbers_only_what_nothing_needs_goes(store: Store) -> None:
    before = files(store)
    store.publish("shards/tars/lost.tar", b"no generation has it")
    pruned(store, None, None)
    assert files(store) == before


@pytest.mark.parametrize("whole", ["curated", "none"])
def test_a_generation_that_is_not_packed_yet_stays_and_so_do_all_shards(store: Store, whole: str) -> None:
    add_generation(store, "0005-aa", [], ["t5"], whole=whole)
    store.publish("shards/tars/begun.tar", b"by a curation that was killed")
    said = pruned(store, 1, 1)
    assert store.exists("curated/0005-aa/report.html")
    assert store.exists("tables/t5.parquet")
    assert store.exists("shards/tars/begun.tar") == (whole == "curated")
    assert any("curate first" in line for line in said) == (whole == "curated")
    assert store.done("shards/0004-aa") is not None, "the newest generation with shards"


def test_a_run_that_somebody_trains_or_touched_today_stays_and_an_abandoned_one_goes(store: Store) -> None:
    add_run(store, "0002-0001-aa-55", "0001-aa", finished=False)
    add_run(store, "0001-0002-aa-44", "0002-aa", finished=False)
    add_run(store, "0001-0001-aa-66", "0001-aa", finished=False, age_s=60)
    add_run(store, "0009-0004-aa-77", "0004-aa", finished=False)
    add_run(store, "mine", "0001-aa", finished=True)
    with held(store, f"runs/{named('0001-0002-aa-44')}", "lease"):
        for path in Path(store.path(f"runs/{named('0001-0002-aa-44')}")).iterdir():
            os.utime(path, (OLD_S, OLD_S))
        pruned(store, 1, 1)
    stay = ("0001-0001-aa-66", "0001-0002-aa-44", "0003-0004-aa-33", "0009-0004-aa-77")
    assert store.names("runs") == sorted([*map(named, stay), "mine"])
    assert store.names("curated") == ["0001-aa", "0002-aa", "0004-aa"]


@pytest.mark.parametrize("name", ["1-best", "2024-x", "0001-best", "0001-0001-aa-12345678", "0001"])
def test_a_run_whose_name_does_not_follow_from_its_configuration_was_named_by_a_person(store: Store, name: str) -> None:
    add_run(store, name, "0001-aa", finished=True)
    assert f"keeps runs/{name}: a person has named it" in pruned(store, 1, 1)
    assert store.done(f"runs/{name}") is not None


@pytest.mark.parametrize("settings", [{}, {"fold": 2}, {"start_from": "last"}, {"workers": 3, "seed": 7}])
def test_a_name_is_made_as_training_makes_it_of_the_keys_that_it_knew(settings: dict[str, object]) -> None:
    config = RunConfig("0001-aa", ("a", "b"), Training.model_validate(settings))
    written = json.loads(json.dumps(config.as_json()))
    assert is_made(f"0012-{config.ending}", written)
    assert not is_made(f"012-{config.ending}", written)
    del written["train"]["network"]  # a key that has come since
    assert not is_made(f"0012-{config.ending}", written)


def test_a_run_in_which_cameras_are_enrolled_stays(store: Store) -> None:
    name = named("0001-0001-aa-11")
    put(store, f"runs/{name}/enrolled/a.safetensors", b"camera")
    assert f"keeps runs/{name}: has enrolled cameras" in pruned(store, 1, 1)


def test_of_a_run_that_goes_with_its_calibration_that_is_said(store: Store) -> None:
    name = named("0001-0001-aa-11")
    put_json(store, f"runs/{name}/examiner.json", {})
    (line,) = [line for line in pruned(store, 1, 1) if line.startswith(f"removes runs/{name}")]
    assert line.endswith("its calibration, examiner.json, goes too")


def test_what_a_training_starts_from_stays(store: Store) -> None:
    first, second = named("0001-0001-aa-11"), named("0002-0003-aa-22")
    begun = add_run(store, "0009-0004-aa-77", "0004-aa", finished=False)
    put_json(store, f"runs/{begun}/parent.json", {"run": second})
    said: list[str] = []
    prune(store, 1, 1, said.append, first)
    assert f"keeps runs/{first}: train.start_from names it" in said
    assert f"keeps runs/{second}: run {begun} starts from it" in said


def test_a_baseline_keeps_its_generation(store: Store) -> None:
    put_json(store, "baselines/noise-0002-aa-11/baseline.json", {"generation": "0002-aa"})
    assert "keeps curated/0002-aa: baseline noise-0002-aa-11 needs it" in pruned(store, 1, 1)
    assert store.exists("shards/tars/train-2.tar")


def test_what_has_come_to_be_needed_since_the_plan_is_left(store: Store) -> None:
    """While the plan is told, one run is trained again and another one is begun on an old generation."""
    said: list[str] = []
    taken, first = ExitStack(), named("0001-0001-aa-11")

    def say(line: str) -> None:
        if not said:
            taken.enter_context(held(store, f"runs/{first}", "lease"))
            add_run(store, "0009-0002-aa-88", "0002-aa", finished=False)
        said.append(line)

    with taken:
        removed = prune(store, 1, 1, say)
    assert f"leaves runs/{first}: somebody trains it now" in said
    assert f"leaves curated/0001-aa: run {first} needs it" in said
    assert f"leaves shards/0002-aa: run {named('0009-0002-aa-88')} needs it" in said
    assert store.names("curated") == ["0001-aa", "0002-aa", "0004-aa"]
    assert all(missing_of(store, name) == set() for name in ("0001-aa", "0002-aa", "0004-aa"))
    assert [one.path for one in removed if one.is_folder] == [
        f"runs/{named('0002-0003-aa-22')}", "shards/0003-aa", "curated/0003-aa"
    ]  # fmt: skip


def test_nothing_is_removed_while_somebody_curates(store: Store) -> None:
    before = files(store)
    with held(store, LEASES, CURATION_UNIT), pytest.raises(StageError, match=r"process \d+ on \S+ since .* curates it"):
        pruned(store, 1, 1)
    assert files(store) == before


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("shards/0004-aa/index.json", {}),
        (f"runs/{named('0003-0004-aa-33')}/config.json", {"train": {}}),
        ("curated/0004-aa/photos.json", 3),
    ],
)
def test_where_a_need_cannot_be_read_nothing_is_removed(store: Store, path: str, value: object) -> None:
    store.publish_json(path, value)
    before = files(store)
    with pytest.raises(StorageError, match="does not say"):
        pruned(store, 1, 1)
    assert files(store) == before


def test_what_killed_writers_left_goes_after_a_day(store: Store) -> None:
    for name, age_s in ((".tmp-1-old", 2 * UNTOUCHED_S), (".tmp-2-new", 60)):
        for folder in ("shards/tars", "curated/0004-aa", "tables"):
            path = Path(store.path(f"{folder}/{name}"))
            path.write_bytes(b"part")
            os.utime(path, (time.time() - age_s,) * 2)
    pruned(store, None, None)
    assert {path for path in files(store) if ".tmp-" in path} == {
        "shards/tars/.tmp-2-new",
        "curated/0004-aa/.tmp-2-new",
        "tables/.tmp-2-new",
    }


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: Store, *words: str) -> str:
    file = Path(store.url).parent / "pipelines.yaml"
    (file.parent / "cameras.yaml").write_text("a: {name: A, make: [A], model: [A], sizes: [640x480]}\n")
    file.write_text("storage: data\ncatalogue: cameras.yaml\n")
    monkeypatch.setattr(sys, "argv", ["prune", "--config", str(file), *words])
    assert main() == 0
    return capsys.readouterr().out


def test_a_dry_run_says_the_same_and_changes_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(store)
    words = ("--keep-generations", "2", "--keep-runs", "2")
    dry = call(monkeypatch, capsys, store, *words, "--dry-run")
    assert files(store) == before
    assert "would remove curated/0001-aa, " in dry
    assert "keeps curated/0004-aa: the newest generation" in dry
    wet = call(monkeypatch, capsys, store, *words)
    assert wet == dry.replace("would remove", "removes")
    assert json.loads(store.read("receipts/prune.json"))["removed"] == 13
    assert "in all 0 folders and 0 files, 0 B" in call(monkeypatch, capsys, store, *words)


@pytest.mark.parametrize("number", ["0", "-1", "x"])
def test_the_newest_one_cannot_be_asked_for(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    with pytest.raises(SystemExit):
        call(monkeypatch, capsys, store, "--keep-generations", number)
    assert "the newest one always stays" in capsys.readouterr().err


@pytest.mark.slow
def test_what_a_packed_generation_needs_is_all_that_it_has(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "data"))
    collection = Collection(store)
    collection.add(3)
    collection.publish(Shards(tile_px=64, tiles_per_photo=1, shard_photos=16))
    needed = shared_files(store, "0001-aa")
    for path in needed:
        store.remove(path)
    lost = set(missing_files(store, "0001-aa"))
    assert needed == {path for path in lost if path.startswith("shards/tars/")}
    assert len(needed) > 2


@st.composite
def layouts(draw: st.DrawFn) -> dict[str, object]:
    """Draw generations that share shards and tables, runs in all states, and how much is to stay."""
    number = draw(st.integers(1, 5))
    some = st.lists(st.integers(0, 5), max_size=3, unique=True)
    generations = [
        (draw(some), draw(some), draw(st.sampled_from(["both", "both", "both", "curated", "none"])))
        for _ in range(number)
    ]
    runs = draw(st.lists(st.tuples(st.integers(1, number), st.booleans(), st.booleans()), max_size=4))
    keep = st.none() | st.integers(1, 3)
    return {"generations": generations, "runs": runs, "keep": (draw(keep), draw(keep)), "cut": draw(st.integers(0, 30))}


def built(folder: Path, layout: dict[str, object]) -> Store:
    store = open_store(str(folder))
    store.publish("originals/folder/ab/1.jpg", b"original")
    store.publish("shards/tars/lost.tar", b"by nobody")
    for number, (tars, tables, whole) in enumerate(layout["generations"], start=1):  # type: ignore[arg-type]
        add_generation(store, f"{number:04d}-aa", [f"{tar}.tar" for tar in tars], [str(t) for t in tables], whole=whole)
    for number, (of, finished, is_new) in enumerate(layout["runs"], start=1):  # type: ignore[arg-type]
        age_s = 60 if is_new else 10 * UNTOUCHED_S
        add_run(store, f"{number:04d}-{of:04d}-aa-11", f"{of:04d}-aa", finished=finished, age_s=age_s)
    return store


class CutError(Exception):
    """Stands for SIGKILL."""


def test_at_whatever_file_it_is_cut_off_what_has_its_marker_is_whole(tmp_path: Path) -> None:
    number, is_cut = 0, True
    while is_cut:
        store = open_store(str(tmp_path / str(number)))
        for name in ("0001-aa", "0002-aa"):
            add_generation(store, name, [f"{name}.tar"], [name])
        add_run(store, "0001-0001-aa-11", "0001-aa", finished=True)
        add_run(store, "0002-0002-aa-22", "0002-aa", finished=True)
        before = files(store)
        marked = {path.rpartition("/")[0] for path in before if path.endswith(MARKER)}
        try:
            with _cutting(number):
                pruned(store, 1, 1)
            is_cut = False
        except CutError:
            _check_whole(store, before, files(store), marked)
            number += 1
    assert number > 15
    assert files(store) == {path for path in before if "0002-aa" in path}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])
@given(layout=layouts())
def test_whatever_a_store_holds_what_stays_is_whole_and_a_cut_prune_is_finished_by_the_next(
    layout: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    keep: tuple[int | None, int | None] = layout["keep"]  # type: ignore[assignment]
    straight, cut = (built(tmp_path_factory.mktemp("store") / "data", layout) for _ in range(2))
    before = files(straight)
    marked = {path.rpartition("/")[0] for path in before if path.endswith(MARKER)}
    plan = plan_pruning(straight, *keep, time.time())
    pruned(straight, *keep)
    after = files(straight)
    _check_whole(straight, before, after, marked)
    # the newest whole generation of each kind, and everything outside of what is pruned, stay
    for folder in ("curated", "shards"):
        newest = max((path for path in marked if path.rpartition("/")[0] == folder), default=None)
        assert newest is None or f"{newest}/{MARKER}" in after
    assert {path for path in before if path.startswith(("originals", "receipts"))} <= after
    # all that goes is told
    assert all(
        any(path == one.path or path.startswith(f"{one.path}/") for one in plan.removals) for path in before - after
    )
    pruned(straight, *keep)
    assert files(straight) == after, "a second prune removes nothing"

    try:
        with _cutting(int(str(layout["cut"]))):
            pruned(cut, *keep)
    except CutError:
        _check_whole(cut, before, files(cut), marked)
    _age(cut)
    _age(straight)
    pruned(cut, *keep)
    pruned(straight, *keep)
    assert files(cut) == files(straight)


def _age(store: Store) -> None:
    """Let a day pass, after which nobody works on what is unfinished."""
    for path in Path(store.path(".")).rglob("*"):
        os.utime(path, (OLD_S, OLD_S))


def _check_whole(store: Store, before: set[str], after: set[str], marked: set[str]) -> None:
    """Every folder that has its marker has all its files, every generation all that it shares, every entry its tar."""
    for entry in (path for path in after if path.endswith(".tar.json")):
        assert {*files_of_tar(entry.rpartition("/")[2].removesuffix(".json"))} & before <= after
    for folder in marked:
        if f"{folder}/{MARKER}" in after:
            assert {path for path in before if path.startswith(f"{folder}/")} <= after
            if folder.startswith("shards/"):
                assert missing_of(store, folder.rpartition("/")[2]) == set()


def missing_of(store: Store, generation: str) -> set[str]:
    return {path for path in shared_files(store, generation) if not store.exists(path)}


@contextmanager
def _cutting(steps: int) -> Iterator[None]:
    """Let the removal of files end with CutError after so many; those of a folder go one by one, last first."""
    remove, left = Store.remove, iter(range(steps))

    def step() -> None:
        if next(left, None) is None:
            raise CutError

    def removed(store: Store, relative: str) -> None:
        if not relative.startswith(LEASES):
            step()
        remove(store, relative)

    def folder_removed(path: Path) -> None:
        for below in sorted(path.rglob("*"), reverse=True):
            step()
            below.rmdir() if below.is_dir() else below.unlink()
        path.rmdir()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "remove", removed)
        patch.setattr(shutil, "rmtree", folder_removed)
        yield
